/*
 * The character classes of RFC 9110 (token, field value) and RFC 3986 (path, query), as constant
 * expressions that the compiler turns into bit tests; and comparison without case in ASCII, which
 * no locale changes. For the HTTP files of this folder. Pure; any thread.
 */
#ifndef WIRE_HTTP_GRAMMAR_H
#define WIRE_HTTP_GRAMMAR_H

#include "wire/span.h"

static inline bool wire_http_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline uint8_t wire_http_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static inline bool wire_http_is_alpha(uint8_t c)
{
    uint8_t lower = wire_http_lower(c);
    return lower >= 'a' && lower <= 'z';
}

static inline bool wire_http_is_hex(uint8_t c)
{
    uint8_t lower = wire_http_lower(c);
    return wire_http_is_digit(c) || (lower >= 'a' && lower <= 'f');
}

/* Whether c is one of the characters of set (NUL never is). */
static inline bool wire_http_is_in(uint8_t c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

/* tchar, RFC 9110 section 5.6.2 */
static inline bool wire_http_is_token(uint8_t c)
{
    return wire_http_is_alpha(c) || wire_http_is_digit(c) || wire_http_is_in(c, "!#$%&'*+-.^_`|~");
}

/* pchar without percent signs, '/' and '?': RFC 3986 sections 3.3 and 3.4 */
static inline bool wire_http_is_target(uint8_t c)
{
    return wire_http_is_alpha(c) || wire_http_is_digit(c) ||
           wire_http_is_in(c, "-._~!$&'()*+,;=:@/?");
}

/* field-vchar, space and tab: RFC 9110 section 5.5, obs-text included */
static inline bool wire_http_is_value(uint8_t c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static inline bool wire_http_is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Whether text is the ASCII string word, letters of either case being the same. */
static inline bool wire_http_equal_nocase(struct wire_span text, const char *word)
{
    size_t i = 0;
    for (; i < text.size && word[i]; i++) {
        if (wire_http_lower(text.data[i]) != wire_http_lower((uint8_t)word[i])) {
            return false;
        }
    }
    return i == text.size && word[i] == 0;
}

/* Whether text is one token. */
static inline bool wire_http_all_token(struct wire_span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!wire_http_is_token(text.data[i])) {
            return false;
        }
    }
    return text.size > 0;
}

/* text without the spaces and tabs at both ends. */
static inline struct wire_span wire_http_trim(struct wire_span text)
{
    while (text.size > 0 && wire_http_is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && wire_http_is_space(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

#endif
