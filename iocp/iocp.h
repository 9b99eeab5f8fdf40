/*
 * The contract of the engine: a completion port, the same on every system.
 *
 * A port has a queue of completions and a fixed pool of workers. Whoever wants something of the
 * system starts an operation; a worker reports its completion by calling the operation's callback.
 * Every operation belongs to a strand; callbacks of one strand never overlap. The rules that hold
 * for everything below, and that tests/iocp checks on every backend, are numbered here:
 */

/*
 *  1. An operation lives in its owner's memory. Starting one allocates nothing.
 *  2. An operation that was started completes exactly once, from a worker, never inside the call
 *     that started it. In the callback it is idle again and may be started again.
 *  3. Callbacks of a strand run one after another in the order in which they entered its queue.
 *     Different strands run in parallel. Between two handles that order says nothing.
 *  4. From start to completion an operation and what it names belong to the engine.
 *  5. Cancel is a request: the completion tells what happened. Data that was there is delivered.
 *  6. "On the strand" below means: in a callback of that strand, or anywhere as long as nothing of
 *     that strand was started yet. Only iocp_post, iocp_kick, slices and the clocks are for any
 *     thread.
 *  7. After a callback returned the engine touches nothing that the callback was free to release.
 *  8. Fallible calls return 0 or a negative iocp_error; the operating system's own code goes to
 *     where the prototype says. Out parameters are written on success only.
 */
#ifndef IOCP_IOCP_H
#define IOCP_IOCP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_MSC_VER) && !defined(__clang__)
#define IOCP_MUST_CHECK _Check_return_ /* from every header of its C library */
#else
#define IOCP_MUST_CHECK __attribute__((warn_unused_result))
#endif

/* The structure that holds the given operation as its member. */
#define IOCP_OWNER(op, type, member) ((type *)(void *)((char *)(op)-offsetof(type, member)))

/* ---- Errors ------------------------------------------------------------------------------- */

enum iocp_error {
    IOCP_OK = 0,
    IOCP_E_CANCELLED = -1, /* cancelled before anything (more) happened */
    IOCP_E_END = -2,       /* end of stream: the other side closed its writing end */
    IOCP_E_BROKEN = -3,    /* writing: nobody will ever read it */
    IOCP_E_RESET = -4,     /* the connection was cut */
    IOCP_E_HANGUP = -5,    /* terminal: no program has the other side open now; one may again */
    IOCP_E_NOMEM = -6,
    IOCP_E_NOFILES = -7, /* out of descriptors, of the process or of the system */
    IOCP_E_BUSY = -8,    /* a named queue or table is full; nothing was taken */
    IOCP_E_INVALID = -9,
    IOCP_E_IN_USE = -10, /* address in use */
    IOCP_E_ACCESS = -11,
    IOCP_E_NOT_FOUND = -12,
    IOCP_E_OS = -13 /* anything else: see the OS code kept beside it */
};

/* A short English text for an iocp_error, never NULL. Any thread. */
const char *iocp_error_text(int error);

/* Maps an errno or a Windows error to an iocp_error; 0 maps to IOCP_OK. Any thread. */
int iocp_error_from_os(int os_error);

/* ---- Limits and budgets, each with its reason --------------------------------------------- */

