/*
 * A program start on Linux, the parent's side. Runs on a helper thread with all signals blocked.
 *
 *    handles    pipes or a terminal, close-on-exec from birth
 *    slots      the child's ends are put on low descriptors, so that the child need not copy ours
 *    clone      stands still until the program runs or the child has told why not
 *    answer     the handles that are ours, a pidfd, or a failure with the system's text
 *
 * If no set of slots is free, or the kernel cannot give the child its own copy of a few
 * descriptors, it starts with a copy of all of them.
 */
#include "sessions/cgroup_linux.h"
#include "sessions/child_linux.h"
#include "sessions/platform_linux.h"
#include "sessions/spawn.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

enum { CHILD_STACK_BYTES = 16 * 1024 }; /* of the helper's own stack; the child needs a few KiB */

/* ---- Handles ---- */

/* The child's ends; those that are the host's or the same as another are not closed. */
struct child_ends {
    iocp_handle at[3];
};

static void close_ends(const struct sess_spawn *spawn, struct child_ends *ends)
{
    for (int i = 0; i < 3; i++) {
        bool same = i > 0 && ends->at[i] == ends->at[i - 1];
        if (!same && ends->at[i] != spawn->platform->null_fd)
            iocp_handle_close(spawn->port, ends->at[i]);
    }
    *ends = (struct child_ends){{IOCP_NO_HANDLE, IOCP_NO_HANDLE, IOCP_NO_HANDLE}};
}

static uint64_t need_descriptors(const struct sess_spawn *spawn)
{
    return spawn->stdio == SESS_STDIO_TTY ? 2 : 4; /* at the time that one is missing */
}

static void short_of(struct sess_spawn *spawn, const char *resource, uint64_t need)
{
    spawn->result = SESS_E_NO_CAPACITY;
    spawn->shortage = (struct sess_shortage){resource, 0, need};
}

/* Words the failure of a step of ours, and names the resource if one ran out. */
static void fail_step(struct sess_spawn *spawn, int os_error, const char *verb)
{
    sess_spawn_fail(spawn, SESS_E_START, os_error, verb, NULL);
    if (os_error == EMFILE || os_error == ENFILE)
        short_of(spawn, sess_resource_text(SESS_RESOURCE_DESCRIPTORS), need_descriptors(spawn));
    else if (os_error == ENOSPC && spawn->stdio == SESS_STDIO_TTY)
        short_of(spawn, sess_resource_text(SESS_RESOURCE_TTYS), 1);
    else if (os_error == EAGAIN)
        short_of(spawn, sess_resource_text(SESS_RESOURCE_PROCESSES), 1);
    else if (os_error == ENOMEM)
        short_of(spawn, "memory", sizeof(struct sess_child));
}

static bool open_tty(struct sess_spawn *spawn, struct child_ends *ends)
{
    iocp_handle theirs = IOCP_NO_HANDLE;
    int error =
        sess_tty_open(spawn->platform, spawn->rows, spawn->columns, &spawn->output[0], &theirs);
    if (error != 0) {
        fail_step(spawn, error, "make a pseudoterminal");
        return false;
    }
    ends->at[0] = ends->at[1] = ends->at[2] = theirs;
    return true;
}

static bool open_pipe(struct sess_spawn *spawn, bool ours_reads, iocp_handle *out_ours,
                      iocp_handle *out_theirs)
{
    int os_error = 0;
    if (iocp_pipe_open(spawn->port, ours_reads, out_ours, out_theirs, &os_error) == 0)
        return true;
    fail_step(spawn, os_error, "make a pipe");
    return false;
}

static bool open_handles(struct sess_spawn *spawn, struct child_ends *ends)
{
    if (spawn->stdio == SESS_STDIO_TTY)
        return open_tty(spawn, ends);
    ends->at[0] = spawn->platform->null_fd;
    if (spawn->stdio == SESS_STDIO_PIPES && !open_pipe(spawn, false, &spawn->input, &ends->at[0]))
        return false;
    return open_pipe(spawn, true, &spawn->output[0], &ends->at[1]) &&
           open_pipe(spawn, true, &spawn->output[1], &ends->at[2]);
}

static void close_handles(struct sess_spawn *spawn)
{
    iocp_handle *ours[] = {&spawn->input, &spawn->output[0], &spawn->output[1], &spawn->process};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        iocp_handle_close(spawn->port, *ours[i]);
        *ours[i] = IOCP_NO_HANDLE;
    }
}

/* ---- Slots ---- */

