/*
 * Labels, and what a look at a session tells of its activity, its output and whom it waits for.
 */
#include "support.h"

static struct sup_world world;

static int open_world(void **state)
{
    (void)state;
    sup_open(&world, NULL);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    sup_close(&world);
    return 0;
}

static const char *const wait_argv[] = {CHILD("wait"), NULL};

static struct sup_tap *start_labelled(const struct sess_label *labels, size_t count)
{
    struct sess_spec spec = sup_spec(wait_argv, SESS_STDIO_PIPES);
    spec.id = "id";
    spec.id_size_bytes = 2;
    spec.labels = labels;
    spec.label_count = count;
    return sup_try_start(&world, &spec);
}

static void stop_and_free(struct sup_tap *tap)
{
    sup_wait_started(tap);
    (void)sup_stop(tap, SESS_STOP_FORCE, 0);
    sup_free(tap);
}

static void test_labels_are_kept(void **state)
{
    (void)state;
    char value[] = "build";
    const struct sess_label labels[] = {{"kind", value}, {"", ""}, {"empty", ""}, {"", "x"}};
    struct sup_tap *tap = start_labelled(labels, 4);
    assert_non_null(tap);
    struct sess_label label;
    size_t cursor = 0, id_size;
    memset(value, '!', 5); /* the spec was borrowed */
    assert_memory_equal(sess_session_id(tap->session, &id_size), "id", 2);
    assert_int_equal(id_size, 2);
    static const struct sess_label kept[] = {{"kind", "build"}, {"", ""}, {"empty", ""}, {"", "x"}};
    for (int i = 0; i < 4; i++) {
        assert_true(sess_session_label(tap->session, &cursor, &label));
        assert_string_equal(label.name, kept[i].name);
        assert_string_equal(label.value, kept[i].value);
    }
    assert_false(sess_session_label(tap->session, &cursor, &label));
    stop_and_free(tap);
}

static void test_labels_select_sessions(void **state)
{
    (void)state;
    const struct sess_label labels[] = {{"kind", "build"}, {"user", "7"}};
    const struct sess_label wrong[] = {{"kind", "build"}, {"user", "77"}},
                            swapped[] = {{"7", "user"}};
    struct sup_tap *tap = start_labelled(labels, 2), *bare = start_labelled(NULL, 0);
    assert_true(tap != NULL && bare != NULL);
    assert_true(sess_session_has_labels(tap->session, labels, 2));
    assert_true(sess_session_has_labels(tap->session, labels + 1, 1));
    assert_true(sess_session_has_labels(tap->session, NULL, 0));
    assert_false(sess_session_has_labels(tap->session, wrong, 2));
    assert_true(sess_session_has_labels(tap->session, wrong, 1));
    assert_false(sess_session_has_labels(tap->session, swapped, 1));
    assert_true(sess_session_has_labels(bare->session, NULL, 0));
    assert_false(sess_session_has_labels(bare->session, labels, 1));
    stop_and_free(bare);
    stop_and_free(tap);
}

static int refusal(const struct sess_spec *spec)
{
    static const struct sess_events none = {0};
    struct sess_session *session;
    struct sess_shortage shortage;
    return sess_session_start(world.host, spec, &none, NULL, &session, &shortage);
}

static void test_labels_have_limits(void **state)
{
    (void)state;
    static char value[SESS_LABELS_MAX_BYTES];
    struct sess_label label = {"n", value};
    struct sess_spec spec = sup_spec(wait_argv, SESS_STDIO_PIPES);
    spec.labels = &label;
    spec.label_count = 1;
    memset(value, 'v', sizeof(value) - 1);
    assert_int_equal(refusal(&spec), SESS_E_TOO_LARGE);
    value[sizeof(value) - 3] = '\0'; /* with name and ends exactly the limit */
    stop_and_free(start_labelled(&label, 1));
    label.value = NULL;
    assert_int_equal(refusal(&spec), SESS_E_INVALID);
    label = (struct sess_label){NULL, "v"};
    assert_int_equal(refusal(&spec), SESS_E_INVALID);
    spec.labels = NULL;
    assert_int_equal(refusal(&spec), SESS_E_INVALID);
}

