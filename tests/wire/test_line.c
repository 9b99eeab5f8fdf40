/*
 * The line framer: the same lines at every split, what is copied and what is not, the limit, memory
 * that comes and goes, and the n-th allocation failing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_random.h"
#include "wire/line.h"

/* A heap that counts, and fails at the fail_at-th allocation (0: never). */
struct heap {
    struct wire_alloc alloc;
    size_t allocations;
    size_t fail_at;
    size_t held_bytes;
    size_t most_bytes;
};

static void *resize(void *context, void *memory, size_t size_bytes)
{
    struct heap *heap = context;
    /* The size stands before the block. */
    size_t *block = memory ? (size_t *)memory - 2 : NULL;
    size_t old_bytes = block ? block[0] : 0;
    if (size_bytes == 0) {
        heap->held_bytes -= old_bytes;
        free(block);
        return NULL;
    }
    if (++heap->allocations == heap->fail_at) {
        return NULL;
    }
    block = realloc(block, size_bytes + 2 * sizeof *block);
    assert_non_null(block);
    block[0] = size_bytes;
    heap->held_bytes += size_bytes - old_bytes;
    heap->most_bytes = heap->held_bytes > heap->most_bytes ? heap->held_bytes : heap->most_bytes;
    return block + 2;
}

static void heap_init(struct heap *heap, size_t fail_at)
{
    *heap = (struct heap){.fail_at = fail_at};
    heap->alloc = (struct wire_alloc){.resize = resize, .context = heap};
}

/* What a framer gave: the lines joined by "|", and the last result. */
struct transcript {
    char text[1024];
    size_t size;
    int result;
};

static void note_line(struct transcript *transcript, struct wire_span line)
{
    assert_true(line.size > 0 && transcript->size + line.size + 1 < sizeof transcript->text);
    memcpy(transcript->text + transcript->size, line.data, line.size);
    transcript->size += line.size;
    transcript->text[transcript->size++] = '|';
}

/* Pushes a piece, from memory of its own that is spoiled afterwards, and takes its lines. */
static void push(struct wire_line *framer, struct wire_span piece, struct transcript *transcript)
{
    struct wire_span line;
    uint8_t *copy = malloc(piece.size > 0 ? piece.size : 1);
    assert_non_null(copy);
    if (piece.size > 0) {
        memcpy(copy, piece.data, piece.size);
    }
    wire_line_push(framer, wire_span_of(copy, piece.size));
    while ((transcript->result = wire_line_next(framer, &line)) == WIRE_LINE_READY) {
        note_line(transcript, line);
    }
    memset(copy, 'X', piece.size);
    free(copy);
}

static void finish(struct wire_line *framer, struct transcript *transcript)
{
    struct wire_span line;
    transcript->result = wire_line_finish(framer, &line);
    if (transcript->result == WIRE_LINE_READY) {
        note_line(transcript, line);
        transcript->result = wire_line_finish(framer, &line);
    }
}

/* Frames input cut at two places. */
static void frame(struct wire_span input, size_t cut, size_t second_cut, size_t limit,
                  struct transcript *out)
{
    struct heap heap;
    heap_init(&heap, 0);
    struct wire_line framer;
    wire_line_init(&framer,
                   &(struct wire_line_options){.limit_bytes = limit, .alloc = &heap.alloc});
    *out = (struct transcript){.size = 0};
    push(&framer, wire_span_of(input.data, cut), out);
    push(&framer, wire_span_of(input.data + cut, second_cut - cut), out);
    push(&framer, wire_span_of(input.data + second_cut, input.size - second_cut), out);
    finish(&framer, out);
    wire_line_deinit(&framer);
    assert_int_equal(heap.held_bytes, 0);
}

/* The lines of input and the last result, at every pair of cuts. */
static void expect_lines(const char *input, const char *lines, int result, size_t limit)
{
    struct wire_span span = wire_span_text(input);
    for (size_t cut = 0; cut <= span.size; cut++) {
        for (size_t second = cut; second <= span.size; second++) {
            struct transcript transcript;
            frame(span, cut, second, limit, &transcript);
            assert_int_equal(transcript.size, strlen(lines));
            assert_memory_equal(transcript.text, lines, transcript.size);
            assert_int_equal(transcript.result, result);
        }
    }
}

static void test_line_every_split(void **state)
{
    (void)state;
    expect_lines("", "", 0, 0);
    expect_lines("\n", "", 0, 0);
    expect_lines("\n\r\n \n\t\r\n\r\r\n", "", 0, 0);
    expect_lines("one\n", "one|", 0, 0);
    expect_lines("one", "one|", 0, 0);
    expect_lines("one\r", "one|", 0, 0);
    expect_lines("  \t", "", 0, 0);
    expect_lines("one\ntwo\n", "one|two|", 0, 0);
    expect_lines("one\r\ntwo\r\n", "one|two|", 0, 0);
    expect_lines("one\n\n\r\n  \ntwo\r\nthree", "one|two|three|", 0, 0);
    expect_lines("a\rb\r\r\nc\r\n", "a\rb\r|c|", 0, 0);
    expect_lines(" {\"a\": 1} \n[]\n", " {\"a\": 1} |[]|", 0, 0);
}

