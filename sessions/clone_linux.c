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
#define HAVE_CLONE3 1
/* The child arrives behind the instruction with our registers and its own stack. */
static long clone3(struct arguments *arguments, void (*run)(void *), void *argument)
{
    long result = SYS_clone3;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "mov %[argument], %%rdi\n\t"
                     "call *%[run]\n\t"
                     "ud2\n"
                     "1:"
                     : "+a"(result)
                     : "D"(arguments),
                       "S"(sizeof(*arguments)), [run] "r"(run), [argument] "r"(argument)
                     : "rcx", "r11", "memory", "cc");
    return result;
}
#elif defined(__aarch64__)
#define HAVE_CLONE3 1
static long clone3(struct arguments *arguments, void (*run)(void *), void *argument)
{
    register long result __asm__("x0") = (long)arguments;
    register long size __asm__("x1") = sizeof(*arguments);
    register long number __asm__("x8") = SYS_clone3;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x0, %[argument]\n\t"
                     "blr %[run]\n\t"
                     "brk #1\n"
                     "1:"
                     : "+r"(result)
                     : "r"(size), "r"(number), [run] "r"(run), [argument] "r"(argument)
                     : "memory", "cc");
    return result;
}
#else
#define HAVE_CLONE3 0
#endif

static pid_t start_clone3(const struct sess_clone *clone, int *out_pidfd)
{
#if HAVE_CLONE3
    int pidfd = -1;
    struct arguments arguments = {
        .flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .pidfd = (uintptr_t)&pidfd,
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
    long pid = clone3(&arguments, clone->run, clone->argument);
    if (pid > 0) {
        *out_pidfd = pidfd;
        return (pid_t)pid;
    }
    *clone->out_cleared = false;
    errno = (int)-pid;
    return -1;
#else
    (void)clone, (void)out_pidfd;
    errno = ENOSYS;
    return -1;
#endif
}

/* What the C library's clone calls. */
SESS_RAW static int run_plain(void *argument)
{
    const struct sess_clone *clone = argument;
    clone->run(clone->argument);
    return 127;
}

static pid_t start_clone(const struct sess_clone *how, int *out_pidfd)
{
    int flags = CLONE_VM | CLONE_VFORK | SIGCHLD | (how->share_files ? CLONE_FILES : 0);
    void *top = (char *)how->stack + how->stack_bytes;
    /* The C library only passes it on; run_plain does not write to it. */
    void *argument = (void *)(uintptr_t)how;
    *how->out_cleared = false;
    pid_t pid = clone(run_plain, top, flags | CLONE_PIDFD, argument, out_pidfd);
    if (pid >= 0 || errno != EINVAL)
        return pid;
    return clone(run_plain, top, flags, argument);
}

pid_t sess_clone_start(const struct sess_clone *clone, int *out_pidfd)
{
    *out_pidfd = -1;
    if (!clone->plain) {
        pid_t pid = start_clone3(clone, out_pidfd);
        bool missing = errno == ENOSYS || errno == EPERM || errno == EINVAL || errno == E2BIG;
        if (pid >= 0 || !missing || clone->cgroup_fd >= 0)
            return pid;
    }
    return start_clone(clone, out_pidfd);
}