/* Claims a set; -1: none is free. */
static int claim_slots(struct sess_platform *platform)
{
    uint32_t free_sets = atomic_load(&platform->free_slots);
    while (free_sets != 0) {
        uint32_t lowest = free_sets & (~free_sets + 1);
        if (atomic_compare_exchange_weak(&platform->free_slots, &free_sets, free_sets & ~lowest))
            return __builtin_ctz(lowest);
    }
    return -1;
}

/* Whether the slot has to hold something else than it does while it is free. */
static bool is_placed(const struct sess_platform *platform, const struct child_ends *ends, int i)
{
    bool same = i > 0 && ends->at[i] == ends->at[i - 1];
    return !same && ends->at[i] != platform->null_fd;
}

/* Puts the child's ends on the set's descriptors. Returns 0 or errno. */
static int fill_slots(const struct sess_platform *platform, int set, const struct child_ends *ends,
                      int out_stdio[3])
{
    const int *slots = platform->slots[set];
    for (int i = 0; i < 3; i++) {
        bool same = i > 0 && ends->at[i] == ends->at[i - 1];
        out_stdio[i] = same ? out_stdio[i - 1] : slots[i];
        if (is_placed(platform, ends, i) &&
            platform->sys->dup_cloexec((int)ends->at[i], slots[i]) < 0)
            return errno;
    }
    return 0;
}

/* Makes one of them what it was. It must not go on holding the child's end, whatever happens. */
static bool clear_slot(struct sess_platform *platform, int *slot)
{
    int result;
    do {
        result = platform->sys->dup_cloexec(platform->null_fd, *slot);
    } while (result < 0 && errno == EBUSY); /* dup2(2): a race with an open, over at once */
    if (result >= 0)
        return true;
    (void)platform->sys->close(*slot);
    *slot = -1;
    return false;
}

/* Gives the set back, unless one of its descriptors was lost. */
static void free_slots(struct sess_platform *platform, int set, const struct child_ends *ends)
{
    bool whole = true;
    if (set < 0)
        return;
    for (int i = 0; i < 3; i++) {
        if (is_placed(platform, ends, i) && !clear_slot(platform, &platform->slots[set][i]))
            whole = false;
    }
    if (whole)
        atomic_fetch_or(&platform->free_slots, 1U << set);
}

/* ---- Clone ---- */

/* What a start has besides the spawn: on the helper's stack. */
struct starting {
    struct child_ends *ends;
    struct sess_wrap_start *wrapped; /* NULL: the program itself is executed */
};

static void prepare_child(const struct sess_spawn *spawn, const struct child_ends *ends,
                          struct sess_child *child)
{
    const struct sess_platform *platform = spawn->platform;
    child->sys = platform->sys;
    child->server_pid = platform->server_pid;
    for (int i = 0; i < 3; i++)
        child->stdio[i] = (int)ends->at[i];
    child->unshare_from = 0;
    child->tty = spawn->stdio == SESS_STDIO_TTY;
    child->extra = NULL;
    child->extra_count = 0;
    child->wraps = false;
    child->cleared = false;
    child->ignored_signals = platform->ignored_signals;
    child->handled_signals = platform->handled_signals;
    child->nofile = platform->child_nofile;
    child->cwd = spawn->cwd;
    child->program = spawn->program;
    child->search = spawn->search;
    child->argv = spawn->argv;
    child->env = spawn->env;
    child->failed = SESS_CHILD_OK;
    child->os_error = 0;
}

/* What is executed in the program's place. It enters no directory: the program does. */
static void prepare_wrapper(const struct sess_wrap_start *wrapped, struct sess_child *child)
{
    child->tty = false;
    child->wraps = true;
    child->extra = wrapped->handles;
    child->extra_count = (int)wrapped->handle_count;
    child->cwd = "/";
    child->program = wrapped->wrapper;
    child->search = NULL;
    child->argv = (char **)(uintptr_t)wrapped->wrapper_argv;
    child->env = (char **)(uintptr_t)wrapped->wrapper_env;
}

/* Returns the child's pid, or -1 with errno. */
static pid_t clone_child(struct sess_spawn *spawn, struct sess_child *child, int cgroup_fd,
                         int *out_pidfd)
{
    _Alignas(16) char stack[CHILD_STACK_BYTES];
    const struct sess_clone clone = {
        .run = sess_child_run,
        .argument = child,
        .stack = stack,
        .stack_bytes = sizeof(stack),
        .share_files = child->unshare_from > 0,
        .cgroup_fd = cgroup_fd,
        .out_cleared = &child->cleared,
    };
    return spawn->platform->sys->clone(&clone, out_pidfd);
}

