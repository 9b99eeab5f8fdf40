/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * One sequence at a time (wire_utf8_step), a whole text at once (wire_utf8_check), or a text that
 * arrives in pieces (struct wire_utf8), where a bad byte is reported as soon as it is seen. Pure
 * functions of their arguments; any thread.
 */
#ifndef WIRE_UTF8_H
#define WIRE_UTF8_H

#include "wire/span.h"

/*
 * Looks at the sequence that starts at data[0]; size is at least 1.
 * Returns n > 0: a valid sequence of n bytes (1 to 4). 0: what is there is the beginning of a valid
 * sequence that size cuts off. -n: ill-formed; n bytes (1 to 3) make one maximal subpart, which is
 * what one U+FFFD stands for.
 */
int wire_utf8_step(const uint8_t *data, size_t size);

/* Decodes the valid sequence at data, length being what wire_utf8_step returned for it. */
uint32_t wire_utf8_decode(const uint8_t *data, int length);

/* Writes code_point (at most 0x10FFFF, no surrogate: asserted); returns its length, 1 to 4. */
size_t wire_utf8_encode(uint32_t code_point, uint8_t out[4]);

/* The number of bytes at the start of text below 0x80. Runs at memory speed. */
size_t wire_utf8_ascii_prefix(struct wire_span text);

/*
 * The number of bytes at the start of text that are whole valid sequences: text.size when text is
 * valid, else the offset of the first sequence that is ill-formed or cut off.
 */
size_t wire_utf8_valid_prefix(struct wire_span text);

/* Whether text is valid and whole. */
static inline bool wire_utf8_check(struct wire_span text)
{
    return wire_utf8_valid_prefix(text) == text.size;
}

/* A text that arrives in pieces. Zero-initialised (or wire_utf8_reset) means: at the start. */
struct wire_utf8 {
    uint8_t carry[4];   /* bytes of a sequence that the last piece cut off */
    uint8_t carry_size; /* how many of them */
};

static inline void wire_utf8_reset(struct wire_utf8 *text)
{
    text->carry_size = 0;
}

/*
 * Takes the next piece. Returns true when all so far is valid, a sequence being cut off at the end
 * of the piece included. Returns false at the first byte that no continuation could make valid; the
 * text is then spoiled until wire_utf8_reset.
 */
WIRE_MUST_CHECK bool wire_utf8_push(struct wire_utf8 *text, struct wire_span piece);

/* Whether the text may end here: no sequence is cut off. */
static inline bool wire_utf8_whole(const struct wire_utf8 *text)
{
    return text->carry_size == 0;
}

#endif
