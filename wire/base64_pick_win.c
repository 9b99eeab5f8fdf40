/*
 * The base64 codecs of a Windows build and which of them the processor can run: SSSE3 on x86-64,
 * the scalar one everywhere.
 *
 * gcc's and clang's runtime asks the processor once, before main, and a test here reads its answer;
 * MSVC's has no such answer for programs, so that each test asks. Owns nothing; any thread.
 */
#include "wire/base64_codec.h"

#if WIRE_X86_64

#if defined(_MSC_VER)
/* Function 1 of CPUID: bit 9 of ECX (Intel's manual, volume 2, CPUID). Every x86-64 has it. */
static bool has_ssse3(void)
{
    int registers[4];
    __cpuid(registers, 1);
    return ((unsigned)registers[2] >> 9 & 1) != 0;
}
#else
static bool has_ssse3(void)
{
    return __builtin_cpu_supports("ssse3");
}
#endif

const struct wire_base64_codec *wire_base64_codec_at(size_t index)
{
    if (index == 0) {
        return &wire_base64_scalar;
    }
    return index == 1 && has_ssse3() ? &wire_base64_ssse3 : NULL;
}

const struct wire_base64_codec *wire_base64_best(void)
{
    return has_ssse3() ? &wire_base64_ssse3 : &wire_base64_scalar;
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
