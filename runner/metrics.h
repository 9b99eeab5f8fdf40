/*
 * What the server counts for GET /metrics: numbers of its own, and how it gathers those of the
 * engine, the sessions and the process.
 *
 * Counting is for any thread: each worker adds to a part of its own (iocp/tally.h), nothing is
 * locked or allocated, and nothing is kept of a session. Times go into histograms whose buckets end
 * at powers of two of a nanosecond, so that finding the bucket is one instruction.
 * docs/metrics.md says what each number means; metrics_table.c has their names.
 */
#ifndef RUN_METRICS_H
#define RUN_METRICS_H

#include "iocp/tally.h"
#include "runner/outq.h"
#include "runner/self.h"
#include "sessions/tally.h"

struct run_log;

/* How a request to start a process was answered. */
enum run_start_result {
    RUN_START_OK,
    RUN_START_EXEC, /* the program could not be run */
    RUN_START_CWD,
    RUN_START_FAILED, /* another step of the start */
    RUN_START_CANCELLED,
    RUN_START_NO_CAPACITY,
    RUN_START_EXISTS,
    RUN_START_INVALID,
    RUN_START_SANDBOX, /* the sandbox that was asked for cannot be enforced */
    RUN_START_OTHER,
    RUN_START_RESULTS
};

/* What a start or an initialize may lack; the words are those of error -32021. */
enum run_resource {
    RUN_RESOURCE_SESSIONS,
    RUN_RESOURCE_CLIENT_SESSIONS,
    RUN_RESOURCE_DESCRIPTORS,
    RUN_RESOURCE_TTYS,
    RUN_RESOURCE_PROCESSES,
    RUN_RESOURCE_MEMORY,
    RUN_RESOURCE_STARTS,
    RUN_RESOURCE_TENURES, /* of an initialize */
    RUN_RESOURCE_OTHER,
    RUN_RESOURCES
};

/* Why a connection ended. */
enum run_cut {
    RUN_CUT_OTHER,
    RUN_CUT_CLIENT,          /* the client closed it */
    RUN_CUT_LOST,            /* reading or writing failed */
    RUN_CUT_HTTP,            /* its HTTP request was answered, and was no handshake */
    RUN_CUT_REFUSED,         /* the user at its other end may not be served */
    RUN_CUT_NOT_INITIALIZED, /* in time */
    RUN_CUT_NO_PONG,
    RUN_CUT_NOT_READING,
    RUN_CUT_PROTOCOL,
    RUN_CUT_TOO_LARGE, /* a message */
    RUN_CUT_NO_MEMORY,
    RUN_CUT_SHUTDOWN,
    RUN_CUTS
};

/* Why a connection or its HTTP request was refused. */
enum run_refusal {
    RUN_REFUSED_TOKEN,
    RUN_REFUSED_PEER,
    RUN_REFUSED_HOST,
    RUN_REFUSED_ORIGIN,
    RUN_REFUSED_REQUEST,  /* a path that is not there, a method, a handshake that is none */
    RUN_REFUSED_TOO_MANY, /* connections that have not initialized */
    RUN_REFUSED_NO_MEMORY,
    RUN_REFUSALS
};

/* How a request about files was answered. */
enum run_file_result {
    RUN_FILE_OK,
    RUN_FILE_NOT_FOUND,
    RUN_FILE_REFUSED, /* by its params, a limit, or the system's permissions */
    RUN_FILE_FAILED,
    RUN_FILE_RESULTS
};

enum { RUN_METRICS_FILE_METHODS = 13 }; /* those of wire/msg_fs.h, in their order */

enum { RUN_METRICS_CONN_STATES = 7, RUN_METRICS_LISTEN_KINDS = 3, RUN_METRICS_RING_PARTS = 2 };