/* Starts the child in a cgroup or not, with shared descriptors if that is possible: a wrapper has
 * more of them than there are slots, and costs more than a copy. */
static pid_t start_child(struct sess_spawn *spawn, const struct starting *starting, int cgroup_fd,
                         struct sess_child *child, int *out_pidfd)
{
    struct sess_platform *platform = spawn->platform;
    const struct child_ends *ends = starting->ends;
    int set = -1, error = 0;
    prepare_child(spawn, ends, child);
    if (starting->wrapped != NULL)
        prepare_wrapper(starting->wrapped, child);
    else if (!atomic_load(&platform->no_sharing))
        set = claim_slots(platform);
    if (set >= 0) {
        error = fill_slots(platform, set, ends, child->stdio);
        child->unshare_from = platform->slots_end;
    }
    pid_t pid = error == 0 ? clone_child(spawn, child, cgroup_fd, out_pidfd) : -1;
    if (error == 0 && pid < 0)
        error = errno;
    free_slots(platform, set, ends);
    errno = error;
    return pid;
}

/* The same in a cgroup if there is one to be had; being without one is no failure. */
static pid_t start_in_cgroup(struct sess_spawn *spawn, const struct starting *starting,
                             struct sess_child *child, int *out_pidfd)
{
    struct sess_platform *platform = spawn->platform;
    int fd = -1;
    spawn->cgroup = sess_cgroups_take(platform->cgroups, &fd);
    pid_t pid = start_child(spawn, starting, fd, child, out_pidfd);
    int error = errno;
    if (fd >= 0)
        (void)platform->sys->close(fd);
    errno = error;
    if (pid >= 0 || fd < 0)
        return pid;
    sess_cgroups_give(platform->cgroups, spawn->cgroup);
    spawn->cgroup = SESS_CGROUP_NONE;
    return start_child(spawn, starting, -1, child, out_pidfd);
}

static void reap(const struct sess_spawn *spawn, int pidfd, pid_t pid)
{
    siginfo_t info;
    if (pidfd < 0 || spawn->platform->sys->wait_pidfd(pidfd, &info, WEXITED, NULL) != 0)
        (void)waitpid(pid, NULL, 0);
}

/* Words what the child told. */
static void tell_failure(struct sess_spawn *spawn, const struct sess_child *child)
{
    static const char *const verbs[] = {
        [SESS_CHILD_UNSHARE] = "copy the descriptors",
        [SESS_CHILD_SESSION] = "make a session",
        [SESS_CHILD_DEATH_SIGNAL] = "tie the program to the server",
        [SESS_CHILD_ORPHANED] = "find the server",
        [SESS_CHILD_TERMINAL] = "take the controlling terminal",
        [SESS_CHILD_STDIO] = "place the standard streams",
        [SESS_CHILD_LIMIT] = "set the limit of descriptors",
        [SESS_CHILD_MASK] = "unblock signals",
    };
    if (child->failed == SESS_CHILD_CWD)
        sess_spawn_fail(spawn, SESS_E_CWD, child->os_error, "enter", spawn->cwd);
    else if (child->failed == SESS_CHILD_EXEC && child->wraps)
        sess_spawn_fail(spawn, SESS_E_REFUSED, child->os_error, "run", child->program);
    else if (child->failed == SESS_CHILD_EXEC)
        sess_spawn_fail(spawn, SESS_E_EXEC, child->os_error, "run", spawn->program);
    else
        fail_step(spawn, child->os_error, verbs[child->failed]);
}

/* Makes a pidfd if clone did not. The child waits as a zombie at worst. */
static bool ensure_pidfd(struct sess_spawn *spawn, pid_t pid, int *pidfd)
{
    const struct sess_sys *sys = spawn->platform->sys;
    if (*pidfd >= 0 || (*pidfd = sys->pidfd_open(pid)) >= 0)
        return true;
    int error = errno;
    (void)sys->kill(pid, SIGKILL);
    reap(spawn, -1, pid);
    fail_step(spawn, error, "watch the program");
    return false;
}

/* Starts the child with these ends. Whether the kernel cannot share and it should be tried again.
 */
