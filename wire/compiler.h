/*
 * What gcc, clang and MSVC spell differently, in this one place: what is not C11 has a name here.
 *
 * The choice goes by the compiler, never by the operating system. An extension that a compiler does
 * not have, and that only helps to find mistakes, is nothing there.
 */
#ifndef WIRE_COMPILER_H
#define WIRE_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#if defined(_MSC_VER)
#include <intrin.h>
#endif

/* Stands before a prototype: the caller must look at the result. MSVC's word for it comes with
 * every header of its C library, and is checked by its code analysis only. */
#if defined(__GNUC__) || defined(__clang__)
#define WIRE_MUST_CHECK __attribute__((warn_unused_result))
#elif defined(_MSC_VER)
#define WIRE_MUST_CHECK _Check_return_
#else
#define WIRE_MUST_CHECK
#endif

/*
 * Stands behind a prototype: parameter number format is a printf format for those from number first
 * on (0: for a va_list). The formats are those of C11, which gcc must be told where the C library
 * of the system has others.
 */
#if defined(__clang__)
#define WIRE_PRINTF(format, first) __attribute__((__format__(__printf__, format, first)))
#elif defined(__GNUC__)
#define WIRE_PRINTF(format, first) __attribute__((__format__(__gnu_printf__, format, first)))
#else
#define WIRE_PRINTF(format, first)
#endif

/* Whether this is x86-64 and a compiler whose way to vector code is known below. */
#if (defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))) ||                          \
    (defined(_M_X64) && !defined(_M_ARM64EC))
#define WIRE_X86_64 1
#else
#define WIRE_X86_64 0
#endif

/* Stands before a function that uses instructions beyond SSE2, which x86-64 always has. MSVC takes
 * every intrinsic everywhere. */
#if defined(__GNUC__) || defined(__clang__)
#define WIRE_TARGET(instructions) __attribute__((target(instructions)))
#else
#define WIRE_TARGET(instructions)
#endif

/* The index of the lowest bit that is set in bits, which is not 0. */
static inline unsigned wire_lowest_bit(uint32_t bits)
{
#if defined(__GNUC__) || defined(__clang__)
    return (unsigned)__builtin_ctz(bits);
#elif defined(_MSC_VER)
    unsigned long index = 0;
    (void)_BitScanForward(&index, bits);
    return (unsigned)index;
#else
    unsigned index = 0;
    while (!(bits >> index & 1)) {
        index++;
    }
    return index;
#endif
}

#endif
