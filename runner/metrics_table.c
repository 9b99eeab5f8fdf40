/*
 * The table of metrics (metrics_table.h): the one place of names, types and labels. Words of labels
 * stand in the order of the enums that they name. Constant data.
 */
#include "runner/metrics_table.h"

#include "runner/metrics.h"

#include <execport_version.h>

#define AT(member)      offsetof(struct run_metrics_view, member)
#define COUNT(first)    (AT(counts) + sizeof(uint64_t) * RUN_COUNT_##first)
#define SELF(number)    (AT(self) + sizeof(uint64_t) * RUN_SELF_##number)
#define TIMES(times_of) (AT(times) + sizeof(struct run_times_view) * RUN_HISTOGRAM_##times_of)
#define LABELS(list)    (list), sizeof(list) / sizeof(*(list))
#define SINGLE          NULL, 1

#define COUNTER   RUN_METRIC_COUNTER, 0
#define GAUGE     RUN_METRIC_GAUGE, 0
#define HISTOGRAM RUN_METRIC_HISTOGRAM, 9
enum { MS = 3, US = 6 }; /* decimals of seconds */

typedef const char *const words[];

static words build = {"version=\"" EXECPORT_VERSION "\",commit=\"" EXECPORT_COMMIT
                      "\",compiler=\"" EXECPORT_COMPILER "\",system=\"" EXECPORT_SYSTEM "\""};
static words cpu_modes = {"mode=\"user\"", "mode=\"system\""};
static words session_states = {
    "state=\"starting\",kind=\"pipe\"", "state=\"starting\",kind=\"tty\"",
    "state=\"running\",kind=\"pipe\"",  "state=\"running\",kind=\"tty\"",
    "state=\"exited\",kind=\"pipe\"",   "state=\"exited\",kind=\"tty\"",
    "state=\"closed\",kind=\"pipe\"",   "state=\"closed\",kind=\"tty\"",
    "state=\"gone\",kind=\"pipe\"",     "state=\"gone\",kind=\"tty\"",
};
static words start_results = {
    "result=\"ok\"",        "result=\"exec\"",        "result=\"cwd\"",    "result=\"failed\"",
    "result=\"cancelled\"", "result=\"no_capacity\"", "result=\"exists\"", "result=\"invalid\"",
    "result=\"sandbox\"",   "result=\"other\"",
};
/* From SESS_ENDER_ITSELF on: what runs was ended by nobody. */
static words enders = {"by=\"itself\"",       "by=\"client\"",     "by=\"disconnect\"",
                       "by=\"time_limit\"",   "by=\"idle_limit\"", "by=\"no_output_limit\"",
                       "by=\"output_limit\"", "by=\"shutdown\""};
static words streams = {"stream=\"stdout\"", "stream=\"stderr\"", "stream=\"pty\""};
static words undelivered = {"reason=\"disconnected\"", "reason=\"no_memory\""};
static words classes = {"class=\"reply\"", "class=\"output\"", "class=\"observed\""};
static words ring_parts = {"part=\"sent\"", "part=\"missed\""};
static words conn_states = {"state=\"checking\"", "state=\"sniffing\"", "state=\"handshake\"",
                            "state=\"open\"",     "state=\"ending\"",   "state=\"lingering\"",
                            "state=\"closing\""};
static words listeners = {"listener=\"stdio\"", "listener=\"ws\"", "listener=\"unix\""};
static words cuts = {
    "reason=\"other\"",     "reason=\"client\"",      "reason=\"lost\"",
    "reason=\"http\"",      "reason=\"refused\"",     "reason=\"not_initialized\"",
    "reason=\"no_pong\"",   "reason=\"not_reading\"", "reason=\"protocol\"",
    "reason=\"too_large\"", "reason=\"no_memory\"",   "reason=\"shutdown\"",
};
static words refusals = {"reason=\"token\"",    "reason=\"peer\"",    "reason=\"host\"",
                         "reason=\"origin\"",   "reason=\"request\"", "reason=\"too_many\"",
                         "reason=\"no_memory\""};