enum {
    IOCP_SLAB_BYTES = 128 * 1024, /* two whole pipe reads, or one read as a base64 frame */
    IOCP_READ_MAX = 64 * 1024,    /* a pipe's default size on Linux: one read empties it */
    IOCP_READ_MIN = 2 * 1024,     /* a slab with less room left is done with */
    IOCP_GATHER_MAX = 64,         /* spans in one system call; fits on a worker's stack */
    IOCP_TURN_CALLBACKS = 16,     /* a strand's turn, then it queues behind the others */
    IOCP_TURN_BYTES = 256 * 1024, /* the same for what its handles read in one turn */
    IOCP_POLL_EVERY = 64,         /* callbacks between two looks at the kernel */
    IOCP_POLL_BYTES = 256 * 1024, /* the same in bytes read and written: a tenth of a millisecond */
    IOCP_HEAVY_BYTES = 32 * 1024, /* a strand whose last turn moved so many queues as a heavy one */
    IOCP_LIGHT_TURNS = 16,        /* of others in a row while a heavy strand is ready */
    IOCP_EVENT_BATCH = 64,        /* events taken from the kernel at a time */
    IOCP_WORKERS_MAX = 64,
    IOCP_HELPERS_MAX = 64,
    IOCP_FREE_SLABS_MAX = 32 /* kept for reuse, 4 MiB; more go back to the system */
};

/* ---- Port ----------------------------------------------------------------------------------- */

struct iocp_port;
struct iocp_sys; /* table of system calls of a backend, for failure injection (sys_linux.h) */

/* Kinds of helper threads: starting programs may hang on a path, clients' files on a file system
 * that does not answer, and neither may delay the others. */
enum iocp_pool { IOCP_POOL_GENERAL, IOCP_POOL_STARTS, IOCP_POOL_FILES, IOCP_POOLS };

struct iocp_port_options {
    unsigned workers;             /* 0: the number of processors */
    unsigned helpers[IOCP_POOLS]; /* 0: 2 of each kind */
    unsigned helper_queue;        /* calls that may wait for a helper; 0: 16,384 */
    unsigned helper_late_ms;      /* a helper call that takes longer is reported; 0: 10,000 */
    size_t slab_limit_bytes;      /* reads wait for a slab beyond this; 0: 256 MiB */
    const struct iocp_sys *sys;   /* NULL: the system itself */
    /* Called once for each helper call that is late, from a worker, on no strand. May be NULL. */
    void (*on_helper_late)(void *context, const char *what, unsigned elapsed_ms);
    void *context;
};

/* Opens a port and starts its threads, with all signals blocked in them. options may be NULL.
 * Errors: NOMEM, NOFILES, INVALID (a count out of range), OS; *out_os_error has the OS code. */
IOCP_MUST_CHECK int iocp_port_open(const struct iocp_port_options *options,
                                   struct iocp_port **out_port, int *out_os_error);

/* Asks iocp_port_wait to return. Any thread, any number of times. */
void iocp_port_stop(struct iocp_port *port);

/* Blocks until iocp_port_stop was called. Not from a worker. */
void iocp_port_wait(struct iocp_port *port);

/* Ends the threads and frees the port. Every object on it must be closed and nothing pending
 * (asserted). Not from a worker. A helper call that hangs is waited for. NULL is taken. */
void iocp_port_close(struct iocp_port *port);

/* Monotonic nanoseconds of this port. Any thread. */
uint64_t iocp_now_ns(const struct iocp_port *port);

/* Milliseconds since 1970 (UTC). Any thread. */
uint64_t iocp_wall_ms(const struct iocp_port *port);

/* Fills data with unguessable bytes. Any thread. Errors: OS. */
IOCP_MUST_CHECK int iocp_random(struct iocp_port *port, void *data, size_t size_bytes);