/* The runner's own numbers; each begins a range, see struct run_metrics_view. */
enum run_count {
    RUN_COUNT_STARTS,
    RUN_COUNT_NO_CAPACITY = RUN_COUNT_STARTS + RUN_START_RESULTS,
    RUN_COUNT_CONNS = RUN_COUNT_NO_CAPACITY + RUN_RESOURCES, /* by state, a gauge */
    RUN_COUNT_OPENED = RUN_COUNT_CONNS + RUN_METRICS_CONN_STATES,
    RUN_COUNT_CLOSED = RUN_COUNT_OPENED + RUN_METRICS_LISTEN_KINDS,
    RUN_COUNT_CUTS,
    RUN_COUNT_REFUSALS = RUN_COUNT_CUTS + RUN_CUTS,
    RUN_COUNT_QUEUED_BYTES = RUN_COUNT_REFUSALS + RUN_REFUSALS,           /* by class, a gauge */
    RUN_COUNT_QUEUED_FRAMES = RUN_COUNT_QUEUED_BYTES + RUN_FRAME_CLASSES, /* the same */
    RUN_COUNT_WRITING = RUN_COUNT_QUEUED_FRAMES + RUN_FRAME_CLASSES,      /* a gauge */
    RUN_COUNT_RING_BYTES, /* by part of the resume rings, a gauge */
    RUN_COUNT_OBSERVERS = RUN_COUNT_RING_BYTES + RUN_METRICS_RING_PARTS, /* a gauge */
    RUN_COUNT_DELIVERED,
    RUN_COUNT_DROPPED,     /* output whose connection ended first */
    RUN_COUNT_UNENCODABLE, /* output that no memory was left for */
    RUN_COUNT_OBSERVED,    /* bytes queued for them */
    RUN_COUNT_GAPS,
    RUN_COUNT_GAP_BYTES,
    RUN_COUNT_FILE_CALLS, /* by method, and in it by result */
    RUN_COUNTS = RUN_COUNT_FILE_CALLS + RUN_METRICS_FILE_METHODS * RUN_FILE_RESULTS
};

enum run_histogram {
    RUN_HISTOGRAM_START,   /* from a start's request to its answer */
    RUN_HISTOGRAM_OUTPUT,  /* from output being read to its frame being handed to the socket */
    RUN_HISTOGRAM_REQUEST, /* from any request to its answer */
    RUN_HISTOGRAMS
};

enum {
    RUN_BUCKET_FIRST_BITS = 14, /* the first ends at 2^14 ns, 16 us: faster is all the same */
    RUN_BUCKETS = 21,           /* the last ends at 2^34 ns, 17 s; one more takes the rest */
    RUN_METRICS_TEXT_BYTES = 32 * 1024 /* the longest text has room; tested */
};

struct run_times {
    _Atomic uint64_t buckets[RUN_BUCKETS + 1];
    _Atomic uint64_t sum_ns;
};

struct run_metrics_part {
    _Atomic uint64_t counts[RUN_COUNTS];
    struct run_times times[RUN_HISTOGRAMS];
    uint8_t apart[IOCP_TALLY_APART_BYTES];
};

struct run_metrics {
    struct iocp_port *port;
    uint64_t started_wall_ms;
    _Atomic bool self_busy; /* a helper looks at the process */
    _Atomic uint64_t self[RUN_SELF_NUMBERS];
    struct run_metrics_part parts[IOCP_TALLY_PARTS];
};

/* One reading of everything, as metrics_table.c finds it: numbers that stand in a row. */
struct run_times_view {
    uint64_t buckets[RUN_BUCKETS + 1];
    uint64_t sum_ns;
};

struct run_metrics_view {
    uint64_t one; /* the value of what only has labels */
    uint64_t started_wall_ms;
    uint64_t log_dropped;
    uint64_t counts[RUN_COUNTS];
    struct run_times_view times[RUN_HISTOGRAMS];
    uint64_t self[RUN_SELF_NUMBERS];
    struct sess_totals sessions;
    struct sess_host_stats host;
    struct iocp_stats engine;
};

/* Prepares it, in zeroed memory, and looks at the process once: that may wait for a disk. Main
 * thread. */
