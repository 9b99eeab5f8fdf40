/*
 * Finding and signalling the processes of sessions on Linux: see tree.h. Runs on a helper.
 *
 * A process belongs to a tree if it is the leader, is in the leader's session or group, was found
 * by an earlier look or walk, or is the child of one that belongs. The leader's group is signalled
 * as a group, since its id cannot be taken by others; everybody else through a pidfd that was
 * opened before the process was looked at again, so that a process id that was used again meets
 * nobody.
 */
#include "sessions/cgroup_linux.h"
#include "sessions/platform_linux.h"
#include "sessions/proc_linux.h"
#include "sessions/tree.h"

#include <errno.h>
#include <string.h>

enum {
    LOOKS_MAX = 128,    /* a process that forks faster than we look is killed at the last one */
    LOOKS_FOR_STOP = 7, /* at those who do not stop: the kernel waits for a device, or not ours */
    LOOKS_AT_REST = 2,  /* that see all stopped: ids go round, so the first may have gone past a
                         * process that was made before its parent stopped */
    SCANS_MAX = 3       /* of a look, while some could not be read for want of descriptors */
};

struct walk {
    const struct sess_platform *platform;
    const struct sess_memory *memory;
    struct sess_tree *list;
    _Atomic uint64_t *moves;
    struct sess_procs now, before;
};

/* ---- Who belongs ---- */

/* The tree whose leader has this id. */
static struct sess_tree *led_by(const struct sess_procs *procs, int32_t pid)
{
    const struct sess_proc *proc = pid > 0 ? sess_procs_find(procs, pid) : NULL;
    bool leads = proc != NULL && proc->owner != NULL && proc->owner->leader == pid;
    return leads ? proc->owner : NULL;
}

static void own(const struct sess_procs *procs, int32_t pid, const uint64_t *start,
                struct sess_tree *tree)
{
    struct sess_proc *proc = sess_procs_find(procs, pid);
    if (proc != NULL && (start == NULL || proc->start == *start))
        proc->owner = tree;
}

static struct sess_tree *find_owner(const struct sess_procs *procs, const struct sess_proc *proc)
{
    struct sess_tree *tree = led_by(procs, proc->session);
    if (tree == NULL)
        tree = led_by(procs, proc->group);
    if (tree == NULL && proc->parent > 0) {
        const struct sess_proc *parent = sess_procs_find(procs, proc->parent);
        tree = parent != NULL ? parent->owner : NULL;
    }
    return tree;
}

/* Children mostly have the higher id, so one round nearly always does. */
static void find_owners(struct walk *walk)
{
    const struct sess_procs *procs = &walk->now;
    for (struct sess_tree *tree = walk->list; tree != NULL; tree = tree->next) {
        own(procs, (int32_t)tree->leader, NULL, tree);
        for (uint32_t i = 0; i < tree->member_count; i++)
            own(procs, tree->members[i].pid, &tree->members[i].start, tree);
        tree->alive = 0;
    }
    bool changed;
    do {
        changed = false;
        for (uint32_t i = 0; i < procs->count; i++) {
            struct sess_proc *proc = &procs->list[i];
            if (proc->owner != NULL)
                continue;
            proc->owner = find_owner(procs, proc);
            changed |= proc->owner != NULL;
        }
    } while (changed);
    for (uint32_t i = 0; i < procs->count; i++) {
        const struct sess_proc *proc = &procs->list[i];
        if (proc->owner != NULL && proc->alive)
            proc->owner->alive++;
    }
}

static void swap_tables(struct walk *walk)
{
    struct sess_procs old = walk->before;
    walk->before = walk->now;
    walk->now = old;
}

static bool scan(struct walk *walk)
{
    struct sess_procs *procs = &walk->now;
    bool done = false;
    for (int scans = 0; scans < SCANS_MAX && (!done || procs->unread > 0); scans++) {
        procs->moves = walk->moves;
        done = sess_procs_scan(procs, walk->platform->sys, walk->memory);
    }
    return done;
}

/* What the last look knew of a process holds on: whose it is, though its parents may have ended
 * since, and that it was signalled, unless it was meant to be as one of a group that it has left.
 */
