/*
 * The codecs behind wire_base64_best, by processor. Internal to base64*.c and its tests.
 *
 * A codec exists where its file is built: the vector ones on x86-64 with gcc or clang, AVX2 not on
 * Windows (base64_avx2_unix.c says why). base64_pick_*.c knows which are there and which of them
 * the processor can run.
 */
#ifndef WIRE_BASE64_CODEC_H
#define WIRE_BASE64_CODEC_H

#include "wire/base64.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define WIRE_BASE64_X86 1
#else
#define WIRE_BASE64_X86 0
#endif

extern const struct wire_base64_codec wire_base64_scalar;
extern const struct wire_base64_codec wire_base64_ssse3;
extern const struct wire_base64_codec wire_base64_avx2;

#endif