/* They are part of what a spec may be large. */
static void test_labels_count_as_spec(void **state)
{
    (void)state;
    const struct sess_host_options options = {.spec_max_bytes = 100};
    const char *argv[] = {"/bin/true", NULL}; /* 10 + 8: a string with its end and its pointer */
    char value[100];
    struct sess_label label = {"name", value}; /* 5 */
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    sup_open(&world, &options);
    spec.labels = &label;
    spec.label_count = 1;
    memset(value, 'v', sizeof(value));
    value[77] = '\0'; /* 78 bytes: one too many */
    assert_int_equal(refusal(&spec), SESS_E_TOO_LARGE);
    value[76] = '\0';
    sup_free(sup_run(&world, &spec));
    sup_close(&world);
}

static void test_view_tells_activity(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("echo"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    struct sup_jam jam;
    sup_jam(&jam, &world);
    struct sup_tap *tap = sup_start(&world, &spec);
    struct sess_view starting = sup_view(tap);
    assert_int_equal(starting.last_activity_ns, 0);
    assert_int_equal(starting.last_activity_wall_ms, 0);
    sup_jam_release(&jam);
    sup_wait_started(tap);
    struct sess_view started = sup_view(tap);
    assert_true(started.last_activity_ns > 0);
    assert_int_equal(started.last_activity_wall_ms, started.record.started_wall_ms);
    assert_int_equal(sup_write(&world, tap, "hello", 5), 0);
    sup_wait_text(tap, SESS_STDOUT, "hello");
    struct sess_view active = sup_view(tap), again = sup_view(tap);
    assert_true(active.last_activity_ns > started.last_activity_ns);
    assert_true(active.last_activity_ns <= iocp_now_ns(world.port));
    assert_true(active.last_activity_wall_ms >= started.last_activity_wall_ms);
    assert_true(active.last_activity_wall_ms <= iocp_wall_ms(world.port) + 1);
    assert_int_equal(again.last_activity_ns, active.last_activity_ns);
    assert_int_equal(again.last_activity_wall_ms, active.last_activity_wall_ms);
    stop_and_free(tap);
}

/* Input alone is activity too. */
static void test_view_tells_input(void **state)
{
    (void)state;
    struct sup_tap *tap = start_labelled(NULL, 0);
    sup_wait_text(tap, SESS_STDOUT, "ready");
    struct sess_view before = sup_view(tap);
    assert_int_equal(sup_write(&world, tap, "x", 1), 0);
    struct sess_view after = sup_view(tap);
    while (after.stdin_queued_bytes > 0)
        after = sup_view(tap);
    assert_true(after.last_activity_ns > before.last_activity_ns);
    stop_and_free(tap);
}

static void test_view_tells_bytes_by_stream(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/sh", "-c",
                          CHILD("flood") " 30000 7000 1; " CHILD("flood") " 20000 3000 2", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.retain_bytes = 10000;
    struct sup_tap *tap = sup_run(&world, &spec);
    struct sess_view view = sup_view(tap);
    assert_int_equal(view.retained_bytes[SESS_STDOUT] + view.omitted_bytes[SESS_STDOUT], 30000);
    assert_int_equal(view.retained_bytes[SESS_STDERR] + view.omitted_bytes[SESS_STDERR], 20000);
    assert_int_equal(view.retained_bytes[SESS_STDOUT] + view.retained_bytes[SESS_STDERR], 10000);
    assert_int_equal(view.retained_bytes[SESS_PTY] + view.omitted_bytes[SESS_PTY], 0);
    sup_free(tap);
}

static void test_view_tells_waiting(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("flood"), "300000", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.window_bytes = 100000;
    uint64_t before_ms = iocp_wall_ms(world.port);
    struct sup_tap *tap = sup_start_held(&world, &spec);
    sup_wait_bytes(tap, SESS_STDOUT, 100000);
    struct sess_view view = sup_view(tap);
    assert_true(view.waiting_since_ns > 0 && view.waiting_since_ns <= iocp_now_ns(world.port));
    assert_true(view.waiting_since_wall_ms >= before_ms);
    assert_true(view.waiting_since_wall_ms <= iocp_wall_ms(world.port) + 1);
    sup_detach(tap, SESS_STOP_NONE);
    view = sup_view(tap);
    assert_int_equal(view.waiting_since_ns, 0);
    assert_int_equal(view.waiting_since_wall_ms, 0);
    (void)sup_stop(tap, SESS_STOP_FORCE, 0);
    tap->gone = true; /* what sup_free waits for will never be heard */
    sup_free(tap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_labels_are_kept, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_labels_select_sessions, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_labels_have_limits, open_world, close_world),
        cmocka_unit_test(test_labels_count_as_spec),
        cmocka_unit_test_setup_teardown(test_view_tells_activity, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_view_tells_input, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_view_tells_bytes_by_stream, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_view_tells_waiting, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
