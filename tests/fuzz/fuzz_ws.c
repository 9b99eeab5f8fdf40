/*
 * Fuzzes the WebSocket decoder. The first byte says how the rest is cut into pieces, the second
 * chooses the limit; whatever the bytes, the pieces must give the events and the error that the
 * whole gives, no message exceeds the limit, texts are UTF-8, and the memory held is bounded.
 */
#include <stdlib.h>

#include "wire/ws_decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
    if (!(condition)) {                                                                            \
        abort();                                                                                   \
    }

struct outcome {
    uint64_t hash; /* of all events */
    uint64_t offset;
    size_t events;
    int error;
    bool is_idle;
};

struct heap {
    size_t live;
    size_t limit;
};

static void *resize(void *context, void *memory, size_t size_bytes)
{
    struct heap *heap = context;
    CHECK(size_bytes <= heap->limit);
    if (size_bytes == 0) {
        heap->live -= memory != NULL;
        free(memory);
        return NULL;
    }
    heap->live += memory == NULL;
    return realloc(memory, size_bytes);
}

static uint64_t hash_byte(uint64_t hash, uint64_t byte)
{
    return (hash ^ byte) * UINT64_C(1099511628211);
}

static void look(struct outcome *outcome, const struct wire_ws_event *event, size_t limit)
{
    outcome->events++;
    outcome->hash = hash_byte(outcome->hash, event->opcode);
    for (size_t i = 0; i < event->payload.size; i++) {
        outcome->hash = hash_byte(outcome->hash, event->payload.data[i]);
    }
    outcome->hash = hash_byte(outcome->hash, event->payload.size);
    if (event->opcode >= WIRE_WS_CLOSE) {
        CHECK(event->payload.size <= WIRE_WS_CONTROL_MAX);
    } else {
        CHECK(event->payload.size <= limit);
    }
    if (event->opcode == WIRE_WS_TEXT || event->opcode == WIRE_WS_CLOSE) {
        CHECK(wire_utf8_check(event->payload));
    }
    if (event->opcode == WIRE_WS_CLOSE) {
        outcome->hash = hash_byte(outcome->hash, event->close_code);
        CHECK(event->close_code == WIRE_WS_CLOSE_NO_CODE ||
              wire_ws_close_code_is_valid(event->close_code));
    }
}

static struct outcome run(const uint8_t *data, size_t size, size_t step, size_t limit)
{
    struct outcome outcome = {.hash = UINT64_C(14695981039346656037)};
    struct heap heap = {.limit = limit};
    struct wire_alloc alloc = {resize, &heap};
    struct wire_ws_options options = {.limit_bytes = limit, .alloc = &alloc};
    struct wire_ws_decoder decoder;
    struct wire_ws_event event;
    wire_ws_decoder_init(&decoder, &options);
    for (size_t at = 0; at < size; at += step) {
        size_t piece_size = step < size - at ? step : size - at;
        uint8_t *piece = malloc(piece_size);
        CHECK(piece != NULL);
        memcpy(piece, data + at, piece_size);
        wire_ws_decoder_push(&decoder, piece, piece_size);
        while ((outcome.error = wire_ws_decoder_next(&decoder, &event)) == WIRE_WS_EVENT) {
            look(&outcome, &event, limit);
        }
        free(piece);
    }
    outcome.offset = wire_ws_decoder_offset(&decoder);
    outcome.is_idle = wire_ws_decoder_is_idle(&decoder);
    wire_ws_decoder_deinit(&decoder);
    CHECK(heap.live == 0);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t limits[] = {1, 10, 125, 126, 5000, 100000, 1000000, 10000000};
    if (size < 2) {
        return 0;
    }
    size_t limit = limits[data[1] % 8];
    struct outcome whole = run(data + 2, size - 2, size, limit);
    struct outcome pieces = run(data + 2, size - 2, (size_t)data[0] + 1, limit);
    CHECK(whole.error == pieces.error && whole.offset == pieces.offset);
    CHECK(whole.events == pieces.events && whole.hash == pieces.hash);
    CHECK(whole.is_idle == pieces.is_idle);
    if (whole.error < 0) {
        uint8_t out[WIRE_WS_CONTROL_FRAME_MAX];
        uint32_t code = wire_ws_error_code(whole.error);
        CHECK(wire_ws_close_frame(out, code, wire_span_text(wire_ws_error_text(whole.error))) > 4);
    }
    return 0;
}