static bool run_child(struct sess_spawn *spawn, const struct starting *starting)
{
    struct sess_child child;
    int pidfd = -1;
    pid_t pid = start_in_cgroup(spawn, starting, &child, &pidfd);
    if (pid < 0) {
        fail_step(spawn, errno, "make a process");
        return false;
    }
    if (child.failed == SESS_CHILD_OK) {
        if (ensure_pidfd(spawn, pid, &pidfd)) {
            spawn->process = pidfd;
            spawn->os_pid = pid;
        }
        return false;
    }
    reap(spawn, pidfd, pid);
    if (pidfd >= 0)
        (void)spawn->platform->sys->close(pidfd);
    if (child.failed != SESS_CHILD_UNSHARE || atomic_load(&spawn->platform->no_sharing)) {
        tell_failure(spawn, &child);
        return false;
    }
    atomic_store(&spawn->platform->no_sharing, true);
    return true;
}

static uint64_t own_peak_bytes(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (uint64_t)usage.ru_maxrss * 1024;
}

/* ---- Wrapping ---- */

static void begin_wrapped(struct sess_spawn *spawn, struct sess_wrap_start *out_start)
{
    *out_start = (struct sess_wrap_start){
        .program = spawn->program,
        .search = spawn->search,
        .cwd = spawn->cwd,
        .argv = spawn->argv,
        .env = spawn->env,
        .tty = spawn->stdio == SESS_STDIO_TTY,
        .output = spawn->output,
        .text = spawn->text,
        .text_bytes = sizeof(spawn->text),
    };
}

/* There is a wrapper without a program. */
static void end_wrapper(struct sess_spawn *spawn)
{
    const struct sess_sys *sys = spawn->platform->sys;
    pid_t pid = (pid_t)spawn->os_pid;
    (void)sys->kill(-pid, SIGKILL);
    (void)sys->kill(pid, SIGKILL);
    reap(spawn, (int)spawn->process, pid);
    spawn->os_pid = 0;
}

/* The words of the failures that a start without a wrapper has too. */
static void tell_wrapped(struct sess_spawn *spawn, int os_error)
{
    if (spawn->text[0] != '\0')
        spawn->os_error = os_error;
    else if (spawn->result == SESS_E_CWD)
        sess_spawn_fail(spawn, SESS_E_CWD, os_error, "enter", spawn->cwd);
    else if (spawn->result == SESS_E_EXEC)
        sess_spawn_fail(spawn, SESS_E_EXEC, os_error, "run", spawn->program);
}

static void run_program(struct sess_spawn *spawn, struct starting *starting)
{
    spawn->started_wall_ms = iocp_wall_ms(spawn->port);
    spawn->started_ns = iocp_now_ns(spawn->port);
    while (run_child(spawn, starting))
        sess_cgroups_give(spawn->platform->cgroups, spawn->cgroup);
    spawn->server_peak_bytes = own_peak_bytes(); /* at least what it was at the exec */
}

static void confirm(struct sess_spawn *spawn, struct sess_wrap_start *start)
{
    spawn->result = spawn->wrap->confirm(spawn->wrap, start);
    if (spawn->result == 0)
        return;
    end_wrapper(spawn);
    tell_wrapped(spawn, start->os_error);
}

static void run_wrapped(struct sess_spawn *spawn, struct child_ends *ends)
{
    struct sess_wrap *wrap = spawn->wrap;
    struct sess_wrap_start start;
    begin_wrapped(spawn, &start);
    spawn->result = wrap->prepare(wrap, &start);
    if (spawn->result == 0) {
        run_program(spawn, &(struct starting){.ends = ends, .wrapped = &start});
        close_ends(spawn, ends); /* what the wrapper said then ends where it does */
        if (spawn->result == 0)
            confirm(spawn, &start);
        if (spawn->result != 0)
            wrap->release(wrap);
    }
}

void sess_spawn_work(struct iocp_help *help)
{
    struct sess_spawn *spawn = IOCP_OWNER(&help->op, struct sess_spawn, help.op);
    struct child_ends ends = {{IOCP_NO_HANDLE, IOCP_NO_HANDLE, IOCP_NO_HANDLE}};
    if (atomic_load(&spawn->cancelled)) {
        spawn->result = SESS_E_CANCELLED;
        return;
    }
    if (open_handles(spawn, &ends)) {
        if (spawn->wrap != NULL)
            run_wrapped(spawn, &ends);
        else
            run_program(spawn, &(struct starting){.ends = &ends});
    }
    close_ends(spawn, &ends);
    if (spawn->result != 0) {
        close_handles(spawn);
        sess_cgroups_give(spawn->platform->cgroups, spawn->cgroup);
        spawn->cgroup = SESS_CGROUP_NONE;
    }
}
