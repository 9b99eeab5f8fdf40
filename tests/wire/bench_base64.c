/*
 * Measures the base64 codecs of this processor: GB of raw bytes a second, encoding and decoding, in
 * blocks of 8 KiB (or argv[1] bytes). The best of several rounds, since others use the machine too.
 * A program for developers; no test.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/wire/support_clock.h"
#include "wire/base64.h"

#define ROUNDS          60
#define ROUND_BYTES     ((size_t)16 << 20)
#define BLOCK_BYTES_MAX ((size_t)1 << 20)

struct block {
    uint8_t raw[BLOCK_BYTES_MAX];
    uint8_t text[BLOCK_BYTES_MAX * 4 / 3 + 4];
    size_t size;
};

static void encode(const struct wire_base64_codec *codec, struct block *block)
{
    wire_base64_encode(codec, wire_span_of(block->raw, block->size), block->text);
}

static void decode(const struct wire_base64_codec *codec, struct block *block)
{
    struct wire_span text = wire_span_of(block->text, wire_base64_encoded_size(block->size));
    if (wire_base64_decode(codec, text, block->raw, block->size, NULL) < 0) {
        abort();
    }
}

static double measure(void (*work)(const struct wire_base64_codec *, struct block *),
                      const struct wire_base64_codec *codec, struct block *block)
{
    double best = 0;
    size_t count = ROUND_BYTES / block->size;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start_ns = support_clock_ns();
        for (size_t i = 0; i < count; i++) {
            work(codec, block);
        }
        double rate = (double)(count * block->size) / (double)(support_clock_ns() - start_ns);
        best = rate > best ? rate : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    struct block *block = calloc(1, sizeof *block);
    size_t size = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 8192;
    if (!block || size == 0 || size > BLOCK_BYTES_MAX) {
        fprintf(stderr, "usage: bench_base64 [BLOCK BYTES up to %zu]\n", BLOCK_BYTES_MAX);
        free(block);
        return 1;
    }
    block->size = size;
    for (size_t i = 0; i < size; i++) {
        block->raw[i] = (uint8_t)(i * 2654435761u >> 11);
    }
    printf("%-8s %8s %8s  GB/s at %zu bytes\n", "codec", "encode", "decode", size);
    const struct wire_base64_codec *codec;
    for (size_t i = 0; (codec = wire_base64_codec_at(i)) != NULL; i++) {
        double encode_rate = measure(encode, codec, block);
        printf("%-8s %8.2f %8.2f\n", codec->name, encode_rate, measure(decode, codec, block));
    }
    free(block);
    return 0;
}
