/* The table of options (options_table.h): the one place of names, defaults, bounds and reasons. The
 * command line is read and the help is made from it. Constant data.
 */
#include "runner/options_table.h"

#include "iocp/iocp.h"

#define AT(member) offsetof(struct run_options, member)

#define KIB      1024ULL
#define MIB      (1024 * KIB)
#define GIB      (1024 * MIB)
#define TIB      (1024 * GIB)
#define SECONDS  1000ULL
#define HOURS    (3600 * SECONDS)
#define SESSIONS 1000000ULL
#define TENURES  1000000ULL

/* clang-format off */
const struct run_option_row run_option_table[RUN_OPTION_ROWS] = {
    {"listen", "URL", RUN_OPTION_LISTEN, 0, 0, 0, 0,
     "where to serve: stdio://, ws://IP:PORT (port 0 chooses one) or unix://PATH; may be given "
     "up to 16 times; default ws://127.0.0.1:0", NULL},
    {"ws-token-file", "PATH", RUN_OPTION_PATH, AT(ws_token_file), 0, 0, 0,
     "WebSocket clients must send `Authorization: Bearer TOKEN` with the token in this file, which "
     "only its owner may read", NULL},
    {"ws-token-sha256", "HEX", RUN_OPTION_SHA256, AT(ws_token_sha256), 0, 0, 0,
     "the same, with the SHA-256 digest of the token in place of the token", NULL},
    {"allow-host", "NAME", RUN_OPTION_HOST, 0, 0, 0, 0,
     "accept this name in the Host header, besides IP addresses and localhost; may be given up to "
     "64 times", NULL},
    {"allow-any-local-user", NULL, RUN_OPTION_FLAG, AT(allow_any_local_user), 0, 0, 0,
     "without a token, serve every user of this machine; otherwise only the server's own user",
     NULL},
    {"no-metrics", NULL, RUN_OPTION_FLAG, AT(no_metrics), 0, 0, 0,
     "do not answer GET /metrics", NULL},
    {"log-level", "LEVEL", RUN_OPTION_LEVEL, AT(log_level), 0, 0, 0,
     "error, warn, info or debug; default info", NULL},
    {"log-json", NULL, RUN_OPTION_FLAG, AT(log_json), 0, 0, 0,
     "one JSON object a line on standard error, in place of text", NULL},
    {"workers", "N", RUN_OPTION_COUNT, AT(workers), 0, IOCP_WORKERS_MAX, 0,
     "threads that serve; 0: as many as processors", "more than that only wait for each other"},
    {"helpers", "N", RUN_OPTION_COUNT, AT(helpers), 1, 64, 4,
     "threads for calls that may wait for a disk or a program's start",
     "one hung call occupies one helper"},
    {"shutdown-grace", "TIME", RUN_OPTION_DURATION, AT(shutdown_grace_ms), 0, HOURS, 5 * SECONDS,
     "how long sessions may take to end at shutdown before they are killed",
     "0 kills at once; a host that stops does not wait for hours"},
    {"drain-quiet", "TIME", RUN_OPTION_DURATION, AT(drain_quiet_ms), 0, HOURS, 200,
     "after a session's exit, output that another process still holds open ends after this silence",
     "0 takes only what is there"},
    {"drain-max", "TIME", RUN_OPTION_DURATION, AT(drain_max_ms), 0, HOURS, 2 * SECONDS,
     "and after this time at the latest", "a background process may write for ever"},
    {"stdin-queue", "SIZE", RUN_OPTION_SIZE, AT(stdin_queue_bytes), 4 * KIB, GIB, MIB,
     "bytes that wait for one session's standard input",
     "a page at least; all of it is memory of the server"},
    {"window", "SIZE", RUN_OPTION_SIZE, AT(window_bytes), 64 * KIB, GIB, MIB,
     "output of one session that waits for its client before the session is made to wait",
     "one chunk of 64KiB must fit"},
    {"resume-ring", "SIZE", RUN_OPTION_SIZE, AT(resume_ring_bytes), 64 * KIB, GIB, MIB,
     "output of one session that its client has not acknowledged, kept to be read after a lost "
     "connection was resumed; the window of such a session is no larger",
     "one chunk of 64KiB must fit"},
    {"retain", "SIZE", RUN_OPTION_SIZE, AT(retain_bytes), 0, GIB, MIB,
     "output kept of each session, half its beginning and half its end",
     "0 keeps none; all of it is memory of the server"},
    {"retain-total", "SIZE", RUN_OPTION_SIZE, AT(retain_total_bytes), MIB, TIB, 256 * MIB,
     "output kept of all sessions together", "the default of one session at least"},
    {"max-sessions", "N", RUN_OPTION_COUNT, AT(max_sessions), 0, SESSIONS, 0,
     "sessions at once; 0: as many as the host's descriptors, terminals and processes allow",
     "beyond any host's number of processes there is nothing to limit"},
    {"max-sessions-per-client", "N", RUN_OPTION_COUNT, AT(max_sessions_per_client), 0, SESSIONS, 0,
     "sessions of one connection; 0: no limit but that of all", "as for all sessions"},
    {"max-tenures", "N", RUN_OPTION_COUNT, AT(max_tenures), 1, TENURES, 64 * KIB,
     "clients at once, with those whose lost connection can still be resumed",
     "each has a record of 1KiB; fewer than there are connections refuses clients"},
    {"max-observers", "N", RUN_OPTION_COUNT, AT(max_observers), 0, 10000, 32,
     "clients that observe one session beside its own; 0: none may",
     "each encodes the session's output once more"},
    {"max-observed", "N", RUN_OPTION_COUNT, AT(max_observed), 0, 10000, 256,
     "sessions that one connection observes at once; 0: none",
     "each may have its queue full"},
    {"observer-queue", "SIZE", RUN_OPTION_SIZE, AT(observer_queue_bytes), 4 * KIB, GIB, 256 * KIB,
     "output that waits for one observer before it falls behind, and may get a gap",
     "one chunk more than that may wait; all of it is memory of the server"},
    {"max-message", "SIZE", RUN_OPTION_SIZE, AT(max_message_bytes), 64 * KIB, GIB, 64 * MIB,
     "the largest message that a client may send", "as much as one may be before authentication"},
    {"ping-interval", "TIME", RUN_OPTION_DURATION, AT(ping_interval_ms), SECONDS, HOURS,
     30 * SECONDS, "how often a WebSocket client is pinged",
     "shorter keeps idle machines awake, longer lets routers forget the client"},
    {"send-timeout", "TIME", RUN_OPTION_DURATION, AT(send_timeout_ms), SECONDS, HOURS, 60 * SECONDS,
     "a client that takes no byte for this long while output waits is disconnected",
     "shorter drops clients that are merely slow"},
    {"detach-ttl", "TIME", RUN_OPTION_DURATION, AT(detach_ttl_ms), 0, 24 * HOURS, 30 * SECONDS,
     "how long sessions outlive their lost connection and can be resumed; 0 ends them with it",
     "what nobody comes back for within a day is garbage"},
    {"tombstone-ttl", "TIME", RUN_OPTION_DURATION, AT(tombstone_ttl_ms), 0, HOURS, 30 * SECONDS,
     "how long a session can be asked about after its end; at least that, and up to a "
     "ping interval more", "its retained output is memory of the server"},
    {"no-direct-exec", NULL, RUN_OPTION_FLAG, AT(no_direct_exec), 0, 0, 0,
     "refuse process/start with a spec of the type direct", NULL},
    {"no-prepared-exec", NULL, RUN_OPTION_FLAG, AT(no_prepared_exec), 0, 0, 0,
     "refuse process/start with a spec of the type prepared", NULL},
    {"no-files", NULL, RUN_OPTION_FLAG, AT(no_files), 0, 0, 0,
     "refuse every request about files (fs/...)", NULL},
    {"files-root", "PATH", RUN_OPTION_PATH, AT(files_root), 0, 0, 0,
     "serve only files below this directory; programs are not confined by it", NULL},
    {"max-file-read", "SIZE", RUN_OPTION_SIZE, AT(max_file_read_bytes), 64 * KIB, GIB / 2,
     12000 * KIB, "the largest file that fs/readFile gives; larger ones are read in blocks",
     "as text it must fit in a message of the client: Codex takes 16MiB"},
    {"bubblewrap", "PATH", RUN_OPTION_PATH, AT(bubblewrap), 0, 0, 0,
     "the program bwrap, which makes sandboxes; without this it is looked for in PATH", NULL},
    {"no-sandbox-exec", NULL, RUN_OPTION_FLAG, AT(no_sandbox_exec), 0, 0, 0,
     "refuse every start that asks for a sandbox", NULL},
    {"help", NULL, RUN_OPTION_HELP, 0, 0, 0, 0, "print this and exit", NULL},
    {"version", NULL, RUN_OPTION_VERSION, 0, 0, 0, 0, "print the version and exit", NULL},
};
/* clang-format on */

bool run_option_has_bounds(enum run_option_kind kind)
{
    return kind == RUN_OPTION_COUNT || kind == RUN_OPTION_DURATION || kind == RUN_OPTION_SIZE;
}