void run_metrics_init(struct run_metrics *metrics, struct iocp_port *port);

/* Adds to a number: count is one of enum run_count plus what is counted of its range. Any thread.
 */
static inline void run_metrics_add(struct run_metrics *metrics, unsigned count, uint64_t n)
{
    unsigned worker = iocp_worker_number(metrics->port);
    iocp_tally_add(&metrics->parts[worker].counts[count], worker, n);
}

/* The bucket of a time: the first that ends at it or later. */
static inline unsigned run_metrics_bucket(uint64_t time_ns)
{
    uint64_t above = (time_ns > 0 ? time_ns - 1 : 0) >> RUN_BUCKET_FIRST_BITS;
    unsigned bits = above > 0 ? 64 - (unsigned)__builtin_clzll(above) : 0;
    return bits < RUN_BUCKETS ? bits : RUN_BUCKETS;
}

/* Adds a time to the calling worker's part of a histogram. */
static inline void run_times_add(struct run_times *times, unsigned worker, uint64_t time_ns)
{
    iocp_tally_add(&times->buckets[run_metrics_bucket(time_ns)], worker, 1);
    iocp_tally_add(&times->sum_ns, worker, time_ns);
}

/* Adds a time to a histogram. Any thread. */
static inline void run_metrics_observe(struct run_metrics *metrics, enum run_histogram histogram,
                                       uint64_t time_ns)
{
    unsigned worker = iocp_worker_number(metrics->port);
    run_times_add(&metrics->parts[worker].times[histogram], worker, time_ns);
}

/* A gauge goes from one place of its range to another. Any thread. */
static inline void run_metrics_move(struct run_metrics *metrics, unsigned from, unsigned to)
{
    run_metrics_add(metrics, from, UINT64_MAX); /* one less */
    run_metrics_add(metrics, to, 1);
}

/* A frame is queued. Any thread. */
static inline void run_metrics_queue(struct run_metrics *metrics, enum run_frame_class class,
                                     uint32_t size_bytes)
{
    unsigned worker = iocp_worker_number(metrics->port);
    struct run_metrics_part *part = &metrics->parts[worker];
    iocp_tally_add(&part->counts[RUN_COUNT_QUEUED_BYTES + class], worker, size_bytes);
    iocp_tally_add(&part->counts[RUN_COUNT_QUEUED_FRAMES + class], worker, 1);
}

/* A frame that was queued is sent or dropped; part is the calling worker's. */
static inline void run_metrics_unqueue(struct run_metrics_part *part, unsigned worker,
                                       unsigned class, uint32_t size_bytes)
{
    iocp_tally_add(&part->counts[RUN_COUNT_QUEUED_BYTES + class], worker, 0 - (uint64_t)size_bytes);
    iocp_tally_add(&part->counts[RUN_COUNT_QUEUED_FRAMES + class], worker, UINT64_MAX);
}

/* A request to start a process was answered with this sess_error. Any thread. */
void run_metrics_start(struct run_metrics *metrics, int error);

/* A client was told that this resource is used up. Any thread. */
void run_metrics_shortage(struct run_metrics *metrics, const struct sess_shortage *shortage);

/* Whether the caller shall look at the process now: true to one at a time, who calls
 * run_metrics_self_done when he has. Any thread. */
bool run_metrics_self_begin(struct run_metrics *metrics);
/* Looks at the process: on a helper, since it opens files. */
void run_metrics_self_read(struct run_metrics *metrics);
void run_metrics_self_done(struct run_metrics *metrics);

/* Reads everything. Any thread. */
void run_metrics_view(struct run_metrics *metrics, struct sess_host *host, struct run_log *log,
                      struct run_metrics_view *out_view);

/* Writes the view as text, in the order of the table. Returns its size, which may be more than the
 * capacity: then only that much was written. Pure. */
size_t run_metrics_write(const struct run_metrics_view *view, char *text, size_t capacity);

#endif
