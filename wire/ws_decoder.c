/*
 * The receiving half of a WebSocket. A frame's header is always collected in the decoder (14 bytes
 * at most) and checked byte by byte as it comes, so that one path serves every split; only payload
 * bytes are worth saving a copy.
 */
#include "wire/ws_decoder.h"

#include <assert.h>

enum decoder_state {
    STATE_HEAD,    /* in a frame's header */
    STATE_PAYLOAD, /* in a frame's payload */
    STATE_CLOSED,  /* behind a close frame */
    STATE_FAILED,
};

void wire_ws_decoder_init(struct wire_ws_decoder *decoder, const struct wire_ws_options *options)
{
    memset(decoder, 0, sizeof *decoder);
    if (options) {
        decoder->options = *options;
    }
    wire_ws_decoder_set_limit(decoder, decoder->options.limit_bytes);
}

static void free_buffer(struct wire_ws_decoder *decoder)
{
    if (decoder->buffer) {
        wire_alloc_resize(decoder->options.alloc, decoder->buffer, 0);
    }
    decoder->buffer = NULL;
    decoder->capacity = 0;
    decoder->size = 0;
}

void wire_ws_decoder_deinit(struct wire_ws_decoder *decoder)
{
    free_buffer(decoder);
    memset(decoder, 0, sizeof *decoder);
}

void wire_ws_decoder_set_limit(struct wire_ws_decoder *decoder, size_t limit_bytes)
{
    decoder->options.limit_bytes = limit_bytes ? limit_bytes : WIRE_WS_LIMIT_DEFAULT;
}

void wire_ws_decoder_push(struct wire_ws_decoder *decoder, uint8_t *data, size_t size)
{
    assert(decoder->input_size == 0);
    if (decoder->state == STATE_HEAD || decoder->state == STATE_PAYLOAD) {
        decoder->input = data;
        decoder->input_size = size;
    }
}

bool wire_ws_decoder_is_closed(const struct wire_ws_decoder *decoder)
{
    return decoder->state == STATE_CLOSED;
}

bool wire_ws_decoder_is_idle(const struct wire_ws_decoder *decoder)
{
    return decoder->state == STATE_CLOSED ||
           (decoder->state == STATE_HEAD && decoder->header_size == 0 &&
            decoder->message_opcode == 0);
}

static uint8_t opcode_of(const struct wire_ws_decoder *decoder)
{
    return decoder->header[0] & 0x0F;
}

static bool is_final(const struct wire_ws_decoder *decoder)
{
    return (decoder->header[0] & 0x80) != 0;
}

static bool is_control(const struct wire_ws_decoder *decoder)
{
    return opcode_of(decoder) >= WIRE_WS_CLOSE;
}

/* The mask stands last in the header. */
static const uint8_t *mask_of(const struct wire_ws_decoder *decoder)
{
    return decoder->header + decoder->header_size - 4;
}

/* The first byte: FIN, RSV, opcode, and whether a message is open. */
static int check_first_byte(const struct wire_ws_decoder *decoder)
{
    if (decoder->header[0] & 0x70) {
        return WIRE_WS_ERR_RSV;
    }
    switch (opcode_of(decoder)) {
    case WIRE_WS_CONTINUATION:
        return decoder->message_opcode ? 0 : WIRE_WS_ERR_NO_MESSAGE;
    case WIRE_WS_TEXT:
    case WIRE_WS_BINARY:
        return decoder->message_opcode ? WIRE_WS_ERR_IN_MESSAGE : 0;
    case WIRE_WS_CLOSE:
    case WIRE_WS_PING:
    case WIRE_WS_PONG:
        return is_final(decoder) ? 0 : WIRE_WS_ERR_CONTROL_FRAGMENTED;
    default:
        return WIRE_WS_ERR_OPCODE;
    }
}

/* The second byte: the mask bit and the short length. */
static int check_second_byte(const struct wire_ws_decoder *decoder)
{
    if (!(decoder->header[1] & 0x80)) {
        return WIRE_WS_ERR_UNMASKED;
    }
    if (is_control(decoder) && (decoder->header[1] & 0x7F) > WIRE_WS_CONTROL_MAX) {
        return WIRE_WS_ERR_CONTROL_SIZE;
    }
    return 0;
}

/* How long the header is; known from its second byte on. */
static size_t header_size_due(const struct wire_ws_decoder *decoder)
{
    uint8_t length = decoder->header[1] & 0x7F;
    return decoder->header_size < 2 ? 2 : length < 126 ? 6 : length == 126 ? 8 : 14;
}

