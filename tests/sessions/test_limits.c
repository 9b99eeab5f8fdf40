/*
 * What lies beyond each limit: an answer that names the resource, and nothing taken.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static struct sup_world world;

static int try_start(const struct sess_spec *spec, struct sess_shortage *out_shortage,
                     struct sess_session **out_session)
{
    static const struct sess_events none = {0};
    return sess_session_start(world.host, spec, &none, NULL, out_session, out_shortage);
}

/* Starts what must be refused at once. */
static int refused(const struct sess_spec *spec)
{
    struct sess_shortage shortage;
    struct sess_session *session = NULL;
    int result = try_start(spec, &shortage, &session);
    assert_null(session);
    return result;
}

static void test_limits_specs_that_make_no_sense(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/true", NULL}, *none[] = {NULL};
    const char *no_name[] = {"=x", NULL}, *no_value[] = {"A=1", "B", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    sup_open(&world, NULL);
    spec.argv = NULL;
    assert_int_equal(refused(&spec), SESS_E_INVALID);
    spec.argv = none;
    assert_int_equal(refused(&spec), SESS_E_INVALID);
    spec.argv = argv;
    spec.env = no_name;
    assert_int_equal(refused(&spec), SESS_E_INVALID);
    spec.env = no_value;
    assert_int_equal(refused(&spec), SESS_E_INVALID);
    assert_int_equal(sup_stats(&world).objects, 0);
    sup_close(&world);
}

static void test_limits_size_of_spec(void **state)
{
    (void)state;
    const struct sess_host_options options = {.spec_max_bytes = 100};
    /* 10 + 8, 2 + 8; 4 + 8: a string with its end and its pointer. */
    const char *argv[] = {"/bin/true", "1", NULL}, *env[] = {"A=1", NULL};
    char long_id[SESS_ID_MAX_BYTES + 1], arg0[100];
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    sup_open(&world, &options);
    spec.env = env;
    memset(arg0, 'x', sizeof(arg0));
    arg0[60] = '\0'; /* 61 bytes: one too many */
    spec.arg0 = arg0;
    assert_int_equal(refused(&spec), SESS_E_TOO_LARGE);
    arg0[59] = '\0';
    sup_free(sup_run(&world, &spec));
    memset(long_id, 'i', sizeof(long_id));
    spec.id = long_id;
    spec.id_size_bytes = sizeof(long_id);
    assert_int_equal(refused(&spec), SESS_E_TOO_LARGE);
    spec.id_size_bytes--;
    sup_free(sup_run(&world, &spec));
    sup_close(&world);
}

static void test_limits_sessions(void **state)
{
    (void)state;
    const struct sess_host_options options = {.max_sessions = 2};
    const char *argv[] = {CHILD("wait"), NULL}, *resource = NULL;
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    struct sess_shortage shortage = {0};
    struct sess_session *session = NULL;
    sup_open(&world, &options);
    assert_int_equal(sess_host_room(world.host, false, &resource), 2);
    struct sup_tap *one = sup_start(&world, &spec), *two = sup_start(&world, &spec);
    assert_int_equal(try_start(&spec, &shortage, &session), SESS_E_NO_CAPACITY);
    assert_string_equal(shortage.resource, "sessions");
    assert_int_equal(shortage.have, 0);
    assert_int_equal(shortage.need, 1);
    assert_int_equal(sess_host_room(world.host, true, &resource), 0);
    assert_string_equal(resource, "sessions");
    sup_wait_started(one);
    (void)sup_stop(one, SESS_STOP_FORCE, 0);
    sup_wait_gone(one);
    /* A tombstone is no session any more. */
    assert_int_equal(sess_host_room(world.host, true, &resource), 1);
    struct sup_tap *three = sup_start(&world, &spec);
    sup_wait_started(two);
    sup_wait_started(three);
    (void)sup_stop(two, SESS_STOP_FORCE, 0);
    (void)sup_stop(three, SESS_STOP_FORCE, 0);
    sup_free(one);
    sup_free(two);
    sup_free(three);
    sup_close(&world);
}

/* Its own are counted before they are used, those of others by a note. */
static void test_limits_descriptors(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL}, *resource = NULL;
    struct sess_spec pipes = sup_spec(argv, SESS_STDIO_PIPES), tty = sup_spec(argv, SESS_STDIO_TTY);
    struct sess_shortage shortage = {0};
    struct sess_session *session = NULL;
    sup_open(&world, NULL);
    uint64_t limit = sup_stats(&world).descriptor_limit;
    struct rlimit system_limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &system_limit), 0);
    assert_true(limit > 100 && limit + SESS_CONTROL_DESCRIPTORS < system_limit.rlim_cur);
    sess_host_note_descriptors(world.host, (int)limit - 6);
    assert_int_equal(try_start(&pipes, &shortage, &session), SESS_E_NO_CAPACITY);
    assert_string_equal(shortage.resource, "descriptors");
    assert_int_equal(shortage.have, 6);
    assert_int_equal(shortage.need, 7); /* three pipes at both ends, a pidfd */
    assert_int_equal(sess_host_room(world.host, false, &resource), 1);
    assert_string_equal(resource, "descriptors");
    struct sup_tap *tap = sup_start(&world, &tty);
    sup_wait_started(tap);
    assert_int_equal(sup_stats(&world).descriptors, limit - 6 + 2); /* a terminal, a pidfd */
    (void)sup_stop(tap, SESS_STOP_FORCE, 0);
    sup_free(tap);
    sess_host_note_descriptors(world.host, 6 - (int)limit);
    assert_int_equal(sup_stats(&world).descriptors, 0);
    sup_close(&world);
}

