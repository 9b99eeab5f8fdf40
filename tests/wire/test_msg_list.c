/*
 * process/list: an entry with all and with nothing, and a reply that joins thousands. Its params
 * are labels alone, which test_msg_labels.c tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/wire/support_msg.h"
#include "wire/msg_list.h"
#include "wire/msg_output.h"

/* An entry in memory of exactly the size that was counted. The caller frees it. */
static struct wire_span make_entry(const struct wire_msg_list_entry *entry)
{
    size_t size = wire_msg_list_entry_json(entry, NULL, 0);
    uint8_t *json = malloc(size);
    uint8_t *small = malloc(size - 1);
    assert_true(json && small);
    assert_int_equal(wire_msg_list_entry_json(entry, json, size), size);
    assert_int_equal(wire_msg_list_entry_json(entry, small, size - 1), size);
    free(small);
    return wire_span_of(json, size);
}

static void check_entry(const struct wire_msg_list_entry *entry, const char *expected)
{
    struct wire_span json = make_entry(entry);
    json_t *root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_int_equal(json.size, strlen(expected));
    assert_memory_equal(json.data, expected, json.size);
    json_decref(root);
    free((void *)(uintptr_t)json.data);
}

static void test_msg_list_entry(void **state)
{
    static const struct wire_msg_pair labels[] = {{"job", "7"}, {"\"", "\n"}};
    const struct wire_msg_record record = {.ended_by = "itself", .close_reason = "eof"};
    struct wire_msg_list_entry entry = {.process_id_json = wire_span_text("\"p\""),
                                        .state = "starting"};
    (void)state;
    check_entry(&entry, "{\"processId\":\"p\",\"state\":\"starting\",\"labels\":{},\"tty\":false,"
                        "\"pid\":null,\"startedAtMs\":0,\"lastActivityAtMs\":0,\"nextSeq\":0,"
                        "\"bytesIn\":0,\"bytesOut\":{\"stdout\":0,\"stderr\":0,\"pty\":0},"
                        "\"retainedBytes\":0,\"omittedBytes\":0,\"stdinQueuedBytes\":0,"
                        "\"stdinWaits\":null,\"windowBytes\":0,\"unreadBytes\":0,\"waits\":null,"
                        "\"observers\":{\"count\":0,\"behind\":0},\"exit\":null}");
    entry = (struct wire_msg_list_entry){.process_id_json = wire_span_text("\"p\""),
                                         .state = "closed",
                                         .labels = {labels, 2},
                                         .tty = true,
                                         .pid = 123,
                                         .started_at_ms = 1,
                                         .last_activity_at_ms = 2,
                                         .next_seq = 3,
                                         .bytes_in = 4,
                                         .bytes_out = {5, 6, 7},
                                         .retained_bytes = 8,
                                         .omitted_bytes = 9,
                                         .stdin_queued_bytes = 10,
                                         .stdin_waits = true,
                                         .stdin_waits_since_ms = 12,
                                         .window_bytes = 13,
                                         .unread_bytes = INT64_MAX,
                                         .waits_for_client = true,
                                         .waits_since_ms = 11,
                                         .observers = 2,
                                         .observers_behind = 17,
                                         .exit = &record};
    check_entry(&entry,
                "{\"processId\":\"p\",\"state\":\"closed\",\"labels\":{\"job\":\"7\",\"\\\"\":"
                "\"\\n\"},\"tty\":true,\"pid\":123,\"startedAtMs\":1,\"lastActivityAtMs\":2,"
                "\"nextSeq\":3,\"bytesIn\":4,\"bytesOut\":{\"stdout\":5,\"stderr\":6,\"pty\":7},"
                "\"retainedBytes\":8,\"omittedBytes\":9,\"stdinQueuedBytes\":10,\"stdinWaits\":"
                "{\"for\":\"program\",\"sinceMs\":12},\"windowBytes\":13,\"unreadBytes\":"
                "9223372036854775807,\"waits\":{\"for\":\"client\",\"sinceMs\":11},\"observers\":{"
                "\"count\":2,\"behind\":17},\"exit\":"
                "{\"exitCode\":0,\"code\":0,\"signal\":0,\"endedBy\":\"itself\",\"startedAtMs\":0,"
                "\"exitedAtMs\":0,\"durationMs\":0,\"cpuUserUs\":null,\"cpuSystemUs\":null,"
                "\"peakRssBytes\":null,\"bytesIn\":0,\"bytesOut\":{\"stdout\":0,\"stderr\":0,"
                "\"pty\":0},\"closeReason\":\"eof\"}}");
}

struct reply {
    struct wire_span *entries;
    size_t count;
};

static void write_reply(struct wire_json_writer *writer, void *context)
{
    const struct reply *reply = context;
    wire_msg_list_begin(writer, wire_span_text("\"l\""));
    for (size_t i = 0; i < reply->count; i++) {
        wire_msg_list_add(writer, reply->entries[i]);
    }
    wire_msg_list_end(writer);
}

static void check_list(size_t count)
{
    struct wire_span *entries = malloc((count + 1) * sizeof *entries);
    struct reply reply = {entries, count};
    char id[32];
    assert_non_null(entries);
    for (size_t i = 0; i < count; i++) {
        struct wire_msg_list_entry entry = {
            .process_id_json = wire_span_of(id, (size_t)sprintf(id, "\"p-%u\"", (unsigned)i)),
            .state = "running",
            .pid = (int64_t)i + 1};
        entries[i] = make_entry(&entry);
    }
    char *text = support_framed_text(write_reply, &reply);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *processes = json_object_get(json_object_get(root, "result"), "processes");
    assert_int_equal(json_array_size(processes), count);
    for (size_t i = 0; i < count; i++) {
        const json_t *pid = json_object_get(json_array_get(processes, i), "pid");
        assert_int_equal(json_integer_value(pid), i + 1);
        free((void *)(uintptr_t)entries[i].data);
    }
    json_decref(root);
    free(text);
    free(entries);
}

static void test_msg_list_reply(void **state)
{
    (void)state;
    check_list(0);
    check_list(1);
    check_list(2);
    check_list(5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_list_entry),
        cmocka_unit_test(test_msg_list_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