/* Counters since the port opened; sums over all workers, each exact when its worker is idle. */
struct iocp_stats {
    uint64_t callbacks;     /* completions delivered */
    uint64_t kernel_waits;  /* blocking looks at the kernel */
    uint64_t kernel_polls;  /* looks that did not block */
    uint64_t kernel_events; /* events that they returned */
    uint64_t stale_events;  /* of those: for a handle that was closed already */
    uint64_t wakes;         /* system calls made to wake another worker */
    uint64_t registrations; /* handles made known to, changed at or taken from the kernel's queue */
    uint64_t reads, writes; /* system calls that move data */
    uint64_t reads_empty;   /* of the reads: nothing was there */
    uint64_t writes_full;   /* of the writes: took less than was offered */
    uint64_t bytes_read, bytes_written;
    uint64_t reads_pending;  /* Windows: real reads left pending with their lease */
    uint64_t slab_waits;     /* reads that had to wait for a slab */
    uint64_t slabs_leased;   /* slabs that somebody holds now */
    uint64_t slabs_free;     /* slabs kept for reuse now */
    uint64_t timer_settings; /* system calls that set the timer */
    uint64_t wait_threads;   /* Windows: threads of the system that wait for processes, at most */
    uint64_t slab_limit;     /* of slabs_leased, for reads */
    uint64_t workers;
    uint64_t helpers[IOCP_POOLS];      /* threads */
    uint64_t helpers_busy[IOCP_POOLS]; /* of them: in a call now */
    uint64_t helper_calls[IOCP_POOLS]; /* that wait for a helper now */
    uint64_t helper_queue;             /* calls of a pool that may wait */
    uint64_t helper_calls_late;        /* calls that were reported */
    uint64_t helper_calls_refused;     /* calls that found the queue full */
};
/* Any thread. */
void iocp_port_stats(struct iocp_port *port, struct iocp_stats *out_stats);

/* Which of the port's workers the calling thread is, from 0; IOCP_WORKERS_MAX elsewhere. For
 * numbers that each worker counts for itself (tally.h). Any thread. */
unsigned iocp_worker_number(const struct iocp_port *port);

/* ---- Operations and strands ----------------------------------------------------------------- */

struct iocp_op;
struct iocp_strand;
typedef void iocp_callback(struct iocp_op *op);

/* What an operation is; set by its init, private to the engine. */
enum iocp_op_kind {
    IOCP_OP_POST,
    IOCP_OP_READ,
    IOCP_OP_WRITE,
    IOCP_OP_CLOSE,
    IOCP_OP_ACCEPT,
    IOCP_OP_UNLISTEN,
    IOCP_OP_EXIT,
    IOCP_OP_TIMER,
    IOCP_OP_HELP,
    IOCP_OP_END
};

/*
 *            start                 a worker takes it from the strand's queue
 *   IDLE  ----------->  PENDING  ---------------------------------------->  IDLE, callback
 */
enum iocp_op_state { IOCP_OP_IDLE, IOCP_OP_PENDING };

struct iocp_op {
    struct iocp_op *next;       /* private: the queue that it stands in */
    struct iocp_strand *strand; /* where it completes */
    iocp_callback *callback;
    _Atomic uint8_t state; /* enum iocp_op_state */
    uint8_t kind;          /* enum iocp_op_kind */
    uint8_t flags;         /* private to the engine */
    int32_t result;        /* valid in the callback: 0 or a negative iocp_error */
    int32_t os_error;      /* the OS's own code beside a negative result, else 0 */
};

/* A queue of callbacks that never overlap. In its owner's memory. */
struct iocp_strand {
    struct iocp_port *port;
    _Atomic(struct iocp_op *) inbox; /* private: newest first; NULL: not scheduled */
    struct iocp_op *todo;            /* private: oldest first; of the worker that runs it */
    struct iocp_strand *next_ready;  /* private: the ready list that it stands in */
    bool is_heavy;                   /* private: its last turn moved IOCP_HEAVY_BYTES; as todo */
};

/* Makes a strand of the port. Nothing is allocated. */
void iocp_strand_init(struct iocp_strand *strand, struct iocp_port *port);

/* Starts the strand's last operation. Nothing of the strand may be pending or started after it;
 * in the callback the strand's memory is the owner's again. On the strand. */
void iocp_strand_end(struct iocp_strand *strand, struct iocp_op *op, iocp_callback *callback);

/* Prepares op for iocp_post and iocp_kick. */
void iocp_op_init(struct iocp_op *op, struct iocp_strand *strand, iocp_callback *callback);

