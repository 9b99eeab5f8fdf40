/* Kills a tree of processes from its root (keeper_end.h).
 *
 * Direct children are signalled, and the process groups that they lead into sessions of their own:
 * an unreaped child's number cannot be given to another process, so no stranger is ever hit. A
 * group in a session other than ours holds descendants only, because a session can be entered in
 * no other way than by birth; killing it takes all of its members at one instant, with no fork in
 * between. Deeper ones become direct children when their parents die. That alone is enough; where a
 * tree proves to be deep, later passes go down it and kill what they can hold by a pidfd, which
 * spares a wait for each generation (on a machine that a fork bomb keeps busy, a second each).
 */

/*
 * Why it ends, even against processes that fork as fast as they can:
 * 1. A process that has a SIGKILL pending never completes a fork.
 * 2. A process hands its children on before it becomes a zombie. So every living descendant has a
 *    living parent, and so on up to us: while anything below us lives, a child of ours lives.
 * 3. The first passes reap what they killed; that ends all but the most hostile trees quickly. Then
 *    passes hold: they kill and do not reap. Each pass that finds a living child turns at least one
 *    process into a zombie that keeps its number until we reap it. Numbers are bounded (pid_max,
 *    threads-max, pids.max), so there is a pass that finds none. New children are appended to the
 *    list and nothing leaves it while we hold, so a pass that read to its end and found only
 *    zombies has, with 2, seen that nothing lives. Then all are reaped. (Without the kernel's list
 *    of children a pass over /proc can miss one; the end is still only where waitpid finds none.)
 * SIGSTOP before SIGKILL would not help: it stops a fork no earlier, any process not yet found can
 * undo it, and a stopped process can still let the kernel reap for it (SIGCHLD ignored), giving
 * back the number that 3 counts on.
 */
#include "runner/keeper_end.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Ordinary trees need as many passes as they are deep beyond their groups. */
#define REAPING_PASSES 64

/* After these, passes go down the tree instead of waiting until its next generation comes up. */
#define SHALLOW_PASSES 4

/* Two descriptors and one buffer for each generation that a pass goes down. */
#define DEPTH_MAX 100

/* How long a pass waits for deaths; doubled while none comes (a process in an uninterruptible
 * wait), so that a stuck one costs next to nothing.
 */
#define WAIT_MIN_MS 5
#define WAIT_MAX_MS 1000

/* How long children that may not be signalled get to end by themselves. */
#define REFUSED_MS 2000

/* Part of a list of children. */
#define LIST_BYTES 1024

struct ending {
    const struct run_keeper_end_options *options;
    pid_t own_pid;
    pid_t own_session;
    bool holding;     /* the dead are kept for now */
    bool deep;        /* children's children are looked for at once */
    unsigned living;  /* killed in this pass */
    unsigned refused; /* found in this pass and not ours to signal */
    bool blind;       /* this pass could not read the list */
};

static bool is_dead(pid_t pid)
{
    siginfo_t info;
    info.si_pid = 0;
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/* After the SIGKILL the child cannot move to another group any more. */
static void kill_group_of(const struct ending *e, pid_t pid)
{
    pid_t session = getsid(pid);
    pid_t group = getpgid(pid);
    if (session > 1 && session != e->own_session && group > 1)
        (void)kill(-group, SIGKILL);
}

/* The parent's number is the second field after the name, which may hold anything, also `)`. 0: the
 * process is gone; -1: the system could not say.
 */
static pid_t parent_of(pid_t pid)
{
    char path[32];
    char bytes[512];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ESRCH ? 0 : -1;
    ssize_t size = read(fd, bytes, sizeof bytes - 1);
    (void)close(fd);
    if (size <= 0)
        return 0;
    bytes[size] = '\0';
    const char *close_paren = strrchr(bytes, ')');
    if (!close_paren || strlen(close_paren) < 5)
        return 0;
    return (pid_t)strtol(close_paren + 4, NULL, 10);
}

/* A process whose children are looked at. PIN is a pidfd of it, or -1 for a child of ours, whose
 * number stays its own because only we reap it.
 */
struct node {
    struct ending *ending;
    pid_t pid;
    int pin;
    unsigned depth;
    void (*on_child)(const struct node *parent, pid_t pid);
};

/* Takes one read of a list of children apart; a number may go on in the next read. */
static void take_listed(const struct node *node, const char *bytes, ssize_t size, pid_t *partial)
{
    for (ssize_t i = 0; i < size; i++) {
        if (bytes[i] >= '0' && bytes[i] <= '9') {
            *partial = *partial * 10 + (bytes[i] - '0');
        } else if (*partial > 0) {
            node->on_child(node, *partial);
            *partial = 0;
        }
    }
}

/* Reads on until the kernel says that there is no further child, also none that came meanwhile. */
static bool each_child(const struct node *node, int list_fd)
{
    char bytes[LIST_BYTES];
    pid_t partial = 0;
    ssize_t size;
    while ((size = read(list_fd, bytes, sizeof bytes)) > 0)
        take_listed(node, bytes, size, &partial);
    if (partial > 0)
        node->on_child(node, partial);
    return size == 0;
}

static bool is_pinned(const struct node *node)
{
    return node->pin < 0 || syscall(SYS_pidfd_send_signal, node->pin, 0, NULL, 0) == 0;
}

static void end_below(const struct node *node);

/* PID was listed as a child of PARENT, but may have ended and been given to a stranger since. The
 * pidfd keeps one process in hand; if its number still names a child of PARENT, and PARENT itself
 * is still there, then that process is one of ours, or dead and the signal goes nowhere.
 */
static void end_deep(const struct node *parent, pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return;
    if (parent_of(pid) == parent->pid && is_pinned(parent) &&
        syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0 && parent->depth < DEPTH_MAX) {
        const struct node node = {.ending = parent->ending,
                                  .pid = pid,
                                  .pin = fd,
                                  .depth = parent->depth + 1,
                                  .on_child = end_deep};
        end_below(&node);
    }
    (void)close(fd);
}

/* Children that other threads than the first have forked are not listed here; they come up when
 * their parent dies.
 */
static void end_below(const struct node *node)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)node->pid, (int)node->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)each_child(node, fd);
    (void)close(fd);
}