/* Takes descriptors until none is left below the limit, and gives the last ones back. */
static int take_all_but(int *fds, int most, int left)
{
    int taken = 0;
    while (taken < most && (fds[taken] = dup(0)) >= 0)
        taken++;
    assert_int_equal(errno, EMFILE);
    for (; left > 0; left--)
        assert_int_equal(close(fds[--taken]), 0);
    return taken;
}

/* Others use up what there is behind the host's back: the system's refusal is told as such. */
static void test_limits_descriptors_of_the_system(void **state)
{
    (void)state;
    enum { MOST = 300 };
    struct rlimit limit, low;
    int fds[MOST];
    const char *argv[] = {CHILD("wait"), NULL};
    sup_open(&world, NULL);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = 200;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    for (int left = 0; left < 3; left++) {
        int taken = take_all_but(fds, MOST, left);
        for (int stdio = SESS_STDIO_OUTPUT; stdio <= SESS_STDIO_TTY; stdio++) {
            struct sess_spec spec = sup_spec(argv, (enum sess_stdio)stdio);
            struct sup_tap *tap = sup_run(&world, &spec);
            assert_int_equal(tap->result, SESS_E_NO_CAPACITY);
            assert_string_equal(tap->shortage.resource, "descriptors");
            assert_int_equal(tap->os_error, EMFILE);
            sup_free(tap);
        }
        while (taken > 0)
            assert_int_equal(close(fds[--taken]), 0);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    sup_close(&world);
}

/* Opens terminals until the system has no more, or count. */
static int take_ttys(int *fds, int count)
{
    int taken = 0;
    while (taken < count && (fds[taken] = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0)
        taken++;
    return taken;
}

static void test_limits_ttys_of_the_system(void **state)
{
    (void)state;
    enum { MOST = 5000 };
    static int fds[MOST];
    const char *argv[] = {CHILD("wait"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    struct rlimit limit, high;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    high = limit;
    high.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &high), 0);
    sup_open(&world, NULL);
    int taken = take_ttys(fds, MOST);
    if (taken < MOST && errno == ENOSPC) {
        struct sup_tap *tap = sup_run(&world, &spec);
        assert_int_equal(tap->result, SESS_E_NO_CAPACITY);
        assert_string_equal(tap->shortage.resource, "pseudoterminals");
        sup_free(tap);
    }
    int last_error = errno;
    while (taken > 0)
        (void)close(fds[--taken]);
    sup_close(&world);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (last_error != ENOSPC)
        skip(); /* more terminals than descriptors */
}

static void on_closed(void *context)
{
    atomic_store((_Atomic bool *)context, true);
}

static void test_limits_closing_host_starts_nothing(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    _Atomic bool closed = false;
    sup_open(&world, NULL);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_started(tap);
    sess_host_close_start(world.host, on_closed, &closed);
    assert_int_equal(refused(&spec), SESS_E_CLOSING);
    assert_false(atomic_load(&closed)); /* it has a session, and stops none by itself */
    (void)sup_stop(tap, SESS_STOP_FORCE, 0);
    sup_free(tap);
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    while (!atomic_load(&closed))
        assert_true(sup_now_ms() < deadline_ms);
    iocp_port_close(world.port);
    assert_int_equal(sup_open_descriptors(), world.descriptors_before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_specs_that_make_no_sense),
        cmocka_unit_test(test_limits_size_of_spec),
        cmocka_unit_test(test_limits_sessions),
        cmocka_unit_test(test_limits_descriptors),
        cmocka_unit_test(test_limits_descriptors_of_the_system),
        cmocka_unit_test(test_limits_ttys_of_the_system),
        cmocka_unit_test(test_limits_closing_host_starts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
