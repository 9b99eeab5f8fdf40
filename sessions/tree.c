/*
 * Queueing walks of the process table: see tree.h. Sessions post their tree to the host's strand;
 * what has queued there while a helper walks goes with the next walk.
 */
#include "sessions/tree.h"

#include <assert.h>
#include <stddef.h>

enum { AGAIN_NS = 50 * 1000 * 1000 };

static void start_walk(struct sess_trees *trees);

static void walk(struct iocp_help *help)
{
    struct sess_trees *trees = IOCP_OWNER(&help->op, struct sess_trees, help.op);
    sess_tree_walk(trees);
}

static void answer(struct sess_tree *tree)
{
    iocp_op_init(&tree->op, tree->strand, tree->on_done);
    iocp_post(&tree->op); /* from here on it is the session's */
}

static void on_walked(struct iocp_op *op)
{
    struct sess_trees *trees = IOCP_OWNER(op, struct sess_trees, help.op);
    struct sess_tree *list = trees->walked;
    trees->walked = NULL;
    if (op->result != 0) { /* not called: the helpers have too much to do */
        struct sess_tree *last = list;
        while (last->next != NULL)
            last = last->next;
        last->next = trees->first;
        if (trees->first == NULL)
            trees->last = last;
        trees->first = list;
        iocp_timer_start(&trees->again, iocp_now_ns(op->strand->port) + AGAIN_NS);
        return;
    }
    while (list != NULL) {
        struct sess_tree *tree = list;
        list = tree->next;
        tree->next = NULL;
        answer(tree);
    }
    start_walk(trees);
}

static void start_walk(struct sess_trees *trees)
{
    if (trees->walked != NULL || trees->first == NULL || iocp_pending(&trees->again.op))
        return;
    trees->walked = trees->first;
    trees->first = trees->last = NULL;
    trees->help.what = "walk of the process table";
    iocp_help_start(&trees->help, trees->again.op.strand, IOCP_POOL_GENERAL, walk, on_walked);
}

static void on_again(struct iocp_op *op)
{
    start_walk(IOCP_OWNER(op, struct sess_trees, again.op));
}

void sess_trees_init(struct sess_trees *trees, struct iocp_strand *strand,
                     struct sess_platform *platform, const struct sess_memory *memory)
{
    *trees = (struct sess_trees){.platform = platform, .memory = memory};
    iocp_timer_init(&trees->again, strand, on_again);
}

/* On the host's strand. */
static void on_asked(struct iocp_op *op)
{
    struct sess_tree *tree = IOCP_OWNER(op, struct sess_tree, op);
    struct sess_trees *trees = tree->trees;
    if (trees->last != NULL)
        trees->last->next = tree;
    else
        trees->first = tree;
    trees->last = tree;
    start_walk(trees);
}

void sess_tree_start(struct sess_tree *tree, struct sess_trees *trees, enum sess_tree_action action,
                     struct iocp_strand *strand, iocp_callback *on_done)
{
    assert(tree->next == NULL && tree->leader > 0);
    tree->action = action;
    tree->trees = trees;
    tree->strand = strand;
    tree->on_done = on_done;
    iocp_op_init(&tree->op, trees->again.op.strand, on_asked);
    iocp_post(&tree->op);
}

void sess_tree_deinit(struct sess_tree *tree, const struct sess_memory *memory)
{
    sess_memory_free(memory, tree->members);
    tree->members = NULL;
    tree->member_count = 0;
}
