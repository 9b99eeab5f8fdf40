/*
 * The decoder beyond single cases: random conversations that are fragmented, masked, mixed with
 * control frames and cut at random must give their messages back; what is copied and what is not;
 * memory given back, bounded by what came, and failing at the n-th request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_random.h"
#include "tests/wire/support_ws.h"

static struct support_random seeds;

/* A random size: mostly small, now and then around a length form's border. */
static size_t random_size(size_t most)
{
    static const size_t borders[] = {0, 1, 125, 126, 127, 4096, 4097, 65535, 65536};
    size_t size = support_random_below(&seeds, 4)
                      ? support_random_below(&seeds, 300)
                      : borders[support_random_below(&seeds, sizeof borders / sizeof borders[0])];
    return size < most ? size : most;
}

static void add_frame(struct support_bytes *out, uint8_t first_byte, const uint8_t *data,
                      size_t size)
{
    uint8_t mask[4];
    support_random_fill(&seeds, mask, sizeof mask);
    support_ws_frame(out, first_byte, mask, data, size);
}

static void expect(struct support_bytes *expected, uint8_t opcode, const uint8_t *data, size_t size)
{
    struct wire_ws_event event = {.opcode = opcode, .payload = wire_span_of(data, size)};
    support_ws_dump(expected, &event);
}

/* Perhaps a ping or pong. */
static void add_control(struct support_bytes *out, struct support_bytes *expected)
{
    uint8_t data[WIRE_WS_CONTROL_MAX];
    if (support_random_below(&seeds, 3) == 0) {
        size_t size = support_random_below(&seeds, sizeof data + 1);
        uint8_t opcode = support_random_below(&seeds, 2) ? WIRE_WS_PING : WIRE_WS_PONG;
        support_random_fill(&seeds, data, size);
        add_frame(out, 0x80 | opcode, data, size);
        expect(expected, opcode, data, size);
    }
}

/* Random bytes, or random characters of one to four bytes. */
static size_t fill_payload(uint8_t *data, size_t size, bool is_text)
{
    if (!is_text) {
        support_random_fill(&seeds, data, size);
        return size;
    }
    size_t at = 0;
    while (at + 4 <= size) {
        static const uint32_t bounds[] = {0x80, 0x800, 0xD800, 0x110000};
        uint32_t bound = bounds[support_random_below(&seeds, 4)];
        uint32_t code_point = (uint32_t)support_random_below(&seeds, bound);
        if (code_point < 0xD800 || code_point > 0xDFFF) {
            at += wire_utf8_encode(code_point, data + at);
        }
    }
    return at;
}

static void add_message(struct support_bytes *out, struct support_bytes *expected)
{
    bool is_text = support_random_below(&seeds, 2) != 0;
    uint8_t opcode = is_text ? WIRE_WS_TEXT : WIRE_WS_BINARY;
    uint8_t first_byte = opcode;
    size_t size = random_size(70000);
    uint8_t *data = malloc(size + 1);
    assert_non_null(data);
    size = fill_payload(data, size, is_text);
    for (size_t at = 0;;) {
        bool is_whole = support_random_below(&seeds, 3) == 0;
        size_t part = is_whole ? size - at : random_size(size - at);
        bool is_last = part == size - at && support_random_below(&seeds, 4) != 0;
        add_frame(out, (uint8_t)((is_last ? 0x80 : 0) | first_byte), data + at, part);
        at += part;
        first_byte = WIRE_WS_CONTINUATION;
        if (is_last) {
            break;
        }
        add_control(out, expected);
    }
    expect(expected, opcode, data, size);
    free(data);
}

static char *feed(const struct support_bytes *input, size_t most)
{
    struct support_ws ws;
    support_ws_start(&ws, 0);
    for (size_t at = 0; at < input->size;) {
        size_t size = support_random_below(&seeds, most) + 1;
        size = size < input->size - at ? size : input->size - at;
        support_ws_push(&ws, input->data + at, size);
        at += size;
    }
    return support_ws_finish(&ws);
}

