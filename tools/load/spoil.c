/*
 * Spoiling messages. The damage is never undone by what follows, and it never produces the same
 * bytes again by chance: bytes are swapped only where they differ, and flipped to another value.
 */
#include "tools/load/spoil.h"

#include "tools/load/base.h"
#include "tools/load/ws_client.h"
#include "wire/base64.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPOILT_OUTPUT = 3 }; /* which output message of the session it is */

const char *load_spoil_name(enum load_spoil_kind kind)
{
    static const char *const names[LOAD_SPOIL_KINDS] = {
        [LOAD_SPOIL_NOTHING] = "nothing",
        [LOAD_SPOIL_DROP_BYTE] = "a byte of output dropped",
        [LOAD_SPOIL_DOUBLE_BYTE] = "a byte of output doubled",
        [LOAD_SPOIL_SWAP_BYTES] = "two bytes of output swapped",
        [LOAD_SPOIL_FLIP_BYTE] = "a byte of output flipped",
        [LOAD_SPOIL_DROP_RAW] = "a byte of the WebSocket dropped",
        [LOAD_SPOIL_DOUBLE_RAW] = "a byte of the WebSocket doubled",
        [LOAD_SPOIL_SWAP_RAW] = "two bytes of the WebSocket swapped",
        [LOAD_SPOIL_FLIP_RAW] = "a byte of the WebSocket flipped",
        [LOAD_SPOIL_DROP_FRAME] = "an output message dropped",
        [LOAD_SPOIL_DOUBLE_FRAME] = "an output message doubled",
        [LOAD_SPOIL_SWAP_FRAMES] = "two output messages swapped",
        [LOAD_SPOIL_SEQ] = "a sequence number changed",
        [LOAD_SPOIL_STREAM] = "output given to another stream",
        [LOAD_SPOIL_SESSION] = "output given to another session",
        [LOAD_SPOIL_DROP_EXIT] = "an exit dropped",
        [LOAD_SPOIL_DOUBLE_EXIT] = "an exit doubled",
        [LOAD_SPOIL_EXIT_CODE] = "an exit code changed",
        [LOAD_SPOIL_DROP_CLOSED] = "a close dropped",
        [LOAD_SPOIL_DOUBLE_CLOSED] = "a close doubled",
        [LOAD_SPOIL_DROP_REPLY] = "a reply dropped",
        [LOAD_SPOIL_DOUBLE_REPLY] = "a reply doubled",
    };

    assert(kind < LOAD_SPOIL_KINDS);
    return names[kind];
}

bool load_spoil_applies(enum load_spoil_kind kind, const struct load_dialect *dialect)
{
    if (kind == LOAD_SPOIL_SEQ)
        return dialect->has_seq;
    if (kind == LOAD_SPOIL_DROP_CLOSED || kind == LOAD_SPOIL_DOUBLE_CLOSED)
        return dialect->has_closed;
    return true;
}

void load_spoil_init(struct load_spoil *spoil, enum load_spoil_kind kind,
                     const struct load_dialect *dialect, uint64_t random)
{
    memset(spoil, 0, sizeof *spoil);
    spoil->kind = kind;
    spoil->dialect = dialect;
    spoil->random = random;
    load_message_reader_init(&spoil->reader);
}

void load_spoil_deinit(struct load_spoil *spoil)
{
    load_buffer_deinit(&spoil->held);
    load_buffer_deinit(&spoil->payload);
    load_message_reader_deinit(&spoil->reader);
}

static void put_frame(struct load_buffer *out, const void *payload, size_t size_bytes)
{
    load_ws_encode_server_head(out, LOAD_WS_TEXT, size_bytes);
    load_buffer_append(out, payload, size_bytes);
}

static size_t pick(struct load_spoil *spoil, size_t from, size_t to)
{
    assert(from < to);
    return from + (size_t)(load_random_next(&spoil->random) % (to - from));
}

/* Spoils bytes[at] as the kind says, which is counted from `drop`. Returns the new size. */
static size_t spoil_byte(unsigned char *bytes, size_t size_bytes, size_t at, unsigned way)
{
    unsigned char byte = bytes[at];

    switch (way) {
    case 0: /* drop */
        memmove(bytes + at, bytes + at + 1, size_bytes - at - 1);
        return size_bytes - 1;
    case 1: /* double */
        memmove(bytes + at + 1, bytes + at, size_bytes - at);
        return size_bytes + 1;
    case 2: /* swap with the next one that differs */
        while (at + 2 < size_bytes && bytes[at] == bytes[at + 1])
            at++;
        byte = bytes[at];
        bytes[at] = bytes[at + 1];
        bytes[at + 1] = byte;
        return size_bytes;
    default: /* flip */
        bytes[at] = byte ^ 0x04;
        return size_bytes;
    }
}

