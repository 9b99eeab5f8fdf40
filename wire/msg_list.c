/*
 * process/list: entries, and the reply around them.
 */
#include "wire/msg_list.h"

#include "wire/msg_fields.h"
#include "wire/rpc_writer.h"

#include <assert.h>

int wire_msg_process_list_parse(struct wire_msg_parser *parser, struct wire_span params,
                                struct wire_msg_process_list *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_OPTIONAL(struct wire_msg_process_list, labels, "labels", wire_msg_read_labels),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

static void write_number(struct wire_json_writer *writer, const char *name, uint64_t value)
{
    wire_json_writer_key(writer, name);
    wire_json_writer_uint64(writer, value);
}

static void write_pid(struct wire_json_writer *writer, int64_t pid)
{
    wire_json_writer_key(writer, "pid");
    if (pid != 0) {
        wire_json_writer_int64(writer, pid);
    } else {
        wire_json_writer_null(writer);
    }
}

/* since_ms NULL: it does not wait. */
static void write_waits(struct wire_json_writer *writer, const char *name, const char *whom,
                        const uint64_t *since_ms)
{
    wire_json_writer_key(writer, name);
    if (!since_ms) {
        wire_json_writer_null(writer);
        return;
    }
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "for");
    wire_json_writer_text(writer, whom);
    write_number(writer, "sinceMs", *since_ms);
    wire_json_writer_end_object(writer);
}

static void write_observers(struct wire_json_writer *writer,
                            const struct wire_msg_list_entry *entry)
{
    wire_json_writer_key(writer, "observers");
    wire_json_writer_begin_object(writer);
    write_number(writer, "count", entry->observers);
    write_number(writer, "behind", entry->observers_behind);
    wire_json_writer_end_object(writer);
}

static void write_exit(struct wire_json_writer *writer, const struct wire_msg_record *record)
{
    wire_json_writer_key(writer, "exit");
    if (record) {
        wire_msg_record_write(writer, record);
    } else {
        wire_json_writer_null(writer);
    }
}

static void write_entry(struct wire_json_writer *writer, const struct wire_msg_list_entry *entry)
{
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "processId");
    wire_json_writer_raw(writer, entry->process_id_json);
    wire_json_writer_key(writer, "state");
    wire_json_writer_text(writer, entry->state);
    wire_json_writer_key(writer, "labels");
    wire_msg_labels_write(writer, &entry->labels);
    wire_json_writer_key(writer, "tty");
    wire_json_writer_bool(writer, entry->tty);
    write_pid(writer, entry->pid);
    write_number(writer, "startedAtMs", entry->started_at_ms);
    write_number(writer, "lastActivityAtMs", entry->last_activity_at_ms);
    write_number(writer, "nextSeq", entry->next_seq);
    wire_msg_record_write_bytes(writer, entry->bytes_in, entry->bytes_out);
    write_number(writer, "retainedBytes", entry->retained_bytes);
    write_number(writer, "omittedBytes", entry->omitted_bytes);
    write_number(writer, "stdinQueuedBytes", entry->stdin_queued_bytes);
    write_waits(writer, "stdinWaits", "program",
                entry->stdin_waits ? &entry->stdin_waits_since_ms : NULL);
    write_number(writer, "windowBytes", entry->window_bytes);
    write_number(writer, "unreadBytes", entry->unread_bytes);
    write_waits(writer, "waits", "client", entry->waits_for_client ? &entry->waits_since_ms : NULL);
    write_observers(writer, entry);
    write_exit(writer, entry->exit);
    wire_json_writer_end_object(writer);
}

size_t wire_msg_list_entry_json(const struct wire_msg_list_entry *entry, uint8_t *out,
                                size_t capacity)
{
    struct wire_json_writer writer;
    struct wire_span json;
    wire_json_writer_init(&writer, out, capacity);
    write_entry(&writer, entry);
    int error = wire_json_writer_finish(&writer, &json);
    assert(error != WIRE_JSON_ERR_TEXT);
    (void)error;
    return writer.needed_bytes;
}

void wire_msg_list_begin(struct wire_json_writer *writer, struct wire_span id)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "processes");
    wire_json_writer_begin_array(writer);
}

void wire_msg_list_add(struct wire_json_writer *writer, struct wire_span json)
{
    wire_json_writer_raw(writer, json);
}

void wire_msg_list_end(struct wire_json_writer *writer)
{
    wire_json_writer_end_array(writer);
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}