static void check_conversation(void)
{
    static const size_t steps[] = {1, 3, 14, 200, 5000, 1000000};
    struct support_bytes input = {0};
    struct support_bytes expected = {0};
    for (size_t i = support_random_below(&seeds, 8); i > 0; i--) {
        add_control(&input, &expected);
        add_message(&input, &expected);
    }
    support_bytes_format(&expected, "idle\n");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char *dump = feed(&input, steps[i]);
        assert_string_equal(dump, support_bytes_text(&expected));
        free(dump);
    }
    support_bytes_free(&input);
    support_bytes_free(&expected);
}

static void test_ws_decoder_random_conversations(void **state)
{
    (void)state;
    seeds = support_random_start();
    for (int i = 0; i < 60; i++) {
        check_conversation();
    }
}

static const uint8_t mask[4] = {1, 2, 3, 4};

/* A message whole in its piece is given where it lies, and takes no memory. */
static void test_ws_decoder_whole_message_is_not_copied(void **state)
{
    struct support_bytes input = {0};
    struct support_heap heap = {0};
    struct wire_alloc alloc = {support_heap_resize, &heap};
    struct wire_ws_options options = {.alloc = &alloc};
    struct wire_ws_decoder decoder;
    struct wire_ws_event event;
    (void)state;
    support_ws_frame(&input, 0x81, mask, "hello", 5);
    support_ws_frame(&input, 0x82, mask, "bytes", 5);
    wire_ws_decoder_init(&decoder, &options);
    wire_ws_decoder_push(&decoder, input.data, input.size);
    assert_int_equal(wire_ws_decoder_next(&decoder, &event), WIRE_WS_EVENT);
    assert_ptr_equal(event.payload.data, input.data + 6);
    assert_true(wire_span_equal(event.payload, wire_span_text("hello")));
    assert_int_equal(wire_ws_decoder_next(&decoder, &event), WIRE_WS_EVENT);
    assert_ptr_equal(event.payload.data, input.data + 17);
    assert_int_equal(wire_ws_decoder_next(&decoder, &event), WIRE_WS_MORE);
    assert_int_equal(wire_ws_decoder_offset(&decoder), input.size);
    assert_int_equal(heap.calls, 0);
    wire_ws_decoder_deinit(&decoder);
    support_bytes_free(&input);
}

/* Memory follows what came, not what a header promises, and goes back behind a big message. */
static void test_ws_decoder_memory(void **state)
{
    static const uint8_t promise[] = {0x82, 0xff, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 'a'};
    struct support_bytes input = {0};
    struct support_ws ws;
    uint8_t *big = calloc(1, 100000);
    (void)state;
    assert_non_null(big);
    support_ws_start(&ws, 0);
    support_ws_push(&ws, promise, sizeof promise);
    assert_int_equal(ws.heap.max_bytes, WIRE_WS_KEEP_BYTES);
    free(support_ws_finish(&ws));

    support_ws_start(&ws, 0);
    support_ws_frame(&input, 0x02, mask, "small", 5);
    support_ws_frame(&input, 0x80, mask, "small", 5);
    support_ws_push(&ws, input.data, input.size);
    assert_int_equal(ws.heap.live, 1); /* kept: it is small */
    support_bytes_free(&input);
    support_ws_frame(&input, 0x02, mask, big, 100000);
    support_ws_frame(&input, 0x80, mask, "x", 1);
    support_ws_push(&ws, input.data, input.size);
    assert_true(ws.heap.max_bytes >= 100001 && ws.heap.max_bytes <= 200002);
    assert_int_equal(ws.heap.live, 0); /* given back */
    free(support_ws_finish(&ws));
    support_bytes_free(&input);
    free(big);
}