/* The limit counts all before the "\n", blank lines and "\r" included. */
static void test_line_limit_at_every_split(void **state)
{
    (void)state;
    expect_lines("abcd\nabcd\n", "abcd|abcd|", 0, 4);
    expect_lines("abcd\nabcde\n", "abcd|", WIRE_LINE_ERR_TOO_LONG, 4);
    expect_lines("abcd\nabcde", "abcd|", WIRE_LINE_ERR_TOO_LONG, 4);
    expect_lines("abc\r\nabcd\r\n", "abc|", WIRE_LINE_ERR_TOO_LONG, 4);
    expect_lines("     \nabcd\n", "", WIRE_LINE_ERR_TOO_LONG, 4);
    expect_lines("abcdefghijkl\na\n", "", WIRE_LINE_ERR_TOO_LONG, 4);
}

static void test_line_bytes_one_at_a_time(void **state)
{
    (void)state;
    const char *input = "one\r\n\r\n two \nthree\n\n";
    struct wire_line framer;
    struct transcript transcript = {.size = 0};
    wire_line_init(&framer, NULL);
    for (size_t i = 0; i < strlen(input); i++) {
        push(&framer, wire_span_of(input + i, 1), &transcript);
    }
    finish(&framer, &transcript);
    wire_line_deinit(&framer);
    assert_int_equal(transcript.size, strlen("one| two |three|"));
    assert_memory_equal(transcript.text, "one| two |three|", transcript.size);
}

/* Bytes may be anything but "\n": NUL and bytes beyond ASCII come through. */
static void test_line_binary_bytes(void **state)
{
    (void)state;
    struct wire_line framer;
    struct wire_span line;
    wire_line_init(&framer, NULL);
    wire_line_push(&framer, wire_span_of("a\0\xFF"
                                         "b\n",
                                         5));
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_READY);
    assert_int_equal(line.size, 4);
    assert_memory_equal(line.data,
                        "a\0\xFF"
                        "b",
                        4);
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_MORE);
    wire_line_deinit(&framer);
}

static void test_line_whole_lines_are_not_copied(void **state)
{
    (void)state;
    struct heap heap;
    struct wire_line framer;
    struct wire_span line;
    const char *input = "first\nsecond\r\nthird\n";
    heap_init(&heap, 0);
    wire_line_init(&framer, &(struct wire_line_options){.alloc = &heap.alloc});
    wire_line_push(&framer, wire_span_text(input));
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_READY);
    assert_ptr_equal(line.data, input);
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_READY);
    assert_ptr_equal(line.data, input + 6);
    assert_int_equal(line.size, 6);
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_READY);
    assert_ptr_equal(line.data, input + 14);
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_MORE);
    assert_int_equal(heap.allocations, 0);
    wire_line_deinit(&framer);
}

/* Pushes a line of size bytes in pieces of piece bytes, then its end. */
static void push_long_line(struct wire_line *framer, size_t size, size_t piece_size)
{
    struct wire_span line;
    uint8_t piece[4096];
    memset(piece, 'a', sizeof piece);
    for (size_t sent = 0; sent < size;) {
        size_t count = size - sent < piece_size ? size - sent : piece_size;
        wire_line_push(framer, wire_span_of(piece, count));
        assert_int_equal(wire_line_next(framer, &line), WIRE_LINE_MORE);
        sent += count;
    }
    wire_line_push(framer, wire_span_of("\n", 1));
    assert_int_equal(wire_line_next(framer, &line), WIRE_LINE_READY);
    assert_int_equal(line.size, size);
}

static void test_line_memory_shrinks_behind_a_big_line(void **state)
{
    (void)state;
    struct heap heap;
    struct wire_line framer;
    struct wire_span line;
    heap_init(&heap, 0);
    wire_line_init(&framer, &(struct wire_line_options){.alloc = &heap.alloc});
    push_long_line(&framer, (size_t)5 << 20, 4096);
    assert_true(heap.held_bytes >= (size_t)5 << 20);
    assert_true(heap.most_bytes <= (size_t)10 << 20);
    assert_true(heap.allocations <= 16);
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_MORE);
    assert_int_equal(heap.held_bytes, 0);
    push_long_line(&framer, 100, 10);
    assert_int_equal(heap.held_bytes, WIRE_LINE_KEEP_BYTES);
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_MORE);
    assert_int_equal(heap.held_bytes, WIRE_LINE_KEEP_BYTES);
    size_t allocations = heap.allocations;
    push_long_line(&framer, 100, 10);
    assert_int_equal(heap.allocations, allocations);
    wire_line_deinit(&framer);
    assert_int_equal(heap.held_bytes, 0);
}