static uint64_t read_length(const struct wire_ws_decoder *decoder)
{
    uint64_t length = decoder->header[1] & 0x7F;
    if (length >= 126) {
        size_t bytes = length == 126 ? 2 : 8;
        length = 0;
        for (size_t i = 0; i < bytes; i++) {
            length = length << 8 | decoder->header[2 + i];
        }
    }
    return length;
}

/* The whole header: the length's form and the message's limit. */
static int check_length(struct wire_ws_decoder *decoder)
{
    uint64_t length = read_length(decoder);
    size_t room = decoder->options.limit_bytes > decoder->size
                      ? decoder->options.limit_bytes - decoder->size
                      : 0;
    if (length >> 63) {
        return WIRE_WS_ERR_LENGTH_SIGN;
    }
    if (wire_ws_header_size(length) + 4 != decoder->header_size) {
        return WIRE_WS_ERR_LENGTH_FORM;
    }
    if (!is_control(decoder) && length > room) {
        return WIRE_WS_ERR_TOO_BIG;
    }
    decoder->frame_size = length;
    decoder->frame_read = 0;
    return 0;
}

static void use_input(struct wire_ws_decoder *decoder, size_t size)
{
    decoder->input += size;
    decoder->input_size -= size;
    decoder->offset += size;
}

static void begin_payload(struct wire_ws_decoder *decoder)
{
    uint8_t opcode = opcode_of(decoder);
    if (opcode == WIRE_WS_TEXT || opcode == WIRE_WS_BINARY) {
        decoder->message_opcode = opcode;
    }
    decoder->state = STATE_PAYLOAD;
}

/* Takes one byte of the header. */
static int read_header_byte(struct wire_ws_decoder *decoder)
{
    if (decoder->header_size == 0) {
        decoder->frame_offset = decoder->offset;
    }
    decoder->header[decoder->header_size++] = decoder->input[0];
    use_input(decoder, 1);
    int error = 0;
    if (decoder->header_size == 1) {
        error = check_first_byte(decoder);
    } else if (decoder->header_size == 2) {
        error = check_second_byte(decoder);
    } else if (decoder->header_size == header_size_due(decoder)) {
        error = check_length(decoder);
        if (!error) {
            begin_payload(decoder);
        }
    }
    return error;
}

/* Makes room for size more bytes; doubles, so that what a peer sends costs linear time. */
static int reserve(struct wire_ws_decoder *decoder, size_t size)
{
    size_t needed = decoder->size + size;
    if (needed <= decoder->capacity) {
        return 0;
    }
    size_t capacity = decoder->capacity ? decoder->capacity * 2 : WIRE_WS_KEEP_BYTES;
    if (capacity > decoder->options.limit_bytes) {
        capacity = decoder->options.limit_bytes;
    }
    capacity = capacity < needed ? needed : capacity;
    uint8_t *buffer = wire_alloc_resize(decoder->options.alloc, decoder->buffer, capacity);
    if (!buffer) {
        return WIRE_WS_ERR_NO_MEMORY;
    }
    decoder->buffer = buffer;
    decoder->capacity = capacity;
    return 0;
}

/* Takes back the buffer that the last event showed; keeps it only while it is small. */
static void recycle_buffer(struct wire_ws_decoder *decoder)
{
    if (decoder->buffer_is_given) {
        decoder->buffer_is_given = false;
        decoder->size = 0;
        if (decoder->capacity > WIRE_WS_KEEP_BYTES) {
            free_buffer(decoder);
        }
    }
}

static void end_frame(struct wire_ws_decoder *decoder)
{
    decoder->header_size = 0;
    decoder->state = STATE_HEAD;
}

/* How much of the frame's payload the input holds. */
static size_t payload_here(const struct wire_ws_decoder *decoder)
{
    uint64_t missing = decoder->frame_size - decoder->frame_read;
    return missing < decoder->input_size ? (size_t)missing : decoder->input_size;
}

/* Ends the message: the event that shows payload. */
static int give_message(struct wire_ws_decoder *decoder, struct wire_span payload,
                        struct wire_ws_event *event)
{
    if (decoder->message_opcode == WIRE_WS_TEXT && !wire_utf8_whole(&decoder->text)) {
        return WIRE_WS_ERR_TEXT;
    }
    event->opcode = decoder->message_opcode;
    event->close_code = 0;
    event->payload = payload;
    decoder->message_opcode = 0;
    end_frame(decoder);
    return WIRE_WS_EVENT;
}

/* A message of one frame that is here whole. */
static int read_in_place(struct wire_ws_decoder *decoder, struct wire_ws_event *event)
{
    size_t size = (size_t)decoder->frame_size;
    struct wire_span payload = wire_span_of(decoder->input, size);
    wire_ws_mask(decoder->input, decoder->input, size, mask_of(decoder), 0);
    if (decoder->message_opcode == WIRE_WS_TEXT && !wire_utf8_push(&decoder->text, payload)) {
        return WIRE_WS_ERR_TEXT;
    }
    use_input(decoder, size);
    return give_message(decoder, payload, event);
}