static void end_child(const struct node *us, pid_t pid)
{
    struct ending *e = us->ending;
    if (e->holding && is_dead(pid))
        return;
    if (kill(pid, SIGKILL) != 0 && errno == EPERM)
        e->refused++;
    else
        e->living++;
    kill_group_of(e, pid);
    if (e->deep) {
        const struct node node = {.ending = e, .pid = pid, .pin = -1, .on_child = end_deep};
        end_below(&node);
    }
}

static void pass_over_list(struct ending *e)
{
    const struct node us = {.ending = e, .pid = e->own_pid, .pin = -1, .on_child = end_child};
    e->blind = lseek(e->options->children_fd, 0, SEEK_SET) != 0 ||
               !each_child(&us, e->options->children_fd);
}

static void pass_over_proc(struct ending *e)
{
    const struct node us = {.ending = e, .pid = e->own_pid, .pin = -1};
    DIR *proc = opendir("/proc");
    e->blind = !proc;
    if (!proc)
        return;
    const struct dirent *entry;
    while ((entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0)
            continue;
        pid_t parent = parent_of(pid);
        e->blind |= parent < 0;
        if (parent == e->own_pid)
            end_child(&us, pid);
    }
    (void)closedir(proc);
}

static void pass(struct ending *e)
{
    e->living = 0;
    e->refused = 0;
    if (e->options->scan_proc || e->options->children_fd < 0)
        pass_over_proc(e);
    else
        pass_over_list(e);
}

/* Reaps all that is dead. False once there are no children at all. */
static bool reap(unsigned *out_count)
{
    for (*out_count = 0;; ++*out_count) {
        pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);
        if (pid == 0)
            return true;
        if (pid < 0 && errno != EINTR)
            return false;
    }
}

/* True if a child died within the time. */
static bool wait_for_death(unsigned wait_ms)
{
    sigset_t child;
    struct timespec time = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000L};
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    return sigtimedwait(&child, NULL, &time) == SIGCHLD;
}

/* Waits until half of those that a pass killed are reaped: the next pass is then over half as
 * many, and the sum over all passes stays linear. False once there are no children.
 */
static bool reap_half(const struct ending *e, unsigned wait_ms, bool *out_progress)
{
    unsigned wanted = (e->living + e->refused) / 2 + 1;
    unsigned total = 0;
    do {
        unsigned count;
        if (!reap(&count))
            return false;
        total += count;
    } while (total < wanted && wait_for_death(wait_ms));
    *out_progress = total > 0;
    return true;
}

/* After a pass that held: nothing is reaped unless the pass saw that nothing lives. */
static bool hold_or_reap(const struct ending *e, unsigned wait_ms, bool *out_progress)
{
    unsigned count;
    if (e->living == 0 && e->refused == 0 && !e->blind)
        return reap(&count);
    *out_progress = wait_for_death(wait_ms);
    return true;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void take_over_sigchld(void)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, NULL);
    (void)signal(SIGCHLD, SIG_DFL);
}

int run_keeper_end_prepare(void)
{
    return open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
}

unsigned run_keeper_end(const struct run_keeper_end_options *options)
{
    struct ending e = {.options = options, .own_pid = getpid(), .own_session = getsid(0)};
    unsigned limit = options->reaping_passes > 0 ? options->reaping_passes : REAPING_PASSES;
    unsigned wait_ms = WAIT_MIN_MS;
    uint64_t killable_ms = now_ms();
    take_over_sigchld();
    /* Against many runnable processes of the tree; only a privileged keeper is given it. */
    (void)setpriority(PRIO_PROCESS, 0, -20);
    for (unsigned passes = 0;; passes++) {
        bool progress = false;
        e.holding = passes >= limit;
        e.deep = passes >= SHALLOW_PASSES;
        pass(&e);
        if (e.living > 0 || e.refused == 0)
            killable_ms = now_ms();
        if (e.refused > 0 && now_ms() - killable_ms > REFUSED_MS)
            return e.refused;
        if (e.holding ? !hold_or_reap(&e, wait_ms, &progress) : !reap_half(&e, wait_ms, &progress))
            return 0;
        wait_ms = progress ? WAIT_MIN_MS : wait_ms * 2;
        if (wait_ms > WAIT_MAX_MS)
            wait_ms = WAIT_MAX_MS;
    }
}