static words shortages = {
    "resource=\"sessions\"",    "resource=\"sessions of this connection\"",
    "resource=\"descriptors\"", "resource=\"pseudoterminals\"",
    "resource=\"processes\"",   "resource=\"memory\"",
    "resource=\"starts\"",      "resource=\"tenures\"",
    "resource=\"other\"",
};
static words resources = {"resource=\"sessions\"", "resource=\"descriptors\"",
                          "resource=\"pseudoterminals\"", "resource=\"processes\""};
#define FILE_METHOD(name)                                                                          \
    "method=\"fs/" name "\",result=\"ok\"", "method=\"fs/" name "\",result=\"not_found\"",         \
        "method=\"fs/" name "\",result=\"refused\"", "method=\"fs/" name "\",result=\"failed\""
static words file_calls = {
    FILE_METHOD("getMetadata"),
    FILE_METHOD("readFile"),
    FILE_METHOD("open"),
    FILE_METHOD("readBlock"),
    FILE_METHOD("close"),
    FILE_METHOD("writeFile"),
    FILE_METHOD("createDirectory"),
    FILE_METHOD("readDirectory"),
    FILE_METHOD("canonicalize"),
    FILE_METHOD("walk"),
    FILE_METHOD("remove"),
    FILE_METHOD("copy"),
    FILE_METHOD("watchMissing"),
};
static words pools = {"pool=\"general\"", "pool=\"starts\"", "pool=\"files\""};

_Static_assert(sizeof(session_states) / sizeof(char *) == SESS_STATES * SESS_KINDS, "all states");
_Static_assert(sizeof(start_results) / sizeof(char *) == RUN_START_RESULTS, "all results");
_Static_assert(sizeof(enders) / sizeof(char *) == SESS_ENDERS - SESS_ENDER_ITSELF, "all enders");
_Static_assert(sizeof(streams) / sizeof(char *) == SESS_STREAMS, "all streams");
_Static_assert(sizeof(classes) / sizeof(char *) == RUN_FRAME_CLASSES, "all classes");
_Static_assert(sizeof(ring_parts) / sizeof(char *) == RUN_METRICS_RING_PARTS, "both parts");
_Static_assert(sizeof(conn_states) / sizeof(char *) == RUN_METRICS_CONN_STATES, "all states");
_Static_assert(sizeof(listeners) / sizeof(char *) == RUN_METRICS_LISTEN_KINDS, "all kinds");
_Static_assert(sizeof(cuts) / sizeof(char *) == RUN_CUTS, "all reasons");
_Static_assert(sizeof(refusals) / sizeof(char *) == RUN_REFUSALS, "all reasons");
_Static_assert(sizeof(shortages) / sizeof(char *) == RUN_RESOURCES, "all words");
_Static_assert(sizeof(resources) / sizeof(char *) == SESS_RESOURCES, "all resources");
_Static_assert(sizeof(file_calls) / sizeof(char *) == RUN_METRICS_FILE_METHODS * RUN_FILE_RESULTS,
               "all methods and results");
_Static_assert(sizeof(pools) / sizeof(char *) == IOCP_POOLS, "all pools");

