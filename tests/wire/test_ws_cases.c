/*
 * The case folder of the WebSocket decoder, in the categories of the known conformance suites: each
 * ws/NAME.case gives exactly its dump, whole, byte by byte, at every split in two and at random
 * splits in many. The input's language:
 *
 *     frame FIRST_BYTE MASK [PAYLOAD]   a frame; MASK is 8 hex digits, or - for none
 *     fill FIRST_BYTE MASK COUNT C      the same with COUNT times the character C
 *     hex BYTES                         bytes as they stand
 *     limit COUNT                       the limit of a message
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_file.h"
#include "tests/wire/support_random.h"
#include "tests/wire/support_ws.h"

#define FOLDER SOURCE_DIR "/tests/wire/ws"
/* Up to here an input is split everywhere; beyond, near its ends and where its frames begin. */
#define SPLIT_EVERYWHERE ((size_t)2000)
#define SPLIT_NEAR       ((size_t)40)

static struct support_random seeds;

struct script {
    struct support_bytes input;
    size_t limit;
};

/* One word of a line; returns what stands behind it. */
static const char *take_word(const char *line, char word[64])
{
    size_t size = strcspn(line, " ");
    assert_true(size > 0 && size < 64);
    memcpy(word, line, size);
    word[size] = 0;
    return line + size + (line[size] == ' ');
}

static void add_hex(struct support_bytes *out, const char *text)
{
    while (*text) {
        char *end;
        uint8_t byte = (uint8_t)strtoul(text, &end, 16);
        assert_ptr_equal(end, text + 2);
        support_bytes_add(out, &byte, 1);
        text = *end == ' ' ? end + 1 : end;
    }
}

static void add_frame(struct script *script, const char *line, bool is_fill)
{
    char word[64];
    struct support_bytes mask = {0};
    struct support_bytes payload = {0};
    line = take_word(line, word);
    uint8_t first_byte = (uint8_t)strtoul(word, NULL, 16);
    line = take_word(line, word);
    for (size_t i = 0; word[0] != '-' && word[i]; i += 2) {
        char pair[3] = {word[i], word[i + 1], 0};
        add_hex(&mask, pair);
    }
    if (is_fill) {
        line = take_word(line, word);
        for (size_t i = strtoul(word, NULL, 10); i > 0; i--) {
            support_bytes_add(&payload, line, 1);
        }
    } else {
        support_bytes_unescape(&payload, line, strlen(line));
    }
    assert_true(mask.size == 0 || mask.size == 4);
    support_ws_frame(&script->input, first_byte, mask.data, payload.data, payload.size);
    support_bytes_free(&mask);
    support_bytes_free(&payload);
}

static void add_line(struct script *script, const char *line)
{
    char word[64];
    line = take_word(line, word);
    if (strcmp(word, "hex") == 0) {
        add_hex(&script->input, line);
    } else if (strcmp(word, "limit") == 0) {
        script->limit = strtoul(line, NULL, 10);
    } else {
        assert_true(strcmp(word, "frame") == 0 || strcmp(word, "fill") == 0);
        add_frame(script, line, word[1] == 'i');
    }
}

static struct script read_script(char *text)
{
    struct script script = {0};
    while (*text) {
        char *end = strchr(text, '\n');
        assert_non_null(end);
        *end = 0;
        add_line(&script, text);
        text = end + 1;
    }
    return script;
}

static void check(const char *path, const char *how, size_t cut, char *dump, const char *expected)
{
    if (strcmp(dump, expected) != 0) {
        fail_msg("%s (%s %lu) gives\n%snot\n%s", path, how, (unsigned long)cut, dump, expected);
    }
    free(dump);
}

static void check_split(const char *path, const struct script *script, size_t cut,
                        const char *expected)
{
    struct support_ws ws;
    support_ws_start(&ws, script->limit);
    support_ws_push(&ws, script->input.data, cut);
    support_ws_push(&ws, script->input.data + cut, script->input.size - cut);
    check(path, "split at", cut, support_ws_finish(&ws), expected);
}

static void check_steps(const char *path, const struct script *script, size_t most,
                        const char *expected)
{
    struct support_ws ws;
    support_ws_start(&ws, script->limit);
    for (size_t at = 0; at < script->input.size;) {
        size_t size = most == 1 ? 1 : support_random_below(&seeds, most);
        size = size < script->input.size - at ? size : script->input.size - at;
        support_ws_push(&ws, script->input.data + at, size);
        at += size;
    }
    check(path, "steps up to", most, support_ws_finish(&ws), expected);
}

static void run_case(const char *stem)
{
    char path[600];
    snprintf(path, sizeof path, "%s.case", stem);
    struct support_case one = support_case_read(path);
    struct script script = read_script(one.input);
    size_t size = script.input.size;
    for (size_t cut = 0; cut <= size; cut++) {
        if (size <= SPLIT_EVERYWHERE || cut < SPLIT_NEAR || size - cut < SPLIT_NEAR) {
            check_split(path, &script, cut, one.expected);
        }
    }
    check_steps(path, &script, 1, one.expected);
    for (size_t most = 2; most < 4 * size && most < 1000000; most *= 3) {
        check_steps(path, &script, most, one.expected);
    }
    support_bytes_free(&script.input);
    support_case_free(&one);
}

static void test_ws_cases_at_every_split(void **state)
{
    (void)state;
    seeds = support_random_start();
    assert_true(support_file_cases(FOLDER, ".case", run_case) >= 140);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_cases_at_every_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
