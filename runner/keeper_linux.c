/* The two keepers on Linux (keeper.h). Each blocks all signals before it forks and then waits for
 * them one by one: SIGCHLD, those to pass on, and, in the inner keeper, the one that the kernel
 * sends when the outer one dies. A pending signal stays pending until it is looked at, so nothing
 * can be missed between two looks. No memory is allocated, no descriptor but standard error and
 * the kernel's list of children is held, and nothing is done while nothing happens.
 */
#include "runner/keeper.h"

#include "runner/keeper_end.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What processes that end without an answer of their own report (EX_SOFTWARE of sysexits.h). */
#define EXIT_KEEPER_FAILED 70

/* The name in process lists; at most 15 characters (prctl(2)). */
#define KEEPER_NAME "execport-keeper"

/* One keeper: what it watches below and, if it is the inner one, above. */
struct keeper {
    const struct run_keeper_options *options;
    pid_t child;
    pid_t parent;  /* 0: nobody to watch */
    bool pass_hup; /* SIGHUP was not inherited as ignored */
    int children_fd;
    int status; /* of the child, from waitpid */
};

/* Standard error may be a full pipe that nobody reads: say it only if there is room. */
static void say(const char *format, ...) RUN_PRINTF(1, 2);

static void say(const char *format, ...)
{
    char text[256];
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length > 0 && poll(&room, 1, 0) == 1 && (room.revents & POLLOUT)) {
        size_t size = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
        if (write(STDERR_FILENO, text, size) < 0)
            return; /* there is nobody else to tell */
    }
}

/* The signal that tells the inner keeper of the outer one's death; no program's convention. */
static int parent_gone_signal(void)
{
    return SIGRTMIN;
}

/* Everything but job control, so that a stopped job stops as a whole, and faults. */
static void fill_waited(sigset_t *out_set)
{
    static const int open_signals[] = {SIGSEGV, SIGBUS, SIGFPE,  SIGILL,  SIGABRT,
                                       SIGTRAP, SIGSYS, SIGTSTP, SIGTTIN, SIGCONT};
    sigfillset(out_set);
    for (size_t i = 0; i < sizeof open_signals / sizeof *open_signals; i++)
        sigdelset(out_set, open_signals[i]);
}

static bool is_passed_on(const struct keeper *k, int signal_number)
{
    switch (signal_number) {
    case SIGTERM:
    case SIGINT:
    case SIGQUIT:
    case SIGUSR1:
    case SIGUSR2:
        return true;
    case SIGHUP:
        return k->pass_hup;
    default:
        return false;
    }
}

/* A keeper must not hold what a client waits for the end of, nor keep sockets or locks open. */
static void drop_descriptors(void)
{
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
    }
    closefrom(STDERR_FILENO + 1);
}

/* Ends as the child ended: the same code, or the same signal without a core of our own. */
static _Noreturn void leave_like(int status)
{
    if (WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    int signal_number = WTERMSIG(status);
    const struct rlimit no_core = {0, 0};
    sigset_t one;
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
    sigemptyset(&one);
    sigaddset(&one, signal_number);
    (void)sigprocmask(SIG_UNBLOCK, &one, NULL);
    /* Still here: the first process of a container cannot be ended by its own signal. */
    _exit(128 + signal_number);
}

/* Reaps everything that died. True once the child did. */
static bool reap(struct keeper *k)
{
    bool child_died = false;
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            return child_died;
        if (pid == k->child) {
            k->status = status;
            child_died = true;
        }
    }
}

/* Returns when the child has died or, for the inner keeper, the outer one has. */
static void watch(struct keeper *k)
{
    sigset_t waited;
    fill_waited(&waited);
    for (;;) {
        if (k->parent != 0 && getppid() != k->parent) {
            k->status = SIGKILL; /* as waitpid would say of the child, which is killed now */
            return;
        }
        int signal_number = sigwaitinfo(&waited, NULL);
        if (signal_number == SIGCHLD && reap(k))
            return;
        if (is_passed_on(k, signal_number))
            (void)kill(k->child, signal_number);
    }
}

static _Noreturn void keep(struct keeper *k)
{
    (void)prctl(PR_SET_NAME, KEEPER_NAME);
    drop_descriptors();
    k->children_fd = run_keeper_end_prepare();
    watch(k);
    const struct run_keeper_end_options end = {.reaping_passes = k->options->reaping_passes,
                                               .scan_proc = k->options->scan_proc,
                                               .children_fd = k->children_fd};
    unsigned left = run_keeper_end(&end);
    if (left > 0)
        say("execport-runner: %u processes of another user could not be ended\n", left);
    leave_like(k->status);
}

/* In a new process: asks for SIGNAL_NUMBER at the parent's death. A parent that died before the
 * request is noticed by whoever compares getppid afterwards.
 */
static void tie_to_parent(int signal_number)
{
    (void)prctl(PR_SET_PDEATHSIG, signal_number);
}

static void become_server(pid_t inner, const sigset_t *mask, struct run_keeper *out_keeper)
{
    tie_to_parent(SIGKILL);
    if (getppid() != inner)
        (void)raise(SIGKILL);
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    out_keeper->pid = inner;
}

/* In the inner keeper's process. Returns in the server only. */
static void fork_server(struct keeper *k, const sigset_t *mask, struct run_keeper *out_keeper)
{
    pid_t own = getpid();
    tie_to_parent(parent_gone_signal());
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    k->child = fork();
    if (k->child == 0) {
        become_server(own, mask, out_keeper);
        return;
    }
    if (k->child < 0) {
        say("execport-runner: cannot start the server process: %s\n", strerror(errno));
        _exit(EXIT_KEEPER_FAILED);
    }
    keep(k);
}

static int check_host(struct run_why *out_why)
{
    if (access("/proc/self/stat", R_OK) != 0)
        return run_why_set(out_why, -1,
                           "cannot read /proc: %s; mount it, the server needs it to end every "
                           "process that it leaves behind",
                           strerror(errno));
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return run_why_set(out_why, -1, "cannot become a child subreaper: %s", strerror(errno));
    return 0;
}

static bool is_ignored(int signal_number)
{
    struct sigaction action;
    return sigaction(signal_number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int run_keeper_start(const struct run_keeper_options *options, struct run_keeper *out_keeper,
                     struct run_why *out_why)
{
    sigset_t waited;
    sigset_t mask;
    if (check_host(out_why) != 0)
        return -1;
    struct keeper k = {.options = options, .pass_hup = !is_ignored(SIGHUP)};
    pid_t outer = getpid();
    /* An inherited SIG_IGN would let the kernel reap for us and lose the exit code. */
    (void)signal(SIGCHLD, SIG_DFL);
    fill_waited(&waited);
    (void)sigprocmask(SIG_BLOCK, &waited, &mask);
    k.child = fork();
    if (k.child == 0) {
        k.parent = outer;
        fork_server(&k, &mask, out_keeper);
        return 0;
    }
    if (k.child > 0)
        keep(&k);
    int error = errno;
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 0);
    return run_why_set(out_why, -1, "cannot start the keeper process: %s", strerror(error));
}
