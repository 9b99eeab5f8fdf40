/*
 * Fuzzes base64. Whatever the bytes: taken as text, every codec gives the same answer, and what is
 * taken encodes to the same text again, since one value has one text; taken as bytes, every codec
 * gives the same text, and it decodes to the bytes.
 */
#include <stdlib.h>

#include "wire/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static uint8_t *allocate(size_t size)
{
    uint8_t *memory = malloc(size > 0 ? size : 1);
    CHECK(memory != NULL);
    return memory;
}

static void check_as_bytes(const struct wire_base64_codec *codec, struct wire_span bytes)
{
    size_t text_size = wire_base64_encoded_size(bytes.size);
    uint8_t *text = allocate(text_size);
    uint8_t *expected = allocate(text_size);
    uint8_t *decoded = allocate(bytes.size);
    CHECK(wire_base64_encode(codec, bytes, text) == text_size);
    CHECK(wire_base64_encode(wire_base64_codec_at(0), bytes, expected) == text_size);
    CHECK(memcmp(text, expected, text_size) == 0);
    ptrdiff_t size =
        wire_base64_decode(codec, wire_span_of(text, text_size), decoded, bytes.size, NULL);
    CHECK(size == (ptrdiff_t)bytes.size);
    CHECK(wire_span_equal(wire_span_of(decoded, bytes.size), bytes));
    free(decoded);
    free(expected);
    free(text);
}

static void check_as_text(const struct wire_base64_codec *codec, struct wire_span text)
{
    size_t capacity = wire_base64_decoded_size(text);
    size_t offset = 0;
    size_t expected_offset = 0;
    uint8_t *bytes = allocate(capacity);
    uint8_t *expected = allocate(capacity);
    uint8_t *again = allocate(text.size + 4);
    ptrdiff_t size = wire_base64_decode(codec, text, bytes, capacity, &offset);
    CHECK(wire_base64_decode(wire_base64_codec_at(0), text, expected, capacity, &expected_offset) ==
          size);
    CHECK(offset == expected_offset && offset <= text.size);
    if (size >= 0) {
        CHECK((size_t)size == capacity && memcmp(bytes, expected, capacity) == 0);
        size_t again_size = wire_base64_encode(codec, wire_span_of(bytes, capacity), again);
        CHECK(wire_span_equal(wire_span_of(again, again_size), text));
    }
    free(again);
    free(expected);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct wire_base64_codec *codec;
    for (size_t i = 0; (codec = wire_base64_codec_at(i)) != NULL; i++) {
        check_as_bytes(codec, wire_span_of(data, size));
        check_as_text(codec, wire_span_of(data, size));
    }
    return 0;
}