/* Replaces part of the message by text and puts the frame out. */
static void put_replaced(struct load_spoil *spoil, struct wire_span message, struct wire_span part,
                         struct wire_span text, struct load_buffer *out)
{
    struct load_buffer *payload = &spoil->payload;
    size_t before = (size_t)(part.data - message.data);

    load_buffer_clear(payload);
    load_buffer_append(payload, message.data, before);
    load_buffer_append(payload, text.data, text.size);
    load_buffer_append(payload, part.data + part.size, message.size - before - part.size);
    put_frame(out, load_buffer_bytes(payload), load_buffer_size(payload));
    spoil->is_done = true;
}

static void spoil_chunk(struct load_spoil *spoil, struct wire_span message,
                        const struct load_event *event, struct load_buffer *out)
{
    const struct wire_base64_codec *codec = wire_base64_best();
    size_t room_bytes = wire_base64_decoded_size(event->chunk) + 8;
    unsigned char *bytes = load_alloc(1, room_bytes);
    uint8_t *text = load_alloc(1, wire_base64_encoded_size(room_bytes));
    ptrdiff_t decoded = wire_base64_decode(codec, event->chunk, bytes, room_bytes, NULL);
    size_t size_bytes;

    assert(decoded > 64);
    size_bytes = spoil_byte(bytes, (size_t)decoded, pick(spoil, 1, (size_t)decoded - 32),
                            (unsigned)(spoil->kind - LOAD_SPOIL_DROP_BYTE));
    size_bytes = wire_base64_encode(codec, wire_span_of(bytes, size_bytes), text);
    put_replaced(spoil, message, event->chunk, wire_span_of(text, size_bytes), out);
    free(text);
    free(bytes);
}

/* Nearly any byte of the frame may be hit, its head and the JSON around the chunk too; not the end,
 * where swapping two brackets would do nothing. */
static void spoil_raw(struct load_spoil *spoil, struct wire_span message, struct load_buffer *out)
{
    struct load_buffer *frame = &spoil->payload;
    size_t size_bytes;

    load_buffer_clear(frame);
    put_frame(frame, message.data, message.size);
    size_bytes = load_buffer_size(frame);
    load_buffer_reserve(frame, 1);
    size_bytes = spoil_byte(load_buffer_bytes(frame), size_bytes, pick(spoil, 0, size_bytes - 8),
                            (unsigned)(spoil->kind - LOAD_SPOIL_DROP_RAW));
    load_buffer_append(out, load_buffer_bytes(frame), size_bytes);
    spoil->is_done = true;
}

static struct wire_span find_number(struct wire_span message, const char *member)
{
    const uint8_t *at = memmem(message.data, message.size, member, strlen(member));
    size_t digits = 0;

    assert(at != NULL);
    at += strlen(member);
    while (at[digits] >= '0' && at[digits] <= '9')
        digits++;
    return wire_span_of(at, digits);
}

static void spoil_number(struct load_spoil *spoil, struct wire_span message, const char *member,
                         uint64_t value, struct load_buffer *out)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%" PRIu64, value);

    put_replaced(spoil, message, find_number(message, member), wire_span_of(text, (size_t)length),
                 out);
}

