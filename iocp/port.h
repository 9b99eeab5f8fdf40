/*
 * The inside of a port: what the engine's own files share. Not for users of the engine.
 *
 * Who owns what: a worker's ready list, slab and counters are touched by that worker alone (others
 * read the counters, relaxed). The shared ready list, the slab pool, the timers and each helper
 * pool have a lock of their own. A strand belongs to the worker that runs it; its inbox is a
 * lock-free stack that any thread pushes to.
 *
 * Backends: everything declared under "Backend" is implemented once per system, in *_epoll.c on
 * Linux and in *_win.c on Windows.
 */
#ifndef IOCP_PORT_H
#define IOCP_PORT_H

#include "iocp/iocp.h"
#include "iocp/thread.h"

#include <assert.h>

struct iocp_backend;
struct iocp_worker;

enum iocp_counter {
    IOCP_C_CALLBACKS,
    IOCP_C_WAITS,
    IOCP_C_POLLS,
    IOCP_C_EVENTS,
    IOCP_C_STALE,
    IOCP_C_WAKES,
    IOCP_C_REGISTRATIONS,
    IOCP_C_READS,
    IOCP_C_READS_EMPTY,
    IOCP_C_WRITES,
    IOCP_C_WRITES_FULL,
    IOCP_C_BYTES_READ,
    IOCP_C_BYTES_WRITTEN,
    IOCP_C_READS_PENDING,
    IOCP_C_SLAB_WAITS,
    IOCP_C_TIMER_SETTINGS,
    IOCP_C_HELPER_LATE,
    IOCP_C_HELPER_REFUSED,
    IOCP_COUNTERS
};

struct iocp_line {
    struct iocp_strand *head, *tail;
};

/* Strands that are ready to run, oldest first; those that moved few bytes when they last ran go
 * before the others, up to IOCP_LIGHT_TURNS in a row. */
struct iocp_ready {
    struct iocp_line light, heavy;
    unsigned count;       /* of both */
    unsigned light_turns; /* since a heavy strand ran, while one was ready */
};

enum { IOCP_SPARE_SLABS = 4 }; /* a worker's own free slabs: most leases take no lock */

struct iocp_worker {
    struct iocp_port *port;
    unsigned number; /* among the port's */
    struct iocp_ready ready;
    unsigned since_poll;      /* callbacks since the last look at the kernel */
    uint32_t turn_bytes;      /* read by the strand whose turn it is */
    uint64_t moved_bytes;     /* read and written, of all time */
    uint64_t polled_bytes;    /* of that, when it last looked at the kernel */
    struct iocp_slab *slab;   /* partly filled; one reference is the worker's */
    uint32_t slab_used_bytes; /* of it */
    struct iocp_slab *spare[IOCP_SPARE_SLABS];
    unsigned spare_count;
    _Atomic uint64_t counters[IOCP_COUNTERS];
    struct iocp_thread thread;
};

struct iocp_slab_pool {
    struct iocp_lock lock;
    struct iocp_slab *free;
    unsigned free_count;
    struct iocp_op *starved_head, *starved_tail; /* reads that wait for a slab */
    _Atomic unsigned starved_count;
    _Atomic unsigned leased; /* slabs that somebody holds */
    _Atomic unsigned alone;  /* leases of their own, too large for a slab or of no worker */
    unsigned limit;          /* of leased, for reads */
};

struct iocp_timers {
    struct iocp_lock lock;
    struct iocp_timer *root;
    uint64_t armed_ns; /* what the system's timer is set to; 0: not set */
};

/* One helper thread and the call that it makes now. */
struct iocp_helper {
    struct iocp_helpers *pool;
    struct iocp_help *running;
    bool reported; /* the running call was reported as late */
    struct iocp_thread thread;
};

struct iocp_helpers {
    struct iocp_port *port;
    struct iocp_lock lock;
    struct iocp_cond wanted;
    struct iocp_help *head, *tail;
    unsigned waiting;
    unsigned idle; /* helper threads without a call */
    unsigned count;
    bool ending;
    struct iocp_helper *helpers;
};

/* Looks for late helper calls, while any is running, on a strand of its own. */
struct iocp_late_watch {
    struct iocp_strand strand;
    struct iocp_timer timer;
    struct iocp_op start, stop, end;
    _Atomic bool armed;
    bool ending; /* on its strand */
    bool ended;  /* under the port's stop_lock */
};

struct iocp_port {
    struct iocp_port_options options;
    const struct iocp_sys *sys;
    struct iocp_backend *backend;
    struct iocp_worker *workers;
    unsigned worker_count;
    unsigned workers_started; /* of them; of whoever opens and closes */

