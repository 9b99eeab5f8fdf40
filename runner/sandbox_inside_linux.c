/*
 * The inside of a sandbox: see sandbox_inside.h.
 */
#include "runner/sandbox_inside.h"

#include "runner/sandbox_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

struct orders {
    volatile bool failed; /* told by the child, in our memory */
    struct run_sandbox_orders head;
    const char *program, *search, *cwd;
    char **argv, **env;
    char *places;
};

static void tell(enum run_sandbox_step step, int os_error)
{
    const struct run_sandbox_status status = {.step = step, .os_error = os_error};
    (void)!write(RUN_SANDBOX_FD_STATUS, &status, sizeof(status));
}

static _Noreturn void fail(enum run_sandbox_step step, int os_error)
{
    tell(step, os_error);
    _exit(127);
}

static bool read_all(void *memory, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(RUN_SANDBOX_FD_ORDERS, (char *)memory + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* The next string; they were written by this same program. */
static char *next(char **at)
{
    char *text = *at;
    *at += strlen(text) + 1;
    return text;
}

static void read_orders(struct orders *orders)
{
    if (lseek(RUN_SANDBOX_FD_ORDERS, 0, SEEK_SET) != 0 ||
        !read_all(&orders->head, sizeof(orders->head)))
        fail(RUN_SANDBOX_ORDERS, EIO);
    size_t pointers = (size_t)orders->head.argc + orders->head.envc + 2;
    char *text = malloc(orders->head.size_bytes);
    char **list = calloc(pointers, sizeof(*list));
    if (text == NULL || list == NULL || !read_all(text, orders->head.size_bytes))
        fail(RUN_SANDBOX_ORDERS, ENOMEM);
    orders->program = next(&text);
    orders->search = next(&text);
    orders->cwd = next(&text);
    orders->argv = list;
    orders->env = list + orders->head.argc + 1;
    for (uint32_t i = 0; i < orders->head.argc; i++)
        orders->argv[i] = next(&text);
    for (uint32_t i = 0; i < orders->head.envc; i++)
        orders->env[i] = next(&text);
    orders->places = text;
}

/* bubblewrap has followed the paths once more: nobody may have exchanged anything meanwhile. */
static void check_places(const struct orders *orders)
{
    char *at = orders->places;
    for (uint32_t i = 0; i < orders->head.placec; i++) {
        const char *path = next(&at);
        if (!run_sandbox_place_holds(path, next(&at)))
            fail(RUN_SANDBOX_PLACE, (int)i);
    }
}

static void reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &standard, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The program leads a session, as it would outside. */
static bool take_terminal(void)
{
    if (setsid() >= 0 && ioctl(STDIN_FILENO, TIOCSCTTY, 0) == 0)
        return true;
    tell(RUN_SANDBOX_TERMINAL, errno);
    return false;
}

/* Nothing but the standard streams reaches the program. */
static void close_at_exec(void)
{
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    long most = sysconf(_SC_OPEN_MAX); /* before Linux 5.11 */
    for (int fd = STDERR_FILENO + 1; fd < most && fd < 1024 * 1024; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static bool goes_on(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == ESTALE ||
           error == ENODEV || error == ETIMEDOUT || error == ENAMETOOLONG;
}

/* As a start outside does (sessions/child_linux.c): a file that is no program is an error. */
static int search(const struct orders *orders)
{
    char path[PATH_MAX];
    const char *at = orders->head.has_search ? orders->search : "/bin:/usr/bin";
    int error = ENOENT;
    for (;; at++) {
        size_t size = strcspn(at, ":"), name_size = strlen(orders->program);
        if (size + 1 + name_size < sizeof(path)) {
            memcpy(path, at, size);
            if (size > 0)
                path[size] = '/';
            memcpy(path + size + (size > 0), orders->program, name_size + 1);
            (void)execve(path, orders->argv, orders->env);
            if (!goes_on(errno))
                return errno;
            error = errno == EACCES ? EACCES : error;
        }
        at += size;
        if (*at == '\0')
            return error;
    }
}

static void execute(const struct orders *orders)
{
    int error = ENOENT;
    if (strchr(orders->program, '/') != NULL) {
        (void)execve(orders->program, orders->argv, orders->env);
        error = errno;
    } else if (orders->program[0] != '\0') {
        error = search(orders);
    }
    tell(RUN_SANDBOX_EXEC, error);
}

/* What the program's process does before it is that. Returns if it cannot be. */
static void become_program(const struct orders *orders)
{
    reset_signals();
    if (orders->head.tty && !take_terminal())
        return;
    if (orders->head.has_cwd && chdir(orders->cwd) != 0) {
        tell(RUN_SANDBOX_CWD, errno);
        return;
    }
    close_at_exec();
    execute(orders);
}

/* ---- The first process ---- */

/* Stands still until the child has executed the program or told why not. Returns its pid. */
static __attribute__((noinline)) pid_t start(struct orders *orders)
{
    pid_t pid = vfork();
    if (pid != 0)
        return pid;
    become_program(orders);
    orders->failed = true;
    _exit(127);
}

/* The program is of the same user: it shall neither trace us nor open what we have open. */
static void hide(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0);
    for (int fd = RUN_SANDBOX_FD_ARGS; fd <= RUN_SANDBOX_FD_FILTER; fd++) {
        if (fd != RUN_SANDBOX_FD_STATUS)
            (void)close(fd);
    }
}

/* Waits for the program; what it has left behind and has ended is reaped meanwhile. */
static int wait_for(pid_t program)
{
    int status = 0;
    for (;;) {
        pid_t pid = wait(&status);
        if (pid == program)
            return status;
        if (pid < 0 && errno != EINTR)
            _exit(127); /* it is our child: this cannot be */
    }
}

_Noreturn void run_sandbox_inside(void)
{
    struct orders orders = {.failed = false};
    read_orders(&orders);
    check_places(&orders);
    hide();
    pid_t program = start(&orders);
    if (program < 0)
        fail(RUN_SANDBOX_PROCESS, errno);
    if (orders.failed)
        _exit(127);
    tell(RUN_SANDBOX_RUNS, 0);
    int status = wait_for(program);
    tell(RUN_SANDBOX_ENDED, status);
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}