/* A part of a message, into the buffer. */
static int read_data(struct wire_ws_decoder *decoder, struct wire_ws_event *event)
{
    size_t size = payload_here(decoder);
    int error = reserve(decoder, size);
    if (error) {
        return error;
    }
    if (size > 0) {
        uint8_t *target = decoder->buffer + decoder->size;
        wire_ws_mask(target, decoder->input, size, mask_of(decoder), decoder->frame_read);
        if (decoder->message_opcode == WIRE_WS_TEXT &&
            !wire_utf8_push(&decoder->text, wire_span_of(target, size))) {
            return WIRE_WS_ERR_TEXT;
        }
        decoder->size += size;
        decoder->frame_read += size;
        use_input(decoder, size);
    }
    if (decoder->frame_read < decoder->frame_size) {
        return WIRE_WS_MORE;
    }
    if (!is_final(decoder)) {
        end_frame(decoder);
        return WIRE_WS_MORE;
    }
    decoder->buffer_is_given = true;
    return give_message(decoder, wire_span_of(decoder->buffer, decoder->size), event);
}

static int read_close(struct wire_ws_decoder *decoder, struct wire_ws_event *event)
{
    size_t size = (size_t)decoder->frame_size;
    event->close_code = WIRE_WS_CLOSE_NO_CODE;
    event->payload = wire_span_of(decoder->control, 0);
    if (size == 1) {
        return WIRE_WS_ERR_CLOSE_SIZE;
    }
    if (size >= 2) {
        event->close_code = (uint16_t)(decoder->control[0] << 8 | decoder->control[1]);
        event->payload = wire_span_of(decoder->control + 2, size - 2);
        if (!wire_ws_close_code_is_valid(event->close_code)) {
            return WIRE_WS_ERR_CLOSE_CODE;
        }
        if (!wire_utf8_check(event->payload)) {
            return WIRE_WS_ERR_CLOSE_REASON;
        }
    }
    end_frame(decoder);
    decoder->state = STATE_CLOSED;
    decoder->input_size = 0;
    free_buffer(decoder);
    return WIRE_WS_EVENT;
}

/* A part of a control frame; it is given when it is whole. */
static int read_control(struct wire_ws_decoder *decoder, struct wire_ws_event *event)
{
    size_t size = payload_here(decoder);
    wire_ws_mask(decoder->control + decoder->frame_read, decoder->input, size, mask_of(decoder),
                 decoder->frame_read);
    decoder->frame_read += size;
    use_input(decoder, size);
    if (decoder->frame_read < decoder->frame_size) {
        return WIRE_WS_MORE;
    }
    event->opcode = opcode_of(decoder);
    if (event->opcode == WIRE_WS_CLOSE) {
        return read_close(decoder, event);
    }
    event->close_code = 0;
    event->payload = wire_span_of(decoder->control, (size_t)decoder->frame_size);
    end_frame(decoder);
    return WIRE_WS_EVENT;
}

static int read_payload(struct wire_ws_decoder *decoder, struct wire_ws_event *event)
{
    if (is_control(decoder)) {
        return read_control(decoder, event);
    }
    bool is_alone = opcode_of(decoder) != WIRE_WS_CONTINUATION && is_final(decoder);
    if (is_alone && decoder->frame_read == 0 && decoder->frame_size <= decoder->input_size) {
        return read_in_place(decoder, event);
    }
    return read_data(decoder, event);
}

/* One step: a byte of a header, or what is here of a payload. An empty payload needs no input. */
static int step(struct wire_ws_decoder *decoder, struct wire_ws_event *event)
{
    return decoder->state == STATE_HEAD ? read_header_byte(decoder) : read_payload(decoder, event);
}

static bool can_step(const struct wire_ws_decoder *decoder)
{
    return decoder->input_size > 0 ||
           (decoder->state == STATE_PAYLOAD && decoder->frame_read == decoder->frame_size);
}

int wire_ws_decoder_next(struct wire_ws_decoder *decoder, struct wire_ws_event *out_event)
{
    struct wire_ws_event event;
    recycle_buffer(decoder);
    while (decoder->error == 0 && can_step(decoder)) {
        int result = step(decoder, &event);
        if (result == WIRE_WS_EVENT) {
            *out_event = event;
            return WIRE_WS_EVENT;
        }
        if (result < 0) {
            decoder->error = (int8_t)result;
            decoder->state = STATE_FAILED;
            decoder->input_size = 0;
            free_buffer(decoder);
        }
    }
    return decoder->error;
}
