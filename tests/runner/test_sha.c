/* The hash functions against published values (FIPS 180-4 examples, RFC 6455 section 1.3). */
#include "runner/sha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_hex(const uint8_t *digest, size_t size, const char *wanted)
{
    char text[2 * RUN_SHA256_SIZE + 1];
    for (size_t i = 0; i < size; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(text, wanted);
}

static void test_sha_1(void **state)
{
    (void)state;
    uint8_t digest[RUN_SHA1_SIZE];
    run_sha1("abc", 3, digest);
    assert_hex(digest, sizeof digest, "a9993e364706816aba3e25717850c26c9cd0d89d");
    run_sha1("", 0, digest);
    assert_hex(digest, sizeof digest, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    run_sha1(key, strlen(key), digest);
    assert_hex(digest, sizeof digest, "b37a4f2cc0624f1690f64606cf385945b2bec4ea");
}

static void test_sha_256(void **state)
{
    (void)state;
    uint8_t digest[RUN_SHA256_SIZE];
    run_sha256("abc", 3, digest);
    assert_hex(digest, sizeof digest,
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    run_sha256("", 0, digest);
    assert_hex(digest, sizeof digest,
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha_1),
        cmocka_unit_test(test_sha_256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
