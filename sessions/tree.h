/*
 * A session's processes: the leader's group and session, and everything that descends from them.
 *
 * Who belongs to a tree is found by walking the process table on a helper, so a walk serves all
 * sessions that ask at the same time: they queue at the host's strand. The leader must not be
 * reaped meanwhile, nor killed: its descendants are found through it. Killing first stops every
 * process that it finds and looks again, until all are seen to have stopped and no new one is
 * there: so none can fork away. A process whose parents ended before the walk and that left the
 * session (forked twice, setsid) is not found by it: that is for a cgroup or a keeper.
 */
#ifndef SESSIONS_TREE_H
#define SESSIONS_TREE_H

#include "sessions/platform.h"

enum sess_tree_action {
    SESS_TREE_COUNT,     /* only says how many are alive */
    SESS_TREE_TERMINATE, /* asks them all to end, and remembers them */
    SESS_TREE_KILL,
    SESS_TREE_KILLED /* private: by its cgroup, without a walk */
};

/* A process that was found before, so that it is still known when its parents have ended. */
struct sess_tree_member {
    int32_t pid;
    uint64_t start;
};

struct sess_trees;

struct sess_tree {
    struct iocp_op op;      /* to the host's strand and back */
    struct sess_tree *next; /* of those that queue there */
    struct sess_trees *trees;
    struct iocp_strand *strand; /* the session's */
    iocp_callback *on_done;
    int64_t leader;
    struct sess_tree_member *members; /* NULL: none */
    uint32_t member_count;
    uint32_t cgroup;
    uint32_t alive; /* the answer: processes that were alive at the last look */
    enum sess_tree_action action;
};

/* The host's part; on its strand. */
struct sess_trees {
    struct iocp_help help;
    struct iocp_timer again;        /* the helpers' queue was full */
    struct sess_tree *first, *last; /* asked, not walked yet */
    struct sess_tree *walked;       /* with the helper now */
    struct sess_platform *platform;
    const struct sess_memory *memory;
    _Atomic uint64_t moves; /* processes that the helper has come to; stands still if it hangs */
};

/* Prepares it; nothing is allocated. */
void sess_trees_init(struct sess_trees *trees, struct iocp_strand *strand,
                     struct sess_platform *platform, const struct sess_memory *memory);

/* Asks for an action; on_done comes on the session's strand. One at a time for each tree. On the
 * session's strand. */
void sess_tree_start(struct sess_tree *tree, struct sess_trees *trees, enum sess_tree_action action,
                     struct iocp_strand *strand, iocp_callback *on_done);

/* Forgets the members. Nothing may be pending. */
void sess_tree_deinit(struct sess_tree *tree, const struct sess_memory *memory);

/* Does what the trees that are walked ask, all in the same walks. Helper. (tree_linux.c) */
void sess_tree_walk(struct sess_trees *trees);

#endif
