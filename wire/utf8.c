/*
 * UTF-8: the table of well-formed sequences (Unicode Standard, table 3-7) as a function of the
 * first byte, and the three ways to walk a text with it.
 *
 * ASCII is skipped in blocks of eight bytes, since nearly all text on the wire is ASCII; the rest
 * goes one sequence at a time. Runs on any thread, owns nothing.
 */
#include "wire/utf8.h"

#include <assert.h>

/* What may follow a first byte: the sequence's length and the range of the second byte. */
struct lead {
    uint8_t length; /* 0: not a first byte */
    uint8_t second_min;
    uint8_t second_max;
};

static struct lead classify(uint8_t first)
{
    if (first < 0xC2 || first > 0xF4) {
        return (struct lead){0};
    }
    if (first < 0xE0) {
        return (struct lead){2, 0x80, 0xBF};
    }
    if (first < 0xF0) {
        return (struct lead){3, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF};
    }
    return (struct lead){4, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF};
}

int wire_utf8_step(const uint8_t *data, size_t size)
{
    assert(size > 0);
    if (data[0] < 0x80) {
        return 1;
    }
    struct lead lead = classify(data[0]);
    if (lead.length == 0) {
        return -1;
    }
    if (size < 2) {
        return 0;
    }
    if (data[1] < lead.second_min || data[1] > lead.second_max) {
        return -1;
    }
    for (int i = 2; i < lead.length; i++) {
        if ((size_t)i == size) {
            return 0;
        }
        if ((data[i] & 0xC0) != 0x80) {
            return -i;
        }
    }
    return lead.length;
}

uint32_t wire_utf8_decode(const uint8_t *data, int length)
{
    assert(length >= 1 && length <= 4);
    if (length == 1) {
        return data[0];
    }
    uint32_t code_point = data[0] & (0x7Fu >> length);
    for (int i = 1; i < length; i++) {
        code_point = code_point << 6 | (data[i] & 0x3Fu);
    }
    return code_point;
}

size_t wire_utf8_encode(uint32_t code_point, uint8_t out[4])
{
    assert(code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF));
    if (code_point < 0x80) {
        out[0] = (uint8_t)code_point;
        return 1;
    }
    size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (code_point & 0x3F));
        code_point >>= 6;
    }
    out[0] = (uint8_t)((0xF00u >> length & 0xF0) | code_point);
    return length;
}

size_t wire_utf8_ascii_prefix(struct wire_span text)
{
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    size_t at = 0;
    for (; text.size - at >= 32; at += 32) {
        uint64_t words[4];
        memcpy(words, text.data + at, sizeof words);
        if ((words[0] | words[1] | words[2] | words[3]) & high_bits) {
            break;
        }
    }
    for (; text.size - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, text.data + at, sizeof word);
        if (word & high_bits) {
            break;
        }
    }
    while (at < text.size && text.data[at] < 0x80) {
        at++;
    }
    return at;
}

/* Sets *out_step to the step that stopped the walk: 0 at a sequence cut off, negative if bad. */
static size_t walk(struct wire_span text, int *out_step)
{
    size_t at = 0;
    *out_step = 1;
    for (;;) {
        at += wire_utf8_ascii_prefix(wire_span_of(text.data + at, text.size - at));
        while (at < text.size && text.data[at] >= 0x80) {
            *out_step = wire_utf8_step(text.data + at, text.size - at);
            if (*out_step <= 0) {
                return at;
            }
            at += (size_t)*out_step;
        }
        if (at == text.size) {
            return at;
        }
    }
}

size_t wire_utf8_valid_prefix(struct wire_span text)
{
    int step;
    return text.size == 0 ? 0 : walk(text, &step);
}

/* Completes the sequence in carry from the piece. Returns the bytes used; sets *out_bad if bad. */
static size_t complete_carry(struct wire_utf8 *text, struct wire_span piece, bool *out_bad)
{
    size_t used = 0;
    while (text->carry_size > 0 && used < piece.size) {
        text->carry[text->carry_size++] = piece.data[used++];
        int step = wire_utf8_step(text->carry, text->carry_size);
        if (step < 0) {
            *out_bad = true;
            return used;
        }
        if (step > 0) {
            text->carry_size = 0;
        }
    }
    return used;
}

bool wire_utf8_push(struct wire_utf8 *text, struct wire_span piece)
{
    bool bad = false;
    size_t used = complete_carry(text, piece, &bad);
    if (bad) {
        return false;
    }
    if (used == piece.size) {
        return true;
    }
    int step;
    struct wire_span rest = wire_span_of(piece.data + used, piece.size - used);
    size_t valid = walk(rest, &step);
    if (step < 0) {
        return false;
    }
    text->carry_size = (uint8_t)(rest.size - valid);
    assert(text->carry_size < sizeof text->carry);
    memcpy(text->carry, rest.data + valid, text->carry_size);
    return true;
}
