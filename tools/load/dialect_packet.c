/*
 * The packets of the bare binary loop. Sessions are numbers; a reply's id is its session's number,
 * because the loop answers nothing but starts.
 */
#include "tools/load/dialect.h"

#include "tools/load/base.h"
#include "tools/load/binary.h"

#include <string.h>

static void put_packet(struct load_buffer *out, const struct load_packet_head *head,
                       const void *payload)
{
    load_buffer_append(out, head, sizeof *head);
    load_buffer_append(out, payload, head->payload_bytes);
}

static void put_initialize(struct load_buffer *out, int64_t id)
{
    (void)out;
    (void)id;
}

static void put_start(struct load_buffer *out, int64_t id,
                      const struct load_target_session *session, const struct load_start *start)
{
    struct load_packet_head head = {.type = LOAD_PACKET_START, .session = session->number};
    struct load_buffer argv = {0};

    (void)id;
    head.flag = start->on_tty;
    for (const char *const *item = start->argv; *item != NULL; item++)
        load_buffer_append(&argv, *item, strlen(*item) + 1);
    head.payload_bytes = (uint32_t)load_buffer_size(&argv);
    put_packet(out, &head, load_buffer_bytes(&argv));
    load_buffer_deinit(&argv);
}

static void put_write(struct load_buffer *out, int64_t id,
                      const struct load_target_session *session, uint64_t write_number,
                      struct wire_span bytes)
{
    struct load_packet_head head = {.type = LOAD_PACKET_WRITE, .session = session->number};

    (void)id;
    (void)write_number;
    head.payload_bytes = (uint32_t)bytes.size;
    put_packet(out, &head, bytes.data);
}

static void put_terminate(struct load_buffer *out, int64_t id,
                          const struct load_target_session *session)
{
    struct load_packet_head head = {.type = LOAD_PACKET_TERMINATE, .session = session->number};

    (void)id;
    put_packet(out, &head, "");
}

static int read_packet(struct load_message_reader *reader, struct wire_span message,
                       struct load_event *out_event, const char **out_why)
{
    struct load_packet_head head;

    memcpy(&head, message.data, sizeof head);
    memset(out_event, 0, sizeof *out_event);
    out_event->is_raw = true;
    out_event->has_id = true;
    out_event->id = head.session;
    out_event->seq = head.seq;
    out_event->chunk = wire_span_of(message.data + sizeof head, message.size - sizeof head);
    (void)reader;
    switch (head.type) {
    case LOAD_PACKET_STARTED:
    case LOAD_PACKET_REFUSED:
        out_event->kind = LOAD_EVENT_REPLY;
        out_event->is_error = head.type == LOAD_PACKET_REFUSED;
        return 0;
    case LOAD_PACKET_OUTPUT:
        out_event->kind = LOAD_EVENT_OUTPUT;
        out_event->stream = wire_span_text(head.flag ? "stderr" : "stdout");
        return 0;
    case LOAD_PACKET_EXITED:
        out_event->kind = LOAD_EVENT_EXITED;
        out_event->has_exit_code = out_event->chunk.size == sizeof out_event->exit_code;
        if (out_event->has_exit_code)
            memcpy(&out_event->exit_code, out_event->chunk.data, sizeof out_event->exit_code);
        return 0;
    case LOAD_PACKET_CLOSED:
        out_event->kind = LOAD_EVENT_CLOSED;
        return 0;
    default:
        *out_why = "a packet of unknown type";
        return LOAD_PROTOCOL;
    }
}

const struct load_dialect load_dialect_packet = {
    .name = "packet",
    .has_seq = true,
    .has_closed = true,
    .has_pipe_stdin = true,
    .tty_stream = "stdout",
    .put_initialize = put_initialize,
    .put_start = put_start,
    .put_write = put_write,
    .put_terminate = put_terminate,
    .read = read_packet,
    .read_strictly = read_packet,
};