static void take_over(const struct sess_procs *before, struct sess_proc *proc)
{
    const struct sess_proc *same = sess_procs_find(before, proc->pid);
    if (same == NULL || same->start != proc->start)
        return;
    proc->owner = same->owner;
    proc->signalled = same->signalled && same->group == proc->group;
}

/* A new look at the table. false: the old one stays. */
static bool look(struct walk *walk)
{
    swap_tables(walk);
    if (!scan(walk)) {
        swap_tables(walk);
        return false;
    }
    for (uint32_t i = 0; i < walk->now.count; i++)
        take_over(&walk->before, &walk->now.list[i]);
    find_owners(walk);
    return true;
}

/* ---- Signals ---- */

static bool in_leaders_group(const struct sess_proc *proc)
{
    return proc->group == (int32_t)proc->owner->leader;
}

/* Whether the id is still that process's. */
static bool is_there(const struct sess_sys *sys, const struct sess_proc *proc)
{
    struct sess_proc now;
    bool read = false;
    for (int tries = 0; tries < SCANS_MAX && !read; tries++) {
        read = sess_proc_read(sys, proc->pid, &now);
        if (!read && (errno == ENOENT || errno == ESRCH))
            return false;
    }
    return read && now.start == proc->start;
}

static void signal_process(const struct sess_sys *sys, const struct sess_proc *proc, int number)
{
    int pidfd = sys->pidfd_open(proc->pid);
    bool missing = pidfd < 0 && (errno == ENOSYS || errno == EPERM || errno == EMFILE);
    if (pidfd < 0 && !missing)
        return;
    bool same = is_there(sys, proc);
    if (same && missing)
        (void)sys->kill(proc->pid, number);
    else if (same)
        (void)sys->pidfd_send_signal(pidfd, number);
    if (pidfd >= 0)
        (void)sys->close(pidfd);
}

static bool is_meant(const struct sess_proc *proc, enum sess_tree_action action)
{
    return proc->owner != NULL && proc->owner->action == action && proc->alive;
}

/* Who has the signal from his group; who runs may leave that before it is killed. */
static bool has_it_by_group(const struct sess_proc *proc, int number)
{
    return in_leaders_group(proc) && (number != SIGKILL || proc->stopped);
}

/* Signals what belongs to trees of the action and does not get it by its leader's group. */
static void signal_members(const struct walk *walk, enum sess_tree_action action, int number)
{
    for (uint32_t i = 0; i < walk->now.count; i++) {
        const struct sess_proc *proc = &walk->now.list[i];
        if (!is_meant(proc, action) || has_it_by_group(proc, number))
            continue;
        atomic_fetch_add_explicit(walk->moves, 1, memory_order_relaxed);
        signal_process(walk->platform->sys, proc, number);
    }
}

static void signal_groups(const struct walk *walk, enum sess_tree_action action, int number)
{
    for (const struct sess_tree *tree = walk->list; tree != NULL; tree = tree->next) {
        if (tree->action == action)
            (void)walk->platform->sys->kill((pid_t)-tree->leader, number);
    }
}

/* ---- Actions ---- */

/* What there was to stop: processes that were not signalled before, and that had not stopped, among
 * them those that wait for nothing but a processor. */
struct stopping {
    uint32_t fresh, moving, running;
};

/* Keeps in mind who is alive besides the leader. Without memory only their ids are lost. */
static void remember(struct walk *walk, struct sess_tree *tree)
{
    sess_tree_deinit(tree, walk->memory);
    if (tree->alive == 0)
        return;
    tree->members = sess_memory_take(walk->memory, tree->alive * sizeof(*tree->members));
    if (tree->members == NULL)
        return;
    for (uint32_t i = 0; i < walk->now.count; i++) {
        const struct sess_proc *proc = &walk->now.list[i];
        if (proc->owner == tree && proc->alive && proc->pid != (int32_t)tree->leader)
            tree->members[tree->member_count++] = (struct sess_tree_member){proc->pid, proc->start};
    }
}