/* Queues op's callback on its strand. op must be idle (asserted). Any thread. */
void iocp_post(struct iocp_op *op);

/* The same unless op is pending already; returns whether it was queued. What was written before a
 * kick is seen by the callback that follows it, whoever queued that callback. Any thread. */
bool iocp_kick(struct iocp_op *op);

/* Whether op is between start and completion. On the strand. Of an op that others kick it says only
 * that a callback is due: a kick may come at any moment, also inside the callback. */
static inline bool iocp_pending(const struct iocp_op *op)
{
    return atomic_load_explicit(&op->state, memory_order_relaxed) == IOCP_OP_PENDING;
}

/* ---- Buffers ----------------------------------------------------------------------------------
 */

struct iocp_slab; /* reference counted memory, IOCP_SLAB_BYTES or one larger lease */

/* Bytes in a slab. Whoever has a slice holds one reference; the bytes do not change any more. */
struct iocp_slice {
    struct iocp_slab *slab;
    uint8_t *data;
    uint32_t size_bytes;
};

/* Takes one more reference. Any thread. */
struct iocp_slice iocp_slice_ref(const struct iocp_slice *slice);

/* Gives the reference up and empties *slice. An empty slice is taken. Any thread. */
void iocp_slice_unref(struct iocp_slice *slice);

/* A slice of the part [offset, offset + size) with a reference of its own. */
struct iocp_slice iocp_slice_part(const struct iocp_slice *slice, uint32_t offset_bytes,
                                  uint32_t size_bytes);

/* Bytes of memory that the slice keeps from being reused while it is held. */
size_t iocp_slice_pins(const struct iocp_slice *slice);

/* Leases size_bytes to be filled by the caller before anybody else sees the slice. On a worker it
 * comes out of that worker's current slab, so small leases cost no allocation. Never waits and
 * does not count against slab_limit_bytes, which bounds reads only. Errors: NOMEM. */
IOCP_MUST_CHECK int iocp_lease(struct iocp_port *port, uint32_t size_bytes,
                               struct iocp_slice *out_slice);

/* ---- Streams: pipes, terminals, sockets ---------------------------------------------------------
 */

typedef intptr_t iocp_handle; /* a descriptor on Unix, a HANDLE or SOCKET on Windows */
#define IOCP_NO_HANDLE ((iocp_handle)-1)

enum iocp_stream_kind {
    IOCP_STREAM_PIPE,
    IOCP_STREAM_TERMINAL, /* the controlling side of a pseudoterminal */
    IOCP_STREAM_SOCKET
};

struct iocp_vec {
    const void *data;
    size_t size_bytes;
};

struct iocp_stream {
    struct iocp_op read; /* read.callback etc. are set by iocp_stream_init */
    struct iocp_op write;
    struct iocp_op close;
    struct iocp_slice slice; /* valid in the read callback with result 0: the callback owns it */
    const struct iocp_vec *vecs; /* the write's spans, the owner's */
    size_t written_bytes;        /* valid in the write callback, also beside an error */
    size_t vec_offset_bytes;     /* private: how much of vecs[0] has been written */
    iocp_handle handle;
    uint32_t slot;           /* private: the kernel's name for it */
    uint32_t read_max_bytes; /* private: of the read in progress */
    uint16_t vec_count;      /* private */
    uint8_t kind;            /* enum iocp_stream_kind */
    uint8_t hint;            /* private: expected size of the next read, as a power of two */
    uint8_t phase;           /* private: open, closing, closed */
    bool hung_up;            /* private: a terminal's hang-up was told, and nothing came since */
    bool is_pressing;        /* the owner's, false after the open: reads do not wait for a slab at
                              * slab_limit_bytes. For who gives slices back within the callback */
};

struct iocp_stream_events {
    iocp_callback *on_read; /* IOCP_OWNER(op, struct iocp_stream, read) */
    iocp_callback *on_write;
    iocp_callback *on_close;
};

