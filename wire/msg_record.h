/*
 * The exit record: all that is known of a process that has exited. process/wait answers with it,
 * and process/list holds one for each process that is over.
 *
 * Writes into the caller's writer; any thread.
 */
#ifndef WIRE_MSG_RECORD_H
#define WIRE_MSG_RECORD_H

#include "wire/json_writer.h"

/* How many streams a process may have: the indices are enum wire_msg_stream (msg_output.h). */
#define WIRE_MSG_STREAMS 3

struct wire_msg_record {
    int32_t exit_code;        /* code, or 128 + signal */
    int32_t code;             /* as the program gave it */
    int32_t signal;           /* 0: none ended it */
    const char *ended_by;     /* a word of our own */
    const char *close_reason; /* a word; NULL: not closed yet */
    uint64_t started_at_ms;   /* since 1970 */
    uint64_t exited_at_ms;
    uint64_t duration_ms;
    bool has_cpu; /* whether the host can tell the two below */
    uint64_t cpu_user_us, cpu_system_us;
    bool has_peak_rss;
    uint64_t peak_rss_bytes;
    uint64_t bytes_in;
    uint64_t bytes_out[WIRE_MSG_STREAMS];
};

/* Writes the record as a value: an object. */
void wire_msg_record_write(struct wire_json_writer *writer, const struct wire_msg_record *record);

/* Writes the members bytesIn and bytesOut of an object that is open. */
void wire_msg_record_write_bytes(struct wire_json_writer *writer, uint64_t bytes_in,
                                 const uint64_t bytes_out[WIRE_MSG_STREAMS]);

#endif