/* A stopped process would not see the request to end, so it is continued. */
static void terminate(struct walk *walk)
{
    signal_groups(walk, SESS_TREE_TERMINATE, SIGTERM);
    signal_groups(walk, SESS_TREE_TERMINATE, SIGCONT);
    signal_members(walk, SESS_TREE_TERMINATE, SIGTERM);
    signal_members(walk, SESS_TREE_TERMINATE, SIGCONT);
}

/* Stops whoever runs. */
static struct stopping stop_all(struct walk *walk)
{
    struct stopping stopping = {0};
    signal_groups(walk, SESS_TREE_KILL, SIGSTOP);
    for (uint32_t i = 0; i < walk->now.count; i++) {
        struct sess_proc *proc = &walk->now.list[i];
        if (!is_meant(proc, SESS_TREE_KILL) || (proc->signalled && proc->stopped))
            continue;
        stopping.fresh += !proc->signalled;
        stopping.moving += !proc->stopped;
        stopping.running += proc->runs;
        proc->signalled = true;
        atomic_fetch_add_explicit(walk->moves, 1, memory_order_relaxed);
        if (!in_leaders_group(proc))
            signal_process(walk->platform->sys, proc, SIGSTOP);
    }
    return stopping;
}

/* Who has been sent a signal may still be making a process; who has stopped is not. */
static void kill_all(struct walk *walk)
{
    int waits = 0, rests = 0;
    for (int looks = 1; looks < LOOKS_MAX; looks++) {
        struct stopping stopping = stop_all(walk);
        waits = stopping.fresh + stopping.running == 0 ? waits + 1 : 0;
        rests = stopping.fresh + stopping.moving == 0 ? rests + 1 : 0;
        if (rests == LOOKS_AT_REST || waits > LOOKS_FOR_STOP)
            break;
        if (!look(walk))
            break;
    }
    signal_members(walk, SESS_TREE_KILL, SIGKILL);
    signal_groups(walk, SESS_TREE_KILL, SIGKILL);
}

static bool asked(const struct sess_tree *list, enum sess_tree_action action)
{
    while (list != NULL && list->action != action)
        list = list->next;
    return list != NULL;
}

/* The process table cannot be read: what is known without it. */
static void walk_blind(const struct walk *walk)
{
    signal_groups(walk, SESS_TREE_TERMINATE, SIGTERM);
    signal_groups(walk, SESS_TREE_TERMINATE, SIGCONT);
    signal_groups(walk, SESS_TREE_KILL, SIGKILL);
    for (struct sess_tree *tree = walk->list; tree != NULL; tree = tree->next)
        tree->alive = walk->platform->sys->kill((pid_t)-tree->leader, 0) == 0;
}

/* Kills the trees that have a cgroup. Whether others are left. */
static bool kill_by_cgroup(const struct sess_platform *platform, struct sess_tree *list)
{
    bool others = false;
    for (struct sess_tree *tree = list; tree != NULL; tree = tree->next) {
        if (tree->action == SESS_TREE_KILL && sess_cgroups_kill(platform->cgroups, tree->cgroup))
            tree->action = SESS_TREE_KILLED;
        else
            others = true;
    }
    return others;
}

static void walk_table(struct walk *walk)
{
    if (!look(walk)) {
        walk_blind(walk);
        return;
    }
    if (asked(walk->list, SESS_TREE_TERMINATE))
        terminate(walk);
    for (struct sess_tree *tree = walk->list; tree != NULL; tree = tree->next) {
        if (tree->action == SESS_TREE_TERMINATE || tree->action == SESS_TREE_COUNT)
            remember(walk, tree);
    }
    if (asked(walk->list, SESS_TREE_KILL))
        kill_all(walk);
}

void sess_tree_walk(struct sess_trees *trees)
{
    struct walk walk = {.platform = trees->platform,
                        .memory = trees->memory,
                        .list = trees->walked,
                        .moves = &trees->moves};
    if (!kill_by_cgroup(walk.platform, walk.list))
        return;
    walk_table(&walk);
    sess_procs_free(&walk.now, walk.memory);
    sess_procs_free(&walk.before, walk.memory);
}
