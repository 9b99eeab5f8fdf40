/*
 * The base64 codecs of a Unix build and which of them the processor can run.
 *
 * The compiler's runtime asks the processor once, before main; a test here reads its answer. Owns
 * nothing; any thread.
 */
#include "wire/base64_codec.h"

#if WIRE_X86_64

const struct wire_base64_codec *wire_base64_codec_at(size_t index)
{
    switch (index) {
    case 0:
        return &wire_base64_scalar;
    case 1:
        return __builtin_cpu_supports("ssse3") ? &wire_base64_ssse3 : NULL;
    case 2:
        /* A processor with AVX2 has SSSE3, so that no codec follows a gap. */
        return __builtin_cpu_supports("avx2") ? &wire_base64_avx2 : NULL;
    default:
        return NULL;
    }
}

const struct wire_base64_codec *wire_base64_best(void)
{
    if (__builtin_cpu_supports("avx2")) {
        return &wire_base64_avx2;
    }
    return __builtin_cpu_supports("ssse3") ? &wire_base64_ssse3 : &wire_base64_scalar;
}

#else

const struct wire_base64_codec *wire_base64_codec_at(size_t index)
{
    return index == 0 ? &wire_base64_scalar : NULL;
}

const struct wire_base64_codec *wire_base64_best(void)
{
    return &wire_base64_scalar;
}

#endif