/* The buffer never exceeds the limit, though it doubles. */
static void test_line_memory_stays_within_the_limit(void **state)
{
    (void)state;
    struct heap heap;
    struct wire_line framer;
    struct wire_span line;
    heap_init(&heap, 0);
    wire_line_init(&framer,
                   &(struct wire_line_options){.limit_bytes = 10000, .alloc = &heap.alloc});
    push_long_line(&framer, 10000, 100);
    assert_int_equal(heap.most_bytes, 10000);
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_MORE);
    uint8_t piece[101];
    memset(piece, 'b', sizeof piece);
    for (int i = 0; i < 99; i++) {
        wire_line_push(&framer, wire_span_of(piece, 101));
        assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_MORE);
    }
    wire_line_push(&framer, wire_span_of(piece, 101));
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_ERR_TOO_LONG);
    assert_int_equal(heap.held_bytes, 0);
    assert_int_equal(heap.most_bytes, 10000);
    wire_line_deinit(&framer);
}

static void test_line_errors_are_final(void **state)
{
    (void)state;
    struct wire_line framer;
    struct wire_span line = wire_span_text("untouched");
    wire_line_init(&framer, &(struct wire_line_options){.limit_bytes = 3});
    wire_line_push(&framer, wire_span_text("abcd\nx\n"));
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_ERR_TOO_LONG);
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_ERR_TOO_LONG);
    wire_line_push(&framer, wire_span_text("y\n"));
    wire_line_push(&framer, wire_span_text("z\n"));
    assert_int_equal(wire_line_next(&framer, &line), WIRE_LINE_ERR_TOO_LONG);
    assert_int_equal(wire_line_finish(&framer, &line), WIRE_LINE_ERR_TOO_LONG);
    assert_true(wire_span_equal(line, wire_span_text("untouched")));
    wire_line_deinit(&framer);
}

/* Runs a stream with big and small lines; returns the last result. */
static int run_stream(struct heap *heap)
{
    struct wire_line framer;
    struct wire_span line;
    int result = 0;
    uint8_t piece[3000];
    memset(piece, 'c', sizeof piece);
    wire_line_init(&framer, &(struct wire_line_options){.alloc = &heap->alloc});
    for (int i = 0; i < 40 && result >= 0; i++) {
        piece[2999] = i % 8 == 7 ? '\n' : 'c';
        wire_line_push(&framer, wire_span_of(piece, sizeof piece));
        while ((result = wire_line_next(&framer, &line)) == WIRE_LINE_READY) {
            assert_int_equal(line.size, 8 * 3000 - 1);
        }
    }
    wire_line_deinit(&framer);
    assert_int_equal(heap->held_bytes, 0);
    return result;
}

static void test_line_every_allocation_fails_once(void **state)
{
    (void)state;
    struct heap heap;
    heap_init(&heap, 0);
    assert_int_equal(run_stream(&heap), WIRE_LINE_MORE);
    size_t allocations = heap.allocations;
    assert_true(allocations > 5);
    for (size_t n = 1; n <= allocations; n++) {
        heap_init(&heap, n);
        assert_int_equal(run_stream(&heap), WIRE_LINE_ERR_NO_MEMORY);
    }
}

/* Random streams in random pieces give the lines of the whole stream. */
static void test_line_random_pieces(void **state)
{
    (void)state;
    struct support_random random = support_random_start();
    for (int round = 0; round < 20000; round++) {
        static const char bytes[] = "ab\n\n\r \t";
        char input[200];
        size_t size = support_random_below(&random, sizeof input);
        for (size_t i = 0; i < size; i++) {
            input[i] = bytes[support_random_below(&random, sizeof bytes - 1)];
        }
        struct transcript whole;
        struct transcript pieces = {.size = 0};
        struct wire_line framer;
        frame(wire_span_of(input, size), 0, 0, 0, &whole);
        wire_line_init(&framer, NULL);
        for (size_t at = 0; at < size;) {
            size_t count = 1 + support_random_below(&random, size - at);
            push(&framer, wire_span_of(input + at, count), &pieces);
            at += count;
        }
        finish(&framer, &pieces);
        wire_line_deinit(&framer);
        assert_int_equal(pieces.size, whole.size);
        assert_memory_equal(pieces.text, whole.text, whole.size);
    }
}

static void test_line_deinit_of_zeroed_memory(void **state)
{
    (void)state;
    struct wire_line framer;
    memset(&framer, 0, sizeof framer);
    wire_line_deinit(&framer);
    wire_line_init(&framer, NULL);
    wire_line_deinit(&framer);
    wire_line_deinit(&framer);
    assert_null(framer.buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_every_split),
        cmocka_unit_test(test_line_limit_at_every_split),
        cmocka_unit_test(test_line_bytes_one_at_a_time),
        cmocka_unit_test(test_line_binary_bytes),
        cmocka_unit_test(test_line_whole_lines_are_not_copied),
        cmocka_unit_test(test_line_memory_shrinks_behind_a_big_line),
        cmocka_unit_test(test_line_memory_stays_within_the_limit),
        cmocka_unit_test(test_line_errors_are_final),
        cmocka_unit_test(test_line_every_allocation_fails_once),
        cmocka_unit_test(test_line_random_pieces),
        cmocka_unit_test(test_line_deinit_of_zeroed_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