static void spoil_output(struct load_spoil *spoil, struct wire_span message,
                         const struct load_event *event, struct load_buffer *out)
{
    bool is_stderr = wire_span_equal(event->stream, wire_span_text("stderr"));

    switch (spoil->kind) {
    case LOAD_SPOIL_DROP_FRAME:
        break;
    case LOAD_SPOIL_DOUBLE_FRAME:
        put_frame(out, message.data, message.size);
        put_frame(out, message.data, message.size);
        break;
    case LOAD_SPOIL_SWAP_FRAMES:
        put_frame(&spoil->held, message.data, message.size);
        return;
    case LOAD_SPOIL_SEQ:
        spoil_number(spoil, message, "\"seq\":", event->seq + 1, out);
        break;
    case LOAD_SPOIL_STREAM:
        put_replaced(spoil, message, event->stream, wire_span_text(is_stderr ? "stdout" : "stderr"),
                     out);
        break;
    case LOAD_SPOIL_SESSION:
        put_replaced(spoil, message, event->session_id, wire_span_text("another"), out);
        break;
    case LOAD_SPOIL_DROP_RAW:
    case LOAD_SPOIL_DOUBLE_RAW:
    case LOAD_SPOIL_SWAP_RAW:
    case LOAD_SPOIL_FLIP_RAW:
        spoil_raw(spoil, message, out);
        break;
    default:
        spoil_chunk(spoil, message, event, out);
        break;
    }
    spoil->is_done = true;
}

/* Drops or doubles the message, or changes the exit code. */
static void spoil_other(struct load_spoil *spoil, struct wire_span message,
                        const struct load_event *event, struct load_buffer *out)
{
    bool is_doubled = spoil->kind == LOAD_SPOIL_DOUBLE_EXIT ||
                      spoil->kind == LOAD_SPOIL_DOUBLE_CLOSED ||
                      spoil->kind == LOAD_SPOIL_DOUBLE_REPLY;

    if (spoil->kind == LOAD_SPOIL_EXIT_CODE) {
        spoil_number(spoil, message, "\"exitCode\":", (uint64_t)event->exit_code + 1, out);
        return;
    }
    for (int i = 0; is_doubled && i < 2; i++)
        put_frame(out, message.data, message.size);
    spoil->is_done = true;
}

static enum load_event_kind target_of(enum load_spoil_kind kind)
{
    switch (kind) {
    case LOAD_SPOIL_DROP_EXIT:
    case LOAD_SPOIL_DOUBLE_EXIT:
    case LOAD_SPOIL_EXIT_CODE:
        return LOAD_EVENT_EXITED;
    case LOAD_SPOIL_DROP_CLOSED:
    case LOAD_SPOIL_DOUBLE_CLOSED:
        return LOAD_EVENT_CLOSED;
    case LOAD_SPOIL_DROP_REPLY:
    case LOAD_SPOIL_DOUBLE_REPLY:
        return LOAD_EVENT_REPLY;
    default:
        return LOAD_EVENT_OUTPUT;
    }
}

/* Counts the output of the first session that has any; true if the message is its SPOILT_OUTPUT.
 * Of replies it is the second: the first answers initialize. Of others it is the first. */
static bool is_the_one(struct load_spoil *spoil, const struct load_event *event)
{
    if (event->kind == LOAD_EVENT_REPLY)
        return ++spoil->replies == 2;
    if (event->kind != LOAD_EVENT_OUTPUT)
        return true;
    if (spoil->session[0] == '\0')
        snprintf(spoil->session, sizeof spoil->session, "%.*s", (int)event->session_id.size,
                 (const char *)event->session_id.data);
    if (!wire_span_equal(event->session_id, wire_span_text(spoil->session)))
        return false;
    return ++spoil->seen == SPOILT_OUTPUT;
}

/* A held frame goes out behind the next output of its session. */
static void release_held(struct load_spoil *spoil, const struct load_event *event,
                         struct load_buffer *out)
{
    if (load_buffer_size(&spoil->held) == 0 || event->kind != LOAD_EVENT_OUTPUT ||
        !wire_span_equal(event->session_id, wire_span_text(spoil->session)))
        return;
    load_buffer_append(out, load_buffer_bytes(&spoil->held), load_buffer_size(&spoil->held));
    load_buffer_clear(&spoil->held);
    spoil->is_done = true;
}

void load_spoil_message(struct load_spoil *spoil, struct wire_span message, struct load_buffer *out)
{
    struct load_event event;
    const char *why;
    bool is_known = spoil->dialect->read_strictly(&spoil->reader, message, &event, &why) == 0;

    if (is_known && !spoil->is_done && spoil->kind != LOAD_SPOIL_NOTHING &&
        event.kind == target_of(spoil->kind) && is_the_one(spoil, &event)) {
        if (event.kind == LOAD_EVENT_OUTPUT)
            spoil_output(spoil, message, &event, out);
        else
            spoil_other(spoil, message, &event, out);
        return;
    }
    put_frame(out, message.data, message.size);
    if (is_known)
        release_held(spoil, &event, out);
}
