/*
 * The client's side of a WebSocket for the tests: masked frames in, and what the decoder makes of
 * them as lines of text.
 */
#ifndef SUPPORT_WS_H
#define SUPPORT_WS_H

#include "tests/wire/support_case.h"
#include "wire/ws_decoder.h"

/* Adds a frame with its length in the shortest form; mask NULL: unmasked. */
void support_ws_frame(struct support_bytes *out, uint8_t first_byte, const uint8_t *mask,
                      const void *payload, size_t size);

/* A decoder being fed, and the dump of what it gave. */
struct support_ws {
    struct wire_ws_decoder decoder;
    struct support_heap heap;
    struct wire_alloc alloc;
    struct support_bytes dump;
    uint8_t *piece; /* the last one: a copy that ends where its memory ends */
    int error;
};

/* Begins; limit_bytes 0 for the default. */
void support_ws_start(struct support_ws *ws, size_t limit_bytes);

/* Pushes a copy of the bytes and dumps all events, one a line, and an error once. */
void support_ws_push(struct support_ws *ws, const uint8_t *data, size_t size);

/*
 * Dumps the state at the end (idle, open, closed, failed), checks that no memory is left, and gives
 * the dump, which the caller frees.
 */
char *support_ws_finish(struct support_ws *ws);

/* Adds the line that stands for an event. */
void support_ws_dump(struct support_bytes *dump, const struct wire_ws_event *event);

#endif
