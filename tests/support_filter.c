/*
 * Linked into every test program: EXECPORT_TEST_FILTER=PATTERN runs only the functions whose names
 * match (* and ? as in cmocka's filter). Acts before main, which knows nothing of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void set_filter(void)
{
    const char *pattern = getenv("EXECPORT_TEST_FILTER");
    if (pattern != NULL)
        cmocka_set_test_filter(pattern);
}

#if defined(_MSC_VER)
/* What the C library's start calls: a table of functions, in sections that the linker sorts. */
#pragma section(".CRT$XCU", read)
__declspec(allocate(".CRT$XCU")) void (*const tests_set_filter)(void) = set_filter;
#else
static void __attribute__((constructor)) before_main(void)
{
    set_filter();
}
#endif
