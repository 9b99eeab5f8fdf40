/*
 * The arena: both ends meet exactly, a NUL has its place, arrays are aligned whatever the block is,
 * and what does not fit changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/msg_arena.h"

static void test_msg_arena_strings_fill_it(void **state)
{
    uint8_t *memory = malloc(16);
    struct wire_msg_arena arena;
    (void)state;
    assert_non_null(memory);
    wire_msg_arena_init(&arena, memory, 16);
    assert_int_equal(wire_msg_arena_room(&arena), 16);
    assert_string_equal(wire_msg_arena_copy(&arena, wire_span_text("abc")), "abc");
    assert_string_equal(wire_msg_arena_copy(&arena, wire_span_of(NULL, 0)), "");
    assert_int_equal(wire_msg_arena_room(&arena), 11);
    /* Eleven bytes are left: ten and a NUL fit, eleven do not. */
    assert_null(wire_msg_arena_copy(&arena, wire_span_text("0123456789a")));
    assert_null(wire_msg_arena_take(&arena, 11));
    assert_null(wire_msg_arena_take(&arena, SIZE_MAX));
    assert_int_equal(wire_msg_arena_room(&arena), 11);
    memcpy(wire_msg_arena_free_bytes(&arena), "0123456789", 10);
    assert_string_equal(wire_msg_arena_take(&arena, 10), "0123456789");
    assert_int_equal(wire_msg_arena_room(&arena), 0);
    assert_null(wire_msg_arena_take(&arena, 0));
    assert_null(wire_msg_arena_push(&arena, sizeof(void *)));
    assert_non_null(wire_msg_arena_push(&arena, 0));
    assert_string_equal((const char *)memory, "abc");
    free(memory);
}

static void test_msg_arena_arrays_are_aligned(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 16; shift++) {
        uint8_t *memory = malloc(64 + shift);
        struct wire_msg_arena arena;
        assert_non_null(memory);
        wire_msg_arena_init(&arena, memory + shift, 64);
        size_t count = 0;
        uint8_t *last = NULL;
        uint8_t *slot;
        while ((slot = wire_msg_arena_push(&arena, sizeof(void *))) != NULL) {
            assert_int_equal((uintptr_t)slot % sizeof(void *), 0);
            assert_true(slot >= memory + shift);
            assert_true(!last || slot + sizeof(void *) == last);
            memset(slot, 0xff, sizeof(void *));
            last = slot;
            count++;
        }
        assert_in_range(count, 64 / sizeof(void *) - 1, 64 / sizeof(void *));
        free(memory);
    }
}

static void test_msg_arena_too_small_for_anything(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof(void *); size++) {
        uint8_t *memory = malloc(32);
        struct wire_msg_arena arena;
        assert_non_null(memory);
        wire_msg_arena_init(&arena, memory + 1, size);
        assert_null(wire_msg_arena_push(&arena, sizeof(void *)));
        assert_true(wire_msg_arena_room(&arena) <= size);
        free(memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_arena_strings_fill_it),
        cmocka_unit_test(test_msg_arena_arrays_are_aligned),
        cmocka_unit_test(test_msg_arena_too_small_for_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