    struct iocp_lock ready_lock;
    struct iocp_ready ready;      /* shared: under ready_lock */
    _Atomic unsigned ready_count; /* of it, to look without the lock */
    _Atomic unsigned sleepers;    /* workers that block in the kernel, or are about to */
    _Atomic bool waking;          /* a wake is on its way; the woken worker wakes the next */
    _Atomic bool ending;          /* workers return */
    _Atomic uint64_t counters[IOCP_COUNTERS]; /* of threads that are no workers */

    struct iocp_slab_pool slabs;
    struct iocp_timers timers;
    struct iocp_helpers helpers[IOCP_POOLS];
    struct iocp_late_watch late;

    struct iocp_lock stop_lock;
    struct iocp_cond stop_cond;
    bool stopped;
};

/* op->flags */
enum {
    IOCP_F_CANCEL = 1,  /* its owner asked for the end */
    IOCP_F_PRESET = 2,  /* the result is set already: only complete */
    IOCP_F_STARVED = 4, /* a read that stands in the slab pool's queue */
    IOCP_F_FED = 8      /* a read that came out of it: the next one follows when it has got room */
};

/* phase of streams and listeners */
enum { IOCP_OPEN, IOCP_CLOSING, IOCP_CLOSED };

/* ---- strand.c ---- */

/* Puts a pending op into its strand's queue and schedules the strand if it was not. Any thread. */
void iocp_strand_push(struct iocp_op *op);
/* Sets up an op of any kind. */
void iocp_op_prepare(struct iocp_op *op, struct iocp_strand *strand, enum iocp_op_kind kind,
                     iocp_callback *callback);
/* IDLE to PENDING, asserted; clears result and flags. */
void iocp_op_begin(struct iocp_op *op);
/* Completes a pending op with this result from its strand's queue. */
void iocp_op_finish(struct iocp_op *op, int result, int os_error);
/* Runs one turn of the strand on this worker. */
void iocp_strand_run(struct iocp_worker *worker, struct iocp_strand *strand);

/* ---- worker.c ---- */

/* The worker that the calling thread is, NULL elsewhere. */
struct iocp_worker *iocp_worker_current(void);
/* The same, NULL also if it belongs to another port. */
struct iocp_worker *iocp_worker_of(const struct iocp_port *port);
void iocp_worker_main(void *worker);
/* Makes the strand ready: on this worker's own list, or on the shared one. Any thread. */
void iocp_schedule(struct iocp_strand *strand);
/* Puts the strand behind the others that are ready on this worker. */
void iocp_requeue(struct iocp_worker *worker, struct iocp_strand *strand);
/* Adds to a counter of the calling worker, or of the port. */
void iocp_count(struct iocp_port *port, enum iocp_counter counter, uint64_t n);

/* ---- stream.c ---- */

static inline struct iocp_stream *iocp_stream_of_read(struct iocp_op *op)
{
    return IOCP_OWNER(op, struct iocp_stream, read);
}

static inline struct iocp_stream *iocp_stream_of_write(struct iocp_op *op)
{
    return IOCP_OWNER(op, struct iocp_stream, write);
}

/* What a try of an operation came to. */
enum iocp_outcome { IOCP_DONE, IOCP_WAITS, IOCP_AGAIN };

/* Fills in a stream that the backend has made ready. */
void iocp_stream_prepare(struct iocp_stream *stream, struct iocp_strand *strand, iocp_handle handle,
                         enum iocp_stream_kind kind, const struct iocp_stream_events *events);
/* IDLE to PENDING for a read of at most max_bytes; the backend queues or parks it. */
void iocp_stream_begin_read(struct iocp_stream *stream, uint32_t max_bytes);
/* Bytes that the next read should have room for, and what a read teaches about the one after. */
uint32_t iocp_stream_want(const struct iocp_stream *stream);
void iocp_stream_learn(struct iocp_stream *stream, uint32_t got_bytes, uint32_t room_bytes);
/* The next spans of the write, at most IOCP_GATHER_MAX and most_bytes; returns their number. */
unsigned iocp_stream_gather(const struct iocp_stream *stream, struct iocp_vec *out_vecs,
                            size_t most_bytes, size_t *out_bytes);
/* So many bytes of them were taken by the system. */
void iocp_stream_advance(struct iocp_stream *stream, size_t written_bytes);
/* Sets the write's result; returns IOCP_DONE. */
enum iocp_outcome iocp_stream_fail_write(struct iocp_stream *stream, int result, int os_error);
/* Before the callback of a read or write: if that was what closing waited for, the close goes into
 * the queue. */
