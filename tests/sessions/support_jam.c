/*
 * Keeping helpers busy, so that a test can act while nothing can be started. See support.h.
 */
#include "support.h"

static void work(struct iocp_help *help)
{
    struct sup_jam *jam = IOCP_OWNER(&help->op, struct sup_jam_call, help.op)->jam;
    (void)pthread_mutex_lock(&jam->lock);
    jam->entered++;
    (void)pthread_cond_broadcast(&jam->changed);
    while (!jam->released)
        (void)pthread_cond_wait(&jam->changed, &jam->lock);
    (void)pthread_mutex_unlock(&jam->lock);
}

static void on_ended(struct iocp_op *op)
{
    struct sup_jam *jam = IOCP_OWNER(op, struct sup_jam, end);
    (void)pthread_mutex_lock(&jam->lock);
    jam->ended = true;
    (void)pthread_cond_broadcast(&jam->changed);
    (void)pthread_mutex_unlock(&jam->lock);
}

static void on_done(struct iocp_op *op)
{
    struct sup_jam *jam = IOCP_OWNER(op, struct sup_jam_call, help.op)->jam;
    if (++jam->done == SUP_START_HELPERS) /* the strand's alone */
        iocp_strand_end(&jam->strand, &jam->end, on_ended);
}

static void on_begin(struct iocp_op *op)
{
    struct sup_jam *jam = IOCP_OWNER(op, struct sup_jam, end);
    for (int i = 0; i < SUP_START_HELPERS; i++)
        iocp_help_start(&jam->calls[i].help, &jam->strand, IOCP_POOL_STARTS, work, on_done);
}

void sup_jam(struct sup_jam *jam, struct sup_world *world)
{
    memset(jam, 0, sizeof(*jam));
    (void)pthread_mutex_init(&jam->lock, NULL);
    (void)pthread_cond_init(&jam->changed, NULL);
    iocp_strand_init(&jam->strand, world->port);
    for (int i = 0; i < SUP_START_HELPERS; i++)
        jam->calls[i].jam = jam;
    iocp_op_init(&jam->end, &jam->strand, on_begin);
    iocp_post(&jam->end);
    (void)pthread_mutex_lock(&jam->lock);
    while (jam->entered < SUP_START_HELPERS)
        (void)pthread_cond_wait(&jam->changed, &jam->lock);
    (void)pthread_mutex_unlock(&jam->lock);
}

void sup_jam_release(struct sup_jam *jam)
{
    (void)pthread_mutex_lock(&jam->lock);
    jam->released = true;
    (void)pthread_cond_broadcast(&jam->changed);
    while (!jam->ended)
        (void)pthread_cond_wait(&jam->changed, &jam->lock);
    (void)pthread_mutex_unlock(&jam->lock);
    (void)pthread_mutex_destroy(&jam->lock);
    (void)pthread_cond_destroy(&jam->changed);
}
