/*
 * A cursor's text is a version and seven numbers in hexadecimal: "2", ".SEQ.OFFSET" for each stream
 * and ".BEFORE". Leading zeros and capitals are refused, so that no cursor has two texts.
 */
#include "wire/msg_cursor.h"

#include <assert.h>

static const char digits[] = "0123456789abcdef";

static char *put_number(char *at, uint64_t value)
{
    char text[16];
    size_t start = sizeof text;
    do {
        text[--start] = digits[value & 15];
        value >>= 4;
    } while (value > 0);
    *at++ = '.';
    memcpy(at, text + start, sizeof text - start);
    return at + (sizeof text - start);
}

size_t wire_msg_cursor_format(const struct wire_msg_cursor *cursor,
                              char out_text[WIRE_MSG_CURSOR_BYTES])
{
    char *at = out_text;
    *at++ = '2';
    for (size_t i = 0; i < WIRE_MSG_STREAMS; i++) {
        at = put_number(at, cursor->streams[i].seq);
        at = put_number(at, cursor->streams[i].offset_bytes);
    }
    at = put_number(at, cursor->before_bytes);
    *at = 0;
    assert(at < out_text + WIRE_MSG_CURSOR_BYTES);
    return (size_t)(at - out_text);
}

/* The value of a hexadecimal digit in lower case, -1 if c is none. */
static int digit_of(uint8_t c)
{
    const char *found = c == 0 ? NULL : strchr(digits, c);
    return found ? (int)(found - digits) : -1;
}

/* Takes ".NUMBER" from the start of rest. */
static bool take_number(struct wire_span *rest, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    size_t at = 1;
    if (rest->size < 2 || rest->data[0] != '.') {
        return false;
    }
    for (; at < rest->size && digit_of(rest->data[at]) >= 0; at++) {
        uint64_t digit = (uint64_t)digit_of(rest->data[at]);
        bool leads_with_zero = at == 2 && value == 0;
        if (leads_with_zero || value > (max - digit) >> 4) {
            return false;
        }
        value = value << 4 | digit;
    }
    *rest = wire_span_of(rest->data + at, rest->size - at);
    *out = value;
    return at > 1;
}

bool wire_msg_cursor_parse(struct wire_span text, struct wire_msg_cursor *out)
{
    struct wire_msg_cursor cursor;
    if (text.size == 0 || text.data[0] != '2') {
        return false;
    }
    struct wire_span rest = wire_span_of(text.data + 1, text.size - 1);
    for (size_t i = 0; i < WIRE_MSG_STREAMS; i++) {
        uint64_t offset;
        if (!take_number(&rest, UINT64_MAX, &cursor.streams[i].seq) ||
            !take_number(&rest, UINT32_MAX, &offset)) {
            return false;
        }
        cursor.streams[i].offset_bytes = (uint32_t)offset;
    }
    if (!take_number(&rest, UINT64_MAX, &cursor.before_bytes) || rest.size > 0) {
        return false;
    }
    *out = cursor;
    return true;
}
