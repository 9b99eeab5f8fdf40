/*
 * Takes the bytes that a WebSocket client sends, behind the handshake, and gives messages and
 * control frames (RFC 6455, a server without extensions). Strict: frames are masked, no RSV bits,
 * lengths in their shortest form, text and close reasons are UTF-8, close codes are valid.
 *
 *     HEAD -> (header whole) -> PAYLOAD -> (frame whole) -> HEAD -> ...
 *     any -> FAILED on an error; HEAD -> CLOSED behind a close frame; both are final
 *
 * A message in one frame that lies whole in one piece of input is unmasked in place and given as a
 * span of the piece. Every other message is put together in a buffer that grows with what came
 * (never with what a header promises), is given back behind a big message, and never exceeds the
 * limit. Control frames between fragments are given when they come. The same events and the same
 * error come out however the input is split; text is refused as soon as its bad byte is here.
 * One decoder belongs to one thread at a time.
 */
#ifndef WIRE_WS_DECODER_H
#define WIRE_WS_DECODER_H

#include "wire/utf8.h"
#include "wire/ws_error.h"
#include "wire/ws_frame.h"

/* A message: what the listeners take after initialize. */
#define WIRE_WS_LIMIT_DEFAULT ((size_t)64 << 20)
/* The first buffer, and the largest that is kept between messages: most requests fit. */
#define WIRE_WS_KEEP_BYTES ((size_t)4096)
/* The header of a masked frame. */
#define WIRE_WS_MASKED_HEADER_MAX 14

/* What wire_ws_decoder_next returns when it does not return an error. */
enum wire_ws_result {
    WIRE_WS_MORE = 0,  /* all input is used: push more */
    WIRE_WS_EVENT = 1, /* *out_event is written */
};

/* A message, or a control frame. */
struct wire_ws_event {
    uint8_t opcode;           /* TEXT, BINARY, CLOSE, PING or PONG */
    uint16_t close_code;      /* CLOSE: what the frame says, WIRE_WS_CLOSE_NO_CODE if nothing */
    struct wire_span payload; /* the message, the ping's bytes, the close reason */
};

struct wire_ws_options {
    size_t limit_bytes;             /* of one message; 0: WIRE_WS_LIMIT_DEFAULT */
    const struct wire_alloc *alloc; /* borrowed until deinit; NULL: the C heap */
};

/* One direction of one connection. The fields are the decoder's own. */
struct wire_ws_decoder {
    struct wire_ws_options options;
    uint8_t *input; /* the piece being read, what of it is not used yet */
    size_t input_size;
    uint64_t offset;       /* bytes used since the handshake */
    uint64_t frame_offset; /* where the frame being read began */
    uint64_t frame_size;   /* of its payload */
    uint64_t frame_read;   /* of its payload so far */
    uint8_t *buffer;       /* a message whose end has not come */
    size_t size;
    size_t capacity;
    struct wire_utf8 text; /* of a text message so far; at its start between messages */
    uint8_t header[WIRE_WS_MASKED_HEADER_MAX];
    uint8_t header_size;    /* of the header so far */
    uint8_t message_opcode; /* TEXT or BINARY inside a message, else 0 */
    uint8_t state;
    int8_t error;
    bool buffer_is_given; /* the last event was the buffer */
    uint8_t control[WIRE_WS_CONTROL_MAX];
};

/* Begins a connection; options may be NULL for the defaults. Allocates nothing. */
void wire_ws_decoder_init(struct wire_ws_decoder *decoder, const struct wire_ws_options *options);

/* Frees the buffer. The decoder may be zeroed memory that was never initialised. */
void wire_ws_decoder_deinit(struct wire_ws_decoder *decoder);

/* Sets the limit of a message (0: the default), from the next frame's header on. */
void wire_ws_decoder_set_limit(struct wire_ws_decoder *decoder, size_t limit_bytes);

/*
 * Gives the decoder its next piece, borrowed and overwritten until wire_ws_decoder_next returns
 * WIRE_WS_MORE; the piece before must have been used up (asserted). Behind a close frame or an
 * error it is ignored.
 */
void wire_ws_decoder_push(struct wire_ws_decoder *decoder, uint8_t *data, size_t size);

/*
 * The next event. *out_event is valid until the next call on the decoder, and while the piece is.
 * Returns enum wire_ws_result or a negative enum wire_ws_error, which it goes on returning.
 */
WIRE_MUST_CHECK int wire_ws_decoder_next(struct wire_ws_decoder *decoder,
                                         struct wire_ws_event *out_event);

/* Where an error is: the offset of its frame, in bytes since the handshake. */
static inline uint64_t wire_ws_decoder_offset(const struct wire_ws_decoder *decoder)
{
    return decoder->error ? decoder->frame_offset : decoder->offset;
}

/* Whether the peer's close frame came. */
bool wire_ws_decoder_is_closed(const struct wire_ws_decoder *decoder);

/* Whether the input may end here without cutting a frame or a message. */
bool wire_ws_decoder_is_idle(const struct wire_ws_decoder *decoder);

#endif