/* Takes the handle over and makes it usable with the port; it must be one end of a pipe, a
 * pseudoterminal's controlling side or a connected socket. A callback that its owner never needs
 * may be NULL. Makes no system call that can fail but the one that unblocks the handle (sockets are
 * never switched: their calls say so each time). Errors: OS (*out_os_error); the handle is then
 * still the caller's. On the strand. */
IOCP_MUST_CHECK int iocp_stream_open(struct iocp_stream *stream, struct iocp_strand *strand,
                                     iocp_handle handle, enum iocp_stream_kind kind,
                                     const struct iocp_stream_events *events, int *out_os_error);

/* Starts a read of 1 to max_bytes bytes (at most IOCP_READ_MAX). Memory is leased when data is
 * there. Completes with 0 and stream->slice, or END (again and again), HANGUP (terminal; the next
 * read waits until some program wrote to the terminal again), CANCELLED, RESET, NOMEM, OS. On the
 * strand; no read may be pending. */
void iocp_read_start(struct iocp_stream *stream, uint32_t max_bytes);

/* Asks the pending read to end. If data or an end is there now it is delivered, else the read
 * completes with CANCELLED. Nothing if no read is pending. On the strand. */
void iocp_read_cancel(struct iocp_stream *stream);

/* Whether a read is pending that looked and found nothing to read. On the strand. */
bool iocp_read_is_waiting(const struct iocp_stream *stream);

/* Starts a gathered write of all vecs (count 1 to 65,535; empty spans allowed). The array and the
 * bytes stay the engine's until completion. Completes when everything was taken by the system, or
 * with BROKEN, RESET, CANCELLED, OS; written_bytes is exact in each case. On the strand; no write
 * may be pending. */
void iocp_write_start(struct iocp_stream *stream, const struct iocp_vec *vecs, unsigned count);

/* Asks the pending write to end with what was written so far. On the strand. */
void iocp_write_cancel(struct iocp_stream *stream);

/* Starts closing: pending reads and writes are cancelled and complete first (a read may still bring
 * data), then the handle is closed and on_close called; then the memory is the owner's. No read or
 * write may be started from here on (asserted), not in those callbacks either. On the strand, once.
 */
void iocp_close_start(struct iocp_stream *stream);

/* Socket: tells the peer that nothing more will be written. Does not block. On the strand. */
void iocp_stream_shutdown(struct iocp_stream *stream);

/* Socket: sends small writes at once, and takes at most unsent_bytes beyond what is in flight, so
 * that what is queued later can still overtake (0: the system's default). Failure is harmless and
 * ignored: local sockets know neither. On the strand. */
void iocp_stream_tune(struct iocp_stream *stream, uint32_t unsent_bytes);

/* ---- Making handles
 * ------------------------------------------------------------------------------- */

/* A pipe whose one end is for a stream of ours and whose other end is for a child: blocking there,
 * inheritable by nobody until the child's start says so. ours_reads: data flows to us. Any thread.
 * Errors: NOFILES, NOMEM, OS. */
IOCP_MUST_CHECK int iocp_pipe_open(const struct iocp_port *port, bool ours_reads,
                                   iocp_handle *out_ours, iocp_handle *out_theirs,
                                   int *out_os_error);

/* Closes a handle that no stream took over. Any thread. */
void iocp_handle_close(const struct iocp_port *port, iocp_handle handle);

/* ---- Listeners ---------------------------------------------------------------------------------
 */

struct iocp_listener {
    struct iocp_op accept;
    struct iocp_op close;
    iocp_handle handle;
    iocp_handle accepted; /* valid in the accept callback with result 0: the callback owns it */
    uint32_t slot;        /* private */
    uint8_t phase;        /* private */
};

/* A listening TCP socket on a literal IPv4 or IPv6 address; port 0 lets the system choose. Any
 * thread. Errors: INVALID (not a literal address), IN_USE, ACCESS, NOFILES, OS. */
