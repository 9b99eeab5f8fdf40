/*
 * The base64 codecs of a Windows build and which of them the processor can run: SSSE3 with mingw's
 * gcc, the scalar one with other compilers.
 *
 * The compiler's runtime asks the processor once, before main; a test here reads its answer. Owns
 * nothing; any thread.
 */
#include "wire/base64_codec.h"

static bool has_ssse3(void)
{
#if WIRE_BASE64_X86
    return __builtin_cpu_supports("ssse3");
#else
    return false;
#endif
}

const struct wire_base64_codec *wire_base64_best(void)
{
#if WIRE_BASE64_X86
    if (has_ssse3()) {
        return &wire_base64_ssse3;
    }
#endif
    return &wire_base64_scalar;
}

const struct wire_base64_codec *wire_base64_codec_at(size_t index)
{
    if (index == 0) {
        return &wire_base64_scalar;
    }
    return index == 1 && has_ssse3() ? wire_base64_best() : NULL;
}