void iocp_stream_settle(struct iocp_op *op);

/* ---- slab.c ---- */

/* Opens and closes the pool; at the end nothing may be leased (asserted). */
void iocp_slabs_init(struct iocp_port *port, unsigned limit);
void iocp_slabs_deinit(struct iocp_port *port);
/* Gives the worker's partly filled and spare slabs back; at its end. */
void iocp_slabs_leave(struct iocp_worker *worker);
/* Room for a read of want_bytes on this worker: at least that many when 0 is returned. Errors:
 * BUSY (the limit is reached: the op has been queued and is pushed again when there is room),
 * NOMEM. */
IOCP_MUST_CHECK int iocp_slab_room(struct iocp_worker *worker, struct iocp_op *op,
                                   uint32_t want_bytes, uint8_t **out_data, uint32_t *out_bytes);
/* Takes the first size_bytes of that room as a slice. */
struct iocp_slice iocp_slab_commit(struct iocp_worker *worker, uint32_t size_bytes);
/* Lets the read that waits longest for a slab try again. Any thread. */
void iocp_slab_feed(struct iocp_port *port);
/* A read that was fed needs no slab after all, or has one: the next one may try. On its strand. */
void iocp_slab_pass_on(struct iocp_op *op);
/* Takes a starved op out of the queue; false if it has left already. */
bool iocp_slab_unstarve(struct iocp_port *port, struct iocp_op *op);

/* ---- timer.c ---- */

/* Opens and closes the timers; at the end none may be set (asserted). */
void iocp_timers_init(struct iocp_port *port);
void iocp_timers_deinit(struct iocp_port *port);
/* Completes the timers that are due and sets the system's timer for the next; on a worker. */
void iocp_timers_fire(struct iocp_port *port);

/* ---- helper.c ---- */

/* Starts and ends the helper threads. Closing may follow an opening that failed halfway. */
IOCP_MUST_CHECK int iocp_helpers_open(struct iocp_port *port, int *out_os_error);
void iocp_helpers_close(struct iocp_port *port);
/* Adds the numbers of the pool to stats. Any thread. */
void iocp_helpers_stats(struct iocp_helpers *pool, struct iocp_stats *stats);

/* ---- Backend: once per system ---- */

/* Opens and closes what the port has of the system; port->backend is set while it is open. */
IOCP_MUST_CHECK int iocp_backend_open(struct iocp_port *port, int *out_os_error);
void iocp_backend_close(struct iocp_port *port);
/* Takes events from the kernel and queues what they are for; block: waits for the first. */
void iocp_backend_look(struct iocp_worker *worker, bool block);
/* Wakes one worker that blocks in iocp_backend_look. Any thread. */
void iocp_backend_wake(struct iocp_port *port);
/* Threads of the system that wait for processes now, at most. Any thread. */
unsigned iocp_backend_wait_threads(struct iocp_port *port);
/* Sets the one timer of the port; under the timers' lock. */
void iocp_backend_set_timer(struct iocp_port *port, uint64_t deadline_ns);
/* Memory: zeroed, or NULL. */
void *iocp_backend_alloc(const struct iocp_port *port, size_t size_bytes);
/* The same, with whatever was in it before: for what is written before it is read. */
void *iocp_backend_alloc_dirty(const struct iocp_port *port, size_t size_bytes);
void iocp_backend_release(const struct iocp_port *port, void *memory);
void *iocp_backend_map(const struct iocp_port *port, size_t size_bytes);
void iocp_backend_unmap(const struct iocp_port *port, void *memory, size_t size_bytes);
/* The default table of system calls. */
const struct iocp_sys *iocp_backend_sys(void);

/* One step of a queued operation on its strand. true: complete, result set; false: it waits. */
bool iocp_read_step(struct iocp_worker *worker, struct iocp_op *op);
bool iocp_write_step(struct iocp_worker *worker, struct iocp_op *op);
bool iocp_close_step(struct iocp_worker *worker, struct iocp_op *op);
bool iocp_accept_step(struct iocp_worker *worker, struct iocp_op *op);
bool iocp_listener_close_step(struct iocp_worker *worker, struct iocp_op *op);
bool iocp_exit_step(struct iocp_worker *worker, struct iocp_op *op);
/* Before the callback of an accept, likewise. */
void iocp_listener_settle(struct iocp_op *op);

#endif
