/*
 * One object, member by member. What the host cannot tell is null, so that every member is always
 * there.
 */
#include "wire/msg_record.h"

#include "wire/msg_output.h"

static void write_number(struct wire_json_writer *writer, const char *name, uint64_t value)
{
    wire_json_writer_key(writer, name);
    wire_json_writer_uint64(writer, value);
}

static void write_known(struct wire_json_writer *writer, const char *name, bool is_known,
                        uint64_t value)
{
    wire_json_writer_key(writer, name);
    if (is_known) {
        wire_json_writer_uint64(writer, value);
    } else {
        wire_json_writer_null(writer);
    }
}

static void write_status(struct wire_json_writer *writer, const char *name, int32_t value)
{
    wire_json_writer_key(writer, name);
    wire_json_writer_int64(writer, value);
}

void wire_msg_record_write_bytes(struct wire_json_writer *writer, uint64_t bytes_in,
                                 const uint64_t bytes_out[WIRE_MSG_STREAMS])
{
    write_number(writer, "bytesIn", bytes_in);
    wire_json_writer_key(writer, "bytesOut");
    wire_json_writer_begin_object(writer);
    write_number(writer, "stdout", bytes_out[WIRE_MSG_STDOUT]);
    write_number(writer, "stderr", bytes_out[WIRE_MSG_STDERR]);
    write_number(writer, "pty", bytes_out[WIRE_MSG_PTY]);
    wire_json_writer_end_object(writer);
}

void wire_msg_record_write(struct wire_json_writer *writer, const struct wire_msg_record *record)
{
    wire_json_writer_begin_object(writer);
    write_status(writer, "exitCode", record->exit_code);
    write_status(writer, "code", record->code);
    write_status(writer, "signal", record->signal);
    wire_json_writer_key(writer, "endedBy");
    wire_json_writer_text(writer, record->ended_by);
    write_number(writer, "startedAtMs", record->started_at_ms);
    write_number(writer, "exitedAtMs", record->exited_at_ms);
    write_number(writer, "durationMs", record->duration_ms);
    write_known(writer, "cpuUserUs", record->has_cpu, record->cpu_user_us);
    write_known(writer, "cpuSystemUs", record->has_cpu, record->cpu_system_us);
    write_known(writer, "peakRssBytes", record->has_peak_rss, record->peak_rss_bytes);
    wire_msg_record_write_bytes(writer, record->bytes_in, record->bytes_out);
    wire_json_writer_key(writer, "closeReason");
    if (record->close_reason) {
        wire_json_writer_text(writer, record->close_reason);
    } else {
        wire_json_writer_null(writer);
    }
    wire_json_writer_end_object(writer);
}