IOCP_MUST_CHECK int iocp_listen_tcp(const char *address, uint16_t tcp_port, iocp_handle *out_handle,
                                    uint16_t *out_tcp_port, int *out_os_error);

/* Takes a listening socket over. On the strand. Errors: OS. */
IOCP_MUST_CHECK int iocp_listener_open(struct iocp_listener *listener, struct iocp_strand *strand,
                                       iocp_handle handle, iocp_callback *on_accept,
                                       iocp_callback *on_close, int *out_os_error);

/* Starts accepting one connection. Completes with 0 and listener->accepted, or CANCELLED, NOFILES,
 * NOMEM, OS; after an error the connection still waits in the system's queue and a later accept
 * finds it. On the strand. */
void iocp_accept_start(struct iocp_listener *listener);

/* Like iocp_close_start. */
void iocp_listener_close_start(struct iocp_listener *listener);

/* ---- Process exits ------------------------------------------------------------------------------
 */

struct iocp_usage {
    uint64_t user_us, system_us; /* processor time */
    uint64_t peak_rss_bytes;     /* 0: the host cannot tell */
};

struct iocp_exit {
    struct iocp_op op;
    iocp_handle handle; /* a pidfd, or a process handle; the engine's until iocp_exit_reap */
    uint32_t slot;      /* private */
    int32_t code;       /* valid after completion: exit code, or 0 if a signal ended it */
    int32_t signal;     /* valid after completion: the signal, or 0 */
};

/* Waits for the exit of the process that the handle names, a child of ours; takes the handle over.
 * Completes with 0, code and signal, or CANCELLED, NOMEM, OS. The process is not reaped: its id and
 * its group's id stay taken, so signals cannot hit a stranger. On the strand. */
void iocp_exit_start(struct iocp_exit *exit, struct iocp_strand *strand, iocp_handle handle,
                     iocp_callback *on_exit);

/* Asks for the end of the wait. If the process has exited that is told. On the strand. */
void iocp_exit_cancel(struct iocp_exit *exit);

/* Reaps the process if it has exited and closes the handle; does not block. After completion, on
 * the strand, once. out_usage may be NULL; zeros if there is nothing to tell. */
void iocp_exit_reap(struct iocp_exit *exit, struct iocp_usage *out_usage);

/* ---- Timers
 * --------------------------------------------------------------------------------------- */

struct iocp_timer {
    struct iocp_op op;
    uint64_t deadline_ns;
    struct iocp_timer *child, *sibling, *prev; /* private: the pairing heap */
};

/* Prepares a timer of the strand; on_timer is called each time that it completes. */
void iocp_timer_init(struct iocp_timer *timer, struct iocp_strand *strand, iocp_callback *on_timer);

/* Completes with 0 not before iocp_now_ns reaches deadline_ns, or with CANCELLED. On the strand. */
void iocp_timer_start(struct iocp_timer *timer, uint64_t deadline_ns);

/* Asks the timer to complete now, with CANCELLED unless it has fired. On the strand. */
void iocp_timer_cancel(struct iocp_timer *timer);

/* ---- Helpers: calls that can block -------------------------------------------------------------
 */

struct iocp_help {
    struct iocp_op op;
    void (*work)(struct iocp_help *help); /* runs on a helper thread, off the strand */
    const char *what;                     /* names the call in the report when it is late */
    uint64_t started_ns;                  /* private */
    struct iocp_help *next;               /* private */
};

/* Has work(help) called on a helper thread of the pool, then completes with 0; or completes with
 * BUSY, work not called, if the pool's queue is full. Cannot be cancelled. On the strand. The
 * helper thread lives as long as the port. */
void iocp_help_start(struct iocp_help *help, struct iocp_strand *strand, enum iocp_pool pool,
                     void (*work)(struct iocp_help *help), iocp_callback *on_done);

#endif
