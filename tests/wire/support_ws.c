/*
 * Frames as clients send them, and the dump of the events that come out. Every piece that is pushed
 * is a copy whose memory ends where it ends.
 */
#include "tests/wire/support_ws.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* How much of a payload a dump shows. */
#define SHOWN_BYTES 64

void support_ws_frame(struct support_bytes *out, uint8_t first_byte, const uint8_t *mask,
                      const void *payload, size_t size)
{
    uint8_t header[WIRE_WS_HEADER_MAX];
    const uint8_t *from = payload;
    size_t header_size = wire_ws_header(header, first_byte & 0x0F, true, size);
    header[0] = first_byte;
    header[1] |= mask ? 0x80 : 0;
    support_bytes_add(out, header, header_size);
    support_bytes_add(out, mask, mask ? 4 : 0);
    for (size_t i = 0; i < size; i++) {
        uint8_t c = mask ? from[i] ^ mask[i % 4] : from[i];
        support_bytes_add(out, &c, 1);
    }
}

void support_ws_start(struct support_ws *ws, size_t limit_bytes)
{
    memset(ws, 0, sizeof *ws);
    ws->alloc = (struct wire_alloc){support_heap_resize, &ws->heap};
    struct wire_ws_options options = {.limit_bytes = limit_bytes, .alloc = &ws->alloc};
    wire_ws_decoder_init(&ws->decoder, &options);
}

static const char *kind_of(const struct wire_ws_event *event)
{
    switch (event->opcode) {
    case WIRE_WS_TEXT:
        return "text";
    case WIRE_WS_BINARY:
        return "binary";
    case WIRE_WS_PING:
        return "ping";
    case WIRE_WS_PONG:
        return "pong";
    default:
        fail_msg("opcode %d", event->opcode);
        return "";
    }
}

void support_ws_dump(struct support_bytes *dump, const struct wire_ws_event *event)
{
    size_t size = event->payload.size;
    size_t shown = size < SHOWN_BYTES ? size : SHOWN_BYTES;
    if (event->opcode == WIRE_WS_CLOSE) {
        support_bytes_format(dump, "close %d [", event->close_code);
    } else {
        support_bytes_format(dump, "%s %zu [", kind_of(event), size);
    }
    support_bytes_escape(dump, event->payload.data, shown);
    support_bytes_format(dump, shown < size ? "...]\n" : "]\n");
}

void support_ws_push(struct support_ws *ws, const uint8_t *data, size_t size)
{
    struct wire_ws_event event;
    int result;
    free(ws->piece);
    ws->piece = malloc(size > 0 ? size : 1);
    assert_non_null(ws->piece);
    if (size > 0) {
        memcpy(ws->piece, data, size);
    }
    wire_ws_decoder_push(&ws->decoder, ws->piece, size);
    while ((result = wire_ws_decoder_next(&ws->decoder, &event)) == WIRE_WS_EVENT) {
        support_ws_dump(&ws->dump, &event);
    }
    if (result < 0 && ws->error == 0) {
        support_bytes_format(&ws->dump, "error %" PRIu32 " at %" PRIu64 ": %s\n",
                             wire_ws_error_code(result), wire_ws_decoder_offset(&ws->decoder),
                             wire_ws_error_text(result));
    }
    ws->error = result;
}

char *support_ws_finish(struct support_ws *ws)
{
    const char *end = ws->error                                 ? "failed"
                      : wire_ws_decoder_is_closed(&ws->decoder) ? "closed"
                      : wire_ws_decoder_is_idle(&ws->decoder)   ? "idle"
                                                                : "open";
    support_bytes_format(&ws->dump, "%s\n", end);
    wire_ws_decoder_deinit(&ws->decoder);
    assert_int_equal(ws->heap.live, 0);
    free(ws->piece);
    return (char *)ws->dump.data;
}
