/*
 * clone with VM, VFORK and PIDFD: the child runs in our memory, on a stack of its own, and the
 * calling thread stands still until the child has executed a program or ended. Cost does not depend
 * on the size of the server.
 *
 * clone3(2) is used directly, since the C library offers no wrapper: it can take our signal
 * handlers from the child before it runs (CLONE_CLEAR_SIGHAND, Linux 5.5; ignored signals stay
 * ignored) and put it into a cgroup (CLONE_INTO_CGROUP, 5.7). Where it is missing, or forbidden by
 * a sandbox, clone(2) does the rest; where that does not know CLONE_PIDFD (before 5.2),
 * pidfd_open(2) follows: safe, because nobody else waits for the child.
 */
#include "sessions/sys_linux.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

/* struct clone_args of linux/sched.h in its version of Linux 5.7, which older headers lack. */
struct arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
        set_tid_size, cgroup;
};

#if defined(__x86_64__)
#define HAVE_RAW_CLONE 1
/* Makes a clone call of three arguments. The child arrives behind the instruction with our
 * registers and its own stack. */
static long raw_clone(long number, long first, long second, long third,
                      const struct sess_clone *clone)
{
    long result = number;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "mov %[argument], %%rdi\n\t"
                     "call *%[run]\n\t"
                     "ud2\n"
                     "1:"
                     : "+a"(result)
                     : "D"(first), "S"(second),
                       "d"(third), [run] "r"(clone->run), [argument] "r"(clone->argument)
                     : "rcx", "r11", "memory", "cc");
    return result;
}
#elif defined(__aarch64__)
#define HAVE_RAW_CLONE 1
static long raw_clone(long number, long first, long second, long third,
                      const struct sess_clone *clone)
{
    register long result __asm__("x0") = first;
    register long x1 __asm__("x1") = second;
    register long x2 __asm__("x2") = third;
    register long x8 __asm__("x8") = number;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x0, %[argument]\n\t"
                     "blr %[run]\n\t"
                     "brk #1\n"
                     "1:"
                     : "+r"(result)
                     : "r"(x1), "r"(x2),
                       "r"(x8), [run] "r"(clone->run), [argument] "r"(clone->argument)
                     : "memory", "cc");
    return result;
}
#else
#define HAVE_RAW_CLONE 0
#endif

/* The result of a raw call: the pid, or -1 with errno. */
static pid_t as_pid(long result)
{
    if (result >= 0)
        return (pid_t)result;
    errno = (int)-result;
    return -1;
}

#if HAVE_RAW_CLONE
static pid_t start_clone3(const struct sess_clone *clone, int *out_pidfd)
{
    struct arguments arguments = {
        .flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .pidfd = (uintptr_t)out_pidfd,
        .exit_signal = SIGCHLD,
        .stack = (uintptr_t)clone->stack,
        .stack_size = clone->stack_bytes,
    };
    if (clone->share_files)
        arguments.flags |= CLONE_FILES;
    if (clone->cgroup_fd >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)clone->cgroup_fd;
    }
    *clone->out_cleared = true;
    return as_pid(raw_clone(SYS_clone3, (long)&arguments, sizeof(arguments), 0, clone));
}

static pid_t start_clone2(const struct sess_clone *clone, long flags, int *out_pidfd)
{
    uintptr_t top = (uintptr_t)clone->stack + clone->stack_bytes;
    return as_pid(raw_clone(SYS_clone, flags, (long)top, (long)out_pidfd, clone));
}
#else
static pid_t start_clone3(const struct sess_clone *clone, int *out_pidfd)
{
    (void)clone, (void)out_pidfd, (void)as_pid;
    errno = ENOSYS;
    return -1;
}

/* What the C library's clone calls. */
SESS_RAW static int run(void *argument)
{
    const struct sess_clone *how = argument;
    how->run(how->argument);
    return 127;
}

static pid_t start_clone2(const struct sess_clone *how, long flags, int *out_pidfd)
{
    char *top = (char *)how->stack + how->stack_bytes;
    /* The C library only passes it on; run does not write to it. */
    return clone(run, top, (int)flags, (void *)(uintptr_t)how, out_pidfd);
}
#endif

static pid_t start_plain(const struct sess_clone *clone, int *out_pidfd)
{
    long flags = CLONE_VM | CLONE_VFORK | SIGCHLD | (clone->share_files ? CLONE_FILES : 0);
    *clone->out_cleared = false;
    *out_pidfd = -1; /* what failed may have left something */
    pid_t pid = start_clone2(clone, flags | CLONE_PIDFD, out_pidfd);
    if (pid >= 0 || errno != EINVAL)
        return pid;
    *out_pidfd = -1;
    return start_clone2(clone, flags, out_pidfd);
}

pid_t sess_clone_start(const struct sess_clone *clone, int *out_pidfd)
{
    if (!clone->plain) {
        pid_t pid = start_clone3(clone, out_pidfd);
        bool missing = errno == ENOSYS || errno == EPERM || errno == EINVAL || errno == E2BIG;
        if (pid >= 0 || !missing || clone->cgroup_fd >= 0)
            return pid;
    }
    return start_plain(clone, out_pidfd);
}