/* The buffer never exceeds the limit, and the limit can change while the connection lives. */
static void test_ws_decoder_limit_changes(void **state)
{
    struct support_bytes input = {0};
    struct support_ws ws;
    uint8_t data[1000] = {0};
    (void)state;
    support_ws_start(&ws, 100);
    support_ws_frame(&input, 0x02, mask, data, 60);
    support_ws_frame(&input, 0x80, mask, data, 40);
    support_ws_push(&ws, input.data, input.size);
    assert_int_equal(ws.heap.max_bytes, 100);
    wire_ws_decoder_set_limit(&ws.decoder, 1000);
    support_bytes_free(&input);
    support_ws_frame(&input, 0x82, mask, data, 1000);
    support_ws_frame(&input, 0x02, mask, data, 900);
    support_ws_push(&ws, input.data, input.size);
    assert_int_equal(ws.error, 0);
    wire_ws_decoder_set_limit(&ws.decoder, 500); /* below what is there: no more comes in */
    support_bytes_free(&input);
    support_ws_frame(&input, 0x80, mask, data, 1);
    support_ws_push(&ws, input.data, input.size);
    assert_int_equal(ws.error, WIRE_WS_ERR_TOO_BIG);
    free(support_ws_finish(&ws));
    support_bytes_free(&input);
}

static void test_ws_decoder_default_limit(void **state)
{
    static const uint8_t at_limit[] = {0x82, 0xff, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t beyond[] = {0x82, 0xff, 0, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 0};
    struct support_ws ws;
    (void)state;
    support_ws_start(&ws, 0);
    support_ws_push(&ws, at_limit, sizeof at_limit);
    assert_int_equal(ws.error, 0);
    free(support_ws_finish(&ws));
    support_ws_start(&ws, 0);
    support_ws_push(&ws, beyond, sizeof beyond);
    assert_int_equal(ws.error, WIRE_WS_ERR_TOO_BIG);
    free(support_ws_finish(&ws));
}

static void test_ws_decoder_each_allocation_fails(void **state)
{
    struct support_bytes input = {0};
    uint8_t *big = calloc(1, 50000);
    size_t fail_at = 1;
    int error = WIRE_WS_ERR_NO_MEMORY;
    (void)state;
    assert_non_null(big);
    support_ws_frame(&input, 0x02, mask, big, 50000);
    support_ws_frame(&input, 0x80, mask, big, 10000);
    for (; error == WIRE_WS_ERR_NO_MEMORY; fail_at++) {
        struct support_ws ws;
        support_ws_start(&ws, 0);
        ws.heap.fail_at = fail_at;
        for (size_t at = 0; at < input.size; at += 500) {
            size_t size = input.size - at < 500 ? input.size - at : 500;
            support_ws_push(&ws, input.data + at, size);
        }
        error = ws.error;
        char *dump = support_ws_finish(&ws);
        if (error) {
            assert_string_equal(dump, "error 1011 at 0: out of memory\nfailed\n");
        }
        free(dump);
    }
    assert_int_equal(error, 0);
    assert_true(fail_at > 5);
    support_bytes_free(&input);
    free(big);
}

/* An error is final, and so is a close. */
static void test_ws_decoder_ends_are_final(void **state)
{
    static const uint8_t bad[] = {0xff, 0x00};
    struct support_bytes good = {0};
    struct wire_ws_event event;
    struct support_ws ws;
    (void)state;
    support_ws_frame(&good, 0x81, mask, "a", 1);
    support_ws_start(&ws, 0);
    support_ws_push(&ws, bad, sizeof bad);
    support_ws_push(&ws, good.data, good.size);
    support_ws_push(&ws, good.data, good.size);
    assert_int_equal(wire_ws_decoder_next(&ws.decoder, &event), WIRE_WS_ERR_RSV);
    assert_false(wire_ws_decoder_is_idle(&ws.decoder));
    char *dump = support_ws_finish(&ws);
    assert_string_equal(dump, "error 1002 at 0: reserved bits must be zero\nfailed\n");
    free(dump);
    support_bytes_free(&good);
    struct wire_ws_decoder zeroed = {0};
    wire_ws_decoder_deinit(&zeroed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_decoder_random_conversations),
        cmocka_unit_test(test_ws_decoder_whole_message_is_not_copied),
        cmocka_unit_test(test_ws_decoder_memory),
        cmocka_unit_test(test_ws_decoder_limit_changes),
        cmocka_unit_test(test_ws_decoder_default_limit),
        cmocka_unit_test(test_ws_decoder_each_allocation_fails),
        cmocka_unit_test(test_ws_decoder_ends_are_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
