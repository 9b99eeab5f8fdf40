/*
 * The event loop: descriptors with a callback each, level-triggered, on the one thread of the
 * program. A source lives in its owner's memory and may be removed at any time, also from within
 * any callback; its callback is not called after that.
 */
#ifndef EXECPORT_TOOLS_LOAD_LOOP_H
#define EXECPORT_TOOLS_LOAD_LOOP_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LOAD_READABLE = 1, /* bytes, the end, or an error can be read */
    LOAD_WRITABLE = 2,
};

/* Called with the LOAD_ bits that are due. */
typedef void load_ready_fn(void *context, unsigned ready);

struct load_source {
    int fd; /* -1: not in the loop */
    unsigned wanted;
    load_ready_fn *on_ready;
    void *context;
};

enum { LOAD_LOOP_BATCH = 64 }; /* events taken from the kernel at once */

struct load_loop {
    int epoll_fd;
    int batch_count;
    struct load_source *batch[LOAD_LOOP_BATCH]; /* NULL: removed since it was taken */
};

/* Opens the loop. Returns 0 or LOAD_FAILED, said. */
int load_loop_init(struct load_loop *loop);

/* Closes the loop; its sources must be gone. */
void load_loop_deinit(struct load_loop *loop);

/* Puts a source with fd, on_ready and context set into the loop. Returns 0 or LOAD_FAILED, said. */
int load_loop_add(struct load_loop *loop, struct load_source *source, unsigned wanted);

/* Changes what the source waits for; 0 is silence. */
void load_loop_want(struct load_loop *loop, struct load_source *source, unsigned wanted);

/* Takes the source out; the descriptor stays open and fd becomes -1. Does nothing when it is. */
void load_loop_remove(struct load_loop *loop, struct load_source *source);

/*
 * As load_loop_remove(), one system call cheaper: for a descriptor that the caller closes right
 * after and that has no duplicate anywhere. Returns the descriptor, or -1 if it was out already.
 */
int load_loop_take(struct load_loop *loop, struct load_source *source);

/* Waits at most timeout_ms (-1: for ever) and runs what is due. Returns the number of events. */
int load_loop_run_once(struct load_loop *loop, int timeout_ms);

#endif
