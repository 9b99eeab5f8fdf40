/*
 * The writer: everything goes through put, which copies what fits and counts what does not.
 *
 * Because the count only grows, nothing is written any more once one piece did not fit: the buffer
 * never holds a message with a hole. Knows no message; the caller's thread.
 */
#include "wire/json_writer.h"

#include <assert.h>

#include "wire/base64.h"
#include "wire/json_scan.h"
#include "wire/utf8.h"

void wire_json_writer_init(struct wire_json_writer *writer, uint8_t *buffer, size_t capacity)
{
    assert(buffer || capacity == 0);
    *writer = (struct wire_json_writer){.buffer = buffer, .capacity = capacity};
}

/* Counts size bytes and returns where they go, or NULL if they do not fit. */
static inline uint8_t *reserve(struct wire_json_writer *writer, size_t size)
{
    size_t at = writer->needed_bytes;
    assert(size <= SIZE_MAX - at);
    writer->needed_bytes = at + size;
    return writer->needed_bytes <= writer->capacity ? writer->buffer + at : NULL;
}

static void put(struct wire_json_writer *writer, const void *data, size_t size)
{
    uint8_t *room = size > 0 ? reserve(writer, size) : NULL;
    if (room) {
        memcpy(room, data, size);
    }
}

static void put_byte(struct wire_json_writer *writer, char c)
{
    uint8_t *room = reserve(writer, 1);
    if (room) {
        *room = (uint8_t)c;
    }
}

static bool in_object(const struct wire_json_writer *writer)
{
    return writer->depth > 0 && (writer->objects >> (writer->depth - 1) & 1);
}

/* Before every value: the comma, and the check that a value may stand here. */
static void begin_value(struct wire_json_writer *writer)
{
    assert(in_object(writer) == writer->after_key);
    assert(writer->depth > 0 || writer->needed_bytes == 0);
    if (writer->needs_comma) {
        put_byte(writer, ',');
    }
    writer->after_key = false;
    writer->needs_comma = true;
}

static void begin_container(struct wire_json_writer *writer, bool is_object)
{
    begin_value(writer);
    assert(writer->depth < WIRE_JSON_WRITER_DEPTH);
    uint64_t bit = UINT64_C(1) << writer->depth++;
    writer->objects = is_object ? writer->objects | bit : writer->objects & ~bit;
    writer->needs_comma = false;
    put_byte(writer, is_object ? '{' : '[');
}

static void end_container(struct wire_json_writer *writer, bool is_object)
{
    assert(writer->depth > 0 && in_object(writer) == is_object && !writer->after_key);
    writer->depth--;
    writer->needs_comma = true;
    put_byte(writer, is_object ? '}' : ']');
}

void wire_json_writer_begin_object(struct wire_json_writer *writer)
{
    begin_container(writer, true);
}

void wire_json_writer_end_object(struct wire_json_writer *writer)
{
    end_container(writer, true);
}

void wire_json_writer_begin_array(struct wire_json_writer *writer)
{
    begin_container(writer, false);
}

void wire_json_writer_end_array(struct wire_json_writer *writer)
{
    end_container(writer, false);
}

/* Escapes one of the characters that may not stand in a string. */
static void put_escape(struct wire_json_writer *writer, uint8_t c)
{
    static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* character, letter, ... */
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i + 1 < sizeof short_forms; i += 2) {
        if ((char)c == short_forms[i]) {
            char escape[2] = {'\\', short_forms[i + 1]};
            put(writer, escape, sizeof escape);
            return;
        }
    }
    char escape[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
    put(writer, escape, sizeof escape);
}

/* Puts the sequence beyond ASCII at data, or what stands for it. Returns the bytes used. */
static size_t put_sequence(struct wire_json_writer *writer, struct wire_span text, bool is_lossy)
{
    int step = wire_utf8_step(text.data, text.size);
    if (step > 0) {
        put(writer, text.data, (size_t)step);
        return (size_t)step;
    }
    if (is_lossy) {
        put(writer, "\xEF\xBF\xBD", 3);
    } else {
        writer->error = WIRE_JSON_ERR_TEXT;
    }
    return step < 0 ? (size_t)-step : text.size;
}

static void put_string(struct wire_json_writer *writer, struct wire_span text, bool is_lossy)
{
    put_byte(writer, '"');
    size_t at = 0;
    while (at < text.size) {
        size_t plain = wire_json_scan_plain(text.data + at, text.size - at);
        put(writer, text.data + at, plain);
        at += plain;
        if (at == text.size) {
            break;
        }
        if (text.data[at] < 0x80) {
            put_escape(writer, text.data[at++]);
        } else {
            at += put_sequence(writer, wire_span_of(text.data + at, text.size - at), is_lossy);
        }
    }
    put_byte(writer, '"');
}

