/*
 * The handshake that both dialects share: initialize and its reply. The notification initialized
 * has no params that matter, nor have environment/info and environment/status. Parsing uses the
 * caller's parser (msg_parser.h), writing the caller's writer; any thread.
 */
#ifndef WIRE_MSG_INITIALIZE_H
#define WIRE_MSG_INITIALIZE_H

#include "wire/json_writer.h"
#include "wire/msg_parser.h"

/* Extensions that a client may ask for: bits. */
enum wire_msg_extension {
    WIRE_MSG_EXTENSION_LIFECYCLE = 1, /* process/started and process/failed are sent */
};

struct wire_msg_initialize {
    const char *client_name;
    struct wire_span resume_session_id; /* data NULL: a new session */
    bool take_over;                     /* resume even if another connection holds the session */
    unsigned extensions;                /* enum wire_msg_extension; unknown names are ignored */
};

/* Parses the params of initialize. Returns 0, or a negative enum wire_msg_error and the problem. */
WIRE_MUST_CHECK int wire_msg_initialize_parse(struct wire_msg_parser *parser,
                                              struct wire_span params,
                                              struct wire_msg_initialize *out);

/* One capability and whether the server has it. */
struct wire_msg_capability {
    const char *name;
    bool is_present;
};

/*
 * What a client wants to know of the server's surroundings. Strings are UTF-8 with a NUL; NULL, or
 * a list whose items are NULL, means that the member is not sent. Directories are file: URIs.
 */
struct wire_msg_environment {
    const char *shell_name; /* required, with its path */
    const char *shell_path;
    const char *executor_version;
    const char *provider_id;
    const char *cwd;
    const char *user_home_dir;
    const char *platform_os;
    const char *temp_dir;
    struct wire_msg_strings prepend_path_dirs;
    struct wire_msg_strings temporary_directories;
    const struct wire_msg_capability *capabilities;
    size_t capability_count;
};

/* How much a client may send, and how much of what it does not take is kept for it. */
struct wire_msg_limits {
    uint64_t window_bytes;      /* output of a session that the client has not taken */
    uint64_t resume_ring_bytes; /* of that, kept until it is acknowledged; 0: nobody resumes */
    uint64_t output_queue_bytes, reply_queue_bytes; /* of the connection, as they are sent */
    uint64_t chunk_bytes;                           /* of output, decoded */
    uint64_t retained_bytes;                        /* of a session */
    uint64_t stdin_queue_bytes;                     /* of a session */
    uint64_t waiting_write_bytes;                   /* of the connection */
    uint64_t message_bytes;
    uint64_t send_timeout_ms, ping_interval_ms; /* 0: no pings */
    uint64_t detach_ttl_ms, tombstone_ttl_ms;
};

/* The reply to initialize: the members of both dialects. */
struct wire_msg_initialized {
    const char *protocol_version;                   /* NULL: not sent */
    struct wire_span session_id;                    /* data NULL: not sent */
    struct wire_span observer_key;                  /* data NULL: not sent */
    const struct wire_msg_environment *environment; /* NULL: not sent */
    const struct wire_msg_limits *limits;           /* NULL: not sent */
};

/* Writes the whole reply to the request id. */
void wire_msg_initialize_reply(struct wire_json_writer *writer, struct wire_span id,
                               const struct wire_msg_initialized *reply);

/* Writes the reply to environment/info: what initialize has as environmentInfo. */
void wire_msg_environment_info_reply(struct wire_json_writer *writer, struct wire_span id,
                                     const struct wire_msg_environment *environment);

/* Writes the reply to environment/status: {"status":"ready"}. */
void wire_msg_environment_status_reply(struct wire_json_writer *writer, struct wire_span id);

#endif
