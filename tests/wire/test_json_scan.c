/*
 * The scan for plain bytes: both implementations against a byte loop, with every byte value at
 * every place of every length, in memory that ends where it ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/wire/support_random.h"
#include "wire/json_scan.h"

static size_t scan_plainly(const uint8_t *data, size_t size)
{
    size_t at = 0;
    while (at < size && data[at] >= 0x20 && data[at] <= 0x7F && data[at] != '"' &&
           data[at] != '\\') {
        at++;
    }
    return at;
}

static void check(const uint8_t *data, size_t size)
{
    size_t expected = scan_plainly(data, size);
    assert_int_equal(wire_json_scan_plain(data, size), expected);
    assert_int_equal(wire_json_scan_plain_words(data, size), expected);
}

static void test_json_scan_every_byte_at_every_place(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 40; size++) {
        uint8_t *data = malloc(size > 0 ? size : 1);
        assert_non_null(data);
        memset(data, 'a', size);
        check(data, size);
        for (size_t at = 0; at < size; at++) {
            for (int byte = 0; byte < 256; byte++) {
                data[at] = (uint8_t)byte;
                check(data, size);
            }
            data[at] = 'a';
        }
        free(data);
    }
}

/* Bytes around every border, so that a carry from one byte into the next would show. */
static void test_json_scan_borders_mixed(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x01, 0x1F, 0x20, 0x21, '"',  0x23, 0x5B, '\\',
                                    0x5D, 0x7E, 0x7F, 0x80, 0x81, 0xA0, 0xA2, 0xDC, 0xFF};
    struct support_random random = support_random_start();
    for (int round = 0; round < 200000; round++) {
        uint8_t data[24];
        size_t size = support_random_below(&random, sizeof data + 1);
        for (size_t i = 0; i < size; i++) {
            bool is_border = support_random_below(&random, 4) == 0;
            data[i] = is_border ? bytes[support_random_below(&random, sizeof bytes)] : 0x21;
        }
        check(data, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_scan_every_byte_at_every_place),
        cmocka_unit_test(test_json_scan_borders_mixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