void wire_json_writer_key(struct wire_json_writer *writer, const char *name)
{
    wire_json_writer_key_span(writer, wire_span_text(name));
}

void wire_json_writer_key_span(struct wire_json_writer *writer, struct wire_span name)
{
    assert(in_object(writer) && !writer->after_key);
    if (writer->needs_comma) {
        put_byte(writer, ',');
    }
    put_string(writer, name, false);
    put_byte(writer, ':');
    writer->after_key = true;
    writer->needs_comma = false;
}

void wire_json_writer_string(struct wire_json_writer *writer, struct wire_span text)
{
    begin_value(writer);
    put_string(writer, text, false);
}

void wire_json_writer_string_lossy(struct wire_json_writer *writer, struct wire_span text)
{
    begin_value(writer);
    put_string(writer, text, true);
}

void wire_json_writer_text(struct wire_json_writer *writer, const char *text)
{
    wire_json_writer_string(writer, wire_span_text(text));
}

void wire_json_writer_begin_base64(struct wire_json_writer *writer, struct wire_json_base64 *base64,
                                   const struct wire_base64_codec *codec)
{
    begin_value(writer);
    put_byte(writer, '"');
    *base64 = (struct wire_json_base64){.writer = writer, .codec = codec};
}

static void put_base64(struct wire_json_base64 *base64, struct wire_span bytes)
{
    uint8_t *room = reserve(base64->writer, wire_base64_encoded_size(bytes.size));
    if (room) {
        wire_base64_encode(base64->codec, bytes, room);
    }
}

/* Adds to the group that is begun as many bytes as it takes. Returns how many. */
static size_t fill_carry(struct wire_json_base64 *base64, struct wire_span bytes)
{
    size_t used = 0;
    while (used < bytes.size && base64->carry_size < sizeof base64->carry) {
        base64->carry[base64->carry_size++] = bytes.data[used++];
    }
    return used;
}

void wire_json_base64_push(struct wire_json_base64 *base64, struct wire_span bytes)
{
    size_t at = base64->carry_size > 0 ? fill_carry(base64, bytes) : 0;
    if (base64->carry_size == sizeof base64->carry) {
        put_base64(base64, wire_span_of(base64->carry, sizeof base64->carry));
        base64->carry_size = 0;
    }
    size_t whole = (bytes.size - at) / 3 * 3;
    if (whole > 0) {
        put_base64(base64, wire_span_of(bytes.data + at, whole));
        at += whole;
    }
    if (at < bytes.size) {
        (void)fill_carry(base64, wire_span_of(bytes.data + at, bytes.size - at));
    }
}

void wire_json_base64_end(struct wire_json_base64 *base64)
{
    if (base64->carry_size > 0) {
        put_base64(base64, wire_span_of(base64->carry, base64->carry_size));
    }
    put_byte(base64->writer, '"');
}

void wire_json_writer_base64(struct wire_json_writer *writer, const struct wire_base64_codec *codec,
                             struct wire_span bytes)
{
    struct wire_json_base64 base64;
    wire_json_writer_begin_base64(writer, &base64, codec);
    wire_json_base64_push(&base64, bytes);
    wire_json_base64_end(&base64);
}

static void put_uint64(struct wire_json_writer *writer, uint64_t value, bool is_negative)
{
    char digits[21];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    if (is_negative) {
        digits[--at] = '-';
    }
    put(writer, digits + at, sizeof digits - at);
}

void wire_json_writer_int64(struct wire_json_writer *writer, int64_t value)
{
    begin_value(writer);
    put_uint64(writer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

void wire_json_writer_uint64(struct wire_json_writer *writer, uint64_t value)
{
    begin_value(writer);
    put_uint64(writer, value, false);
}

static void put_text(struct wire_json_writer *writer, const char *text)
{
    begin_value(writer);
    put(writer, text, strlen(text));
}

void wire_json_writer_bool(struct wire_json_writer *writer, bool value)
{
    put_text(writer, value ? "true" : "false");
}

void wire_json_writer_null(struct wire_json_writer *writer)
{
    put_text(writer, "null");
}

void wire_json_writer_raw(struct wire_json_writer *writer, struct wire_span json)
{
    assert(json.size > 0);
    begin_value(writer);
    put(writer, json.data, json.size);
}

int wire_json_writer_finish(const struct wire_json_writer *writer, struct wire_span *out_json)
{
    assert(writer->depth == 0 && !writer->after_key && writer->needed_bytes > 0);
    if (writer->error) {
        return writer->error;
    }
    if (writer->needed_bytes > writer->capacity) {
        return WIRE_JSON_ERR_CAPACITY;
    }
    *out_json = wire_span_of(writer->buffer, writer->needed_bytes);
    return 0;
}
