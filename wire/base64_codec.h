/*
 * The codecs behind wire_base64_best, by processor. Internal to base64*.c and its tests.
 *
 * A codec exists where its file is built: the vector ones where WIRE_X86_64 is 1, AVX2 not on
 * Windows (base64_avx2_unix.c says why). base64_pick_*.c knows which are there and which of them
 * the processor can run.
 */
#ifndef WIRE_BASE64_CODEC_H
#define WIRE_BASE64_CODEC_H

#include "wire/base64.h"
#include "wire/compiler.h"

extern const struct wire_base64_codec wire_base64_scalar;
extern const struct wire_base64_codec wire_base64_ssse3;
extern const struct wire_base64_codec wire_base64_avx2;

#endif