/* clang-format off */
const struct run_metric_row run_metric_table[] = {
    {"build_info", GAUGE, "What is running; always 1.", LABELS(build), AT(one)},
    {"start_time_seconds", RUN_METRIC_GAUGE, MS, "When the server started, since 1970.", SINGLE,
     AT(started_wall_ms)},
    {"process_resident_memory_bytes", GAUGE, "Memory of the process in RAM.", SINGLE,
     SELF(RESIDENT_BYTES)},
    {"process_cpu_seconds_total", RUN_METRIC_COUNTER, US, "Processor time of the process.",
     LABELS(cpu_modes), SELF(USER_US)},
    {"process_open_descriptors", GAUGE, "Descriptors that the process has open.", SINGLE,
     SELF(DESCRIPTORS)},
    {"process_descriptor_limit", GAUGE, "Descriptors that it may have open.", SINGLE,
     SELF(DESCRIPTOR_LIMIT)},
    {"process_read_time_seconds", RUN_METRIC_GAUGE, MS,
     "When the numbers of the process were read, since 1970.", SINGLE, SELF(READ_WALL_MS)},

    {"sessions", GAUGE, "Sessions by state and kind.", LABELS(session_states),
     AT(sessions.in_state)},
    {"sessions_waiting", GAUGE, "Sessions whose output waits for their client.", SINGLE,
     AT(sessions.waiting)},
    {"starts_total", COUNTER, "Requests to start a process, by their answer.",
     LABELS(start_results), COUNT(STARTS)},
    {"exits_total", COUNTER, "Programs that have ended, by who ended them.", LABELS(enders),
     AT(sessions.exits) + sizeof(uint64_t) * SESS_ENDER_ITSELF},
    {"start_seconds", HISTOGRAM, "From taking a request to start a process to its answer.", SINGLE,
     TIMES(START)},
    {"request_seconds", HISTOGRAM, "From taking a request to queueing its answer.", SINGLE,
     TIMES(REQUEST)},
    {"output_delay_seconds", HISTOGRAM,
     "From reading a chunk of output to handing its frame to the socket.", SINGLE, TIMES(OUTPUT)},

    {"stdin_bytes_total", COUNTER, "Bytes that programs' standard inputs took.", SINGLE,
     AT(sessions.bytes_in)},
    {"output_read_bytes_total", COUNTER, "Bytes read of programs' output.", LABELS(streams),
     AT(sessions.bytes_out)},
    {"output_delivered_bytes_total", COUNTER, "Of those, bytes in frames that the system took.",
     SINGLE, COUNT(DELIVERED)},
    {"output_undelivered_bytes_total", COUNTER, "Of those, bytes in frames that never left.",
     LABELS(undelivered), COUNT(DROPPED)},
    {"output_unheard_bytes_total", COUNTER, "Of those, bytes of sessions without a client.",
     SINGLE, AT(sessions.bytes_unheard)},
    {"output_omitted_bytes_total", COUNTER, "Of those, bytes that fell out of what is retained.",
     SINGLE, AT(sessions.omitted_at_cap)},
    {"output_reclaimed_bytes_total", COUNTER,
     "Retained bytes that were given up for the budget of all sessions.", SINGLE,
     AT(sessions.omitted_reclaims)},
    {"retained_bytes", GAUGE, "Memory that holds retained output.", SINGLE,
     AT(host.retained_bytes)},
    {"retained_limit_bytes", GAUGE, "Its budget.", SINGLE, AT(sessions.retained_limit_bytes)},
    {"reclaims_total", COUNTER, "Times that a session gave retained output up for the budget.",
     SINGLE, AT(host.reclaims)},
    {"observers", GAUGE, "Observers of sessions.", SINGLE, COUNT(OBSERVERS)},
    {"observed_bytes_total", COUNTER, "Bytes of output queued for observers.", SINGLE,
     COUNT(OBSERVED)},
    {"observer_gaps_total", COUNTER, "Gaps that observers were told of.", SINGLE, COUNT(GAPS)},
    {"observer_gap_bytes_total", COUNTER, "Bytes of output in them, at most.", SINGLE,
     COUNT(GAP_BYTES)},
    {"orphans", GAUGE, "Streams that outlived their session and are discarded.", SINGLE,
     AT(host.orphans)},
    {"orphans_refused_total", COUNTER, "Streams that were closed in place of that.", SINGLE,
     AT(host.orphans_refused)},
    {"orphan_bytes_total", COUNTER, "Bytes discarded of orphans.", SINGLE, AT(host.orphan_bytes)},

    {"connections", GAUGE, "Connections by state.", LABELS(conn_states), COUNT(CONNS)},
    {"connections_opened_total", COUNTER, "Connections taken, by kind of listener.",
     LABELS(listeners), COUNT(OPENED)},
    {"connections_closed_total", COUNTER, "Connections closed.", SINGLE, COUNT(CLOSED)},
    {"connections_ended_total", COUNTER, "Connections that began to end, by reason.", LABELS(cuts),
     COUNT(CUTS)},
    {"connections_writing", GAUGE, "Connections with a write that the system has not taken whole.",
     SINGLE, COUNT(WRITING)},
    {"queue_bytes", GAUGE, "Bytes that wait to be sent to clients.", LABELS(classes),
     COUNT(QUEUED_BYTES)},
    {"queue_frames", GAUGE, "Frames that wait to be sent to clients.", LABELS(classes),
     COUNT(QUEUED_FRAMES)},
    {"resume_ring_bytes", GAUGE, "Bytes of output that clients have not acknowledged.",
     LABELS(ring_parts), COUNT(RING_BYTES)},
    {"refused_total", COUNTER, "Connections and HTTP requests refused, by reason.",
     LABELS(refusals), COUNT(REFUSALS)},
    {"no_capacity_total", COUNTER, "Starts and clients refused with error -32021, by resource.",
     LABELS(shortages), COUNT(NO_CAPACITY)},
    {"file_calls_total", COUNTER, "Requests about files, by method and answer.",
     LABELS(file_calls), COUNT(FILE_CALLS)},

    {"resource_used", GAUGE, "What sessions and connections use of a resource.", LABELS(resources),
     AT(sessions.used)},
    {"resource_limit", GAUGE, "What they may use of it; +Inf where no limit is known.",
     LABELS(resources), AT(sessions.limits)},
    {"cgroups", GAUGE, "Cgroups made and kept.", SINGLE, AT(host.cgroups)},
    {"helpers", GAUGE, "Threads for calls that may wait.", LABELS(pools), AT(engine.helpers)},
    {"helpers_busy", GAUGE, "Of those, in a call now.", LABELS(pools), AT(engine.helpers_busy)},
    {"helper_queue_calls", GAUGE, "Calls that wait for a helper.", LABELS(pools),
     AT(engine.helper_calls)},
    {"helper_queue_limit", GAUGE, "Calls that may wait in one pool.", SINGLE,
     AT(engine.helper_queue)},
    {"helper_late_calls_total", COUNTER, "Calls of helpers that took too long.", SINGLE,
     AT(engine.helper_calls_late)},
    {"helper_refused_calls_total", COUNTER, "Calls that found the queue full.", SINGLE,
     AT(engine.helper_calls_refused)},

    {"engine_workers", GAUGE, "Threads that serve.", SINGLE, AT(engine.workers)},
    {"engine_callbacks_total", COUNTER, "Completions delivered.", SINGLE, AT(engine.callbacks)},
    {"engine_waits_total", COUNTER, "Looks at the kernel that may block.", SINGLE,
     AT(engine.kernel_waits)},
    {"engine_polls_total", COUNTER, "Looks at the kernel that do not block.", SINGLE,
     AT(engine.kernel_polls)},
    {"engine_events_total", COUNTER, "Events that they returned.", SINGLE,
     AT(engine.kernel_events)},
    {"engine_stale_events_total", COUNTER, "Of those, for a handle that was closed already.",
     SINGLE, AT(engine.stale_events)},
    {"engine_wakes_total", COUNTER, "System calls that wake a worker.", SINGLE, AT(engine.wakes)},
    {"engine_registrations_total", COUNTER, "System calls that register or remove a handle.",
     SINGLE, AT(engine.registrations)},
    {"engine_timer_settings_total", COUNTER, "System calls that set the timer.", SINGLE,
     AT(engine.timer_settings)},
    {"engine_reads_total", COUNTER, "System calls that read.", SINGLE, AT(engine.reads)},
    {"engine_empty_reads_total", COUNTER, "Of those, with nothing to read.", SINGLE,
     AT(engine.reads_empty)},
    {"engine_read_bytes_total", COUNTER, "Bytes that they read.", SINGLE, AT(engine.bytes_read)},
    {"engine_writes_total", COUNTER, "System calls that write.", SINGLE, AT(engine.writes)},
    {"engine_short_writes_total", COUNTER, "Of those, taken in part only.", SINGLE,
     AT(engine.writes_full)},
    {"engine_written_bytes_total", COUNTER, "Bytes that they wrote.", SINGLE,
     AT(engine.bytes_written)},
    {"engine_slabs_leased", GAUGE, "Buffers of 128 KiB in use.", SINGLE, AT(engine.slabs_leased)},
    {"engine_slabs_free", GAUGE, "Buffers kept for reuse.", SINGLE, AT(engine.slabs_free)},
    {"engine_slab_limit", GAUGE, "Buffers in use beyond which reads wait.", SINGLE,
     AT(engine.slab_limit)},
    {"engine_slab_waits_total", COUNTER, "Reads that had to wait for a buffer.", SINGLE,
     AT(engine.slab_waits)},
    {"log_dropped_lines_total", COUNTER, "Lines of the log that nobody took.", SINGLE,
     AT(log_dropped)},
};
/* clang-format on */

const size_t run_metric_rows = sizeof(run_metric_table) / sizeof(*run_metric_table);
