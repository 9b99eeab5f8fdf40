/*
 * Listening on a named pipe: clients that come, leave, write and leave, and what happens when the
 * system has no next instance or no wait. Windows only.
 *
 * The calls that fail have no room for a context, so their countdowns are state at file scope.
 */
#include "support_win.h"

#include "iocp/listener_pipe_win.h"
#include "iocp/sys_win.h"

/* ---- Calls that fail ---- */

/* The call that fails when its countdown comes to 0; below 0: never. */
static _Atomic int pipe_fails_in, wait_fails_in;

static bool is_due(_Atomic int *countdown)
{
    if (atomic_load(countdown) < 0 || atomic_fetch_sub(countdown, 1) != 0)
        return false;
    SetLastError(ERROR_NO_SYSTEM_RESOURCES);
    return true;
}

static HANDLE failing_pipe(const wchar_t *path, bool first, DWORD instances,
                           SECURITY_ATTRIBUTES *security)
{
    return is_due(&pipe_fails_in) ? INVALID_HANDLE_VALUE
                                  : iocp_sys_default.create_pipe(path, first, instances, security);
}

static BOOL failing_wait(HANDLE *out_wait, HANDLE handle, WAITORTIMERCALLBACK call, void *context)
{
    return is_due(&wait_fails_in) ? FALSE
                                  : iocp_sys_default.register_wait(out_wait, handle, call, context);
}

static const struct iocp_sys *failing_sys(void)
{
    static struct iocp_sys sys;
    pipe_fails_in = wait_fails_in = -1;
    sys = iocp_sys_default;
    sys.create_pipe = failing_pipe;
    sys.register_wait = failing_wait;
    return &sys;
}

/* ---- A listener ---- */

struct door {
    struct sup_world *world;
    struct sup_box *box;
    struct iocp_listener listener;
    char name[64];
    int result; /* of opening, then of the last accept */
    iocp_handle accepted;
    struct sup_tally accepts, closes;
};

static void on_accept(struct iocp_op *op)
{
    struct iocp_listener *listener = IOCP_OWNER(op, struct iocp_listener, accept);
    struct door *door = IOCP_OWNER(listener, struct door, listener);
    door->result = op->result;
    door->accepted = op->result == 0 ? listener->accepted : IOCP_NO_HANDLE;
    sup_tally_add(&door->accepts, 1);
}

static void on_unlisten(struct iocp_op *op)
{
    struct iocp_listener *listener = IOCP_OWNER(op, struct iocp_listener, close);
    sup_tally_add(&IOCP_OWNER(listener, struct door, listener)->closes, 1);
}

static void open_listener(void *argument)
{
    struct door *door = argument;
    int os_error = 0;
    door->result = iocp_listener_open_pipe(&door->listener, &door->box->strand, door->name,
                                           on_accept, on_unlisten, &os_error);
}

static void start_accept(void *argument)
{
    iocp_accept_start(&((struct door *)argument)->listener);
}

static void close_listener(void *argument)
{
    iocp_listener_close_start(&((struct door *)argument)->listener);
}

static void door_open(struct door *door)
{
    static unsigned doors;
    const struct iocp_port_options options = {.sys = failing_sys()};
    memset(door, 0, sizeof *door);
    door->world = sup_world_open(&options);
    door->box = sup_box_new(door->world);
    snprintf(door->name, sizeof door->name, "execport-door-%lu-%u", GetCurrentProcessId(), doors++);
    sup_box_call(door->box, open_listener, door);
    assert_int_equal(door->result, IOCP_OK);
}

static void door_close(struct door *door)
{
    sup_box_call(door->box, close_listener, door);
    sup_tally_await(&door->closes, 1);
    sup_box_end(door->box);
    sup_world_close(door->world);
}

static iocp_handle knock(const struct door *door)
{
    iocp_handle client = IOCP_NO_HANDLE;
    int os_error = 0;
    assert_int_equal(iocp_pipe_connect(door->name, &client, &os_error), IOCP_OK);
    return client;
}

static void talk(struct sup_tap *from, struct sup_tap *to, const char *text)
{
    const struct iocp_vec vec = {text, strlen(text)};
    sup_tap_write(from, &vec, 1);
    assert_int_equal(sup_tap_write_result(from), IOCP_OK);
    assert_int_equal(sup_tap_get(to, 100), IOCP_OK);
    assert_int_equal(to->size, strlen(text));
    assert_memory_equal(to->data, text, strlen(text));
}

/* ---- Clients ---- */

/* One client after another; before and after the accept was started. */
static void test_clients_come_by_name(void **state)
{
    (void)state;
    enum { CLIENTS = 20 };
    struct door door;
    door_open(&door);
    for (unsigned i = 0; i < CLIENTS; i++) {
        iocp_handle client = IOCP_NO_HANDLE;
        if (i % 2 == 0)
            client = knock(&door);
        sup_box_call(door.box, start_accept, &door);
        if (i % 2 != 0)
            client = knock(&door);
        sup_tally_await(&door.accepts, i + 1);
        assert_int_equal(door.result, IOCP_OK);
        assert_int_equal(iocp_pipe_client_pid(door.accepted), GetCurrentProcessId());
        struct sup_tap *server = sup_tap_open(door.box, door.accepted, IOCP_STREAM_PIPE);
        struct sup_tap *there = sup_tap_open(door.box, client, IOCP_STREAM_PIPE);
        talk(there, server, "who is there");
        talk(server, there, "it is me");
        sup_tap_close(there);
        assert_int_equal(sup_tap_get(server, 100), IOCP_E_END);
        sup_tap_close(server);
    }
    door_close(&door);
}

/* An instance waits even while nobody accepts, and one more as soon as a client was taken. */
static void test_one_instance_always_waits(void **state)
{
    (void)state;
    struct door door;
    iocp_handle first, second;
    int os_error = 0;
    door_open(&door);
    first = knock(&door);
    assert_int_equal(iocp_pipe_connect(door.name, &second, &os_error), IOCP_E_IN_USE);
    sup_box_call(door.box, start_accept, &door);
    sup_tally_await(&door.accepts, 1);
    second = knock(&door);
    iocp_handle_close(door.world->port, door.accepted);
    sup_box_call(door.box, start_accept, &door);
    sup_tally_await(&door.accepts, 2);
    assert_int_equal(door.result, IOCP_OK);
    iocp_handle_close(door.world->port, door.accepted);
    iocp_handle_close(door.world->port, first);
    iocp_handle_close(door.world->port, second);
    door_close(&door);
}

/* A client that is gone again before anybody looked is no reason to end an accept. */
static void test_client_that_left_is_passed_over(void **state)
{
    (void)state;
    struct door door;
    door_open(&door);
    iocp_handle_close(door.world->port, knock(&door));
    sup_box_call(door.box, start_accept, &door);
    sup_world_settle(door.world);
    assert_int_equal(sup_tally_count(&door.accepts), 0);
    iocp_handle client = knock(&door);
    sup_tally_await(&door.accepts, 1);
    assert_int_equal(door.result, IOCP_OK);
    iocp_handle_close(door.world->port, door.accepted);
    iocp_handle_close(door.world->port, client);
    door_close(&door);
}

/* What a client wrote before it left is no less worth than what it writes to somebody who waits. */
static void test_client_that_wrote_and_left_is_heard(void **state)
{
    (void)state;
    struct door door;
    DWORD put = 0;
    door_open(&door);
    iocp_handle client = knock(&door);
    OVERLAPPED overlapped = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    (void)WriteFile((HANDLE)client, "last words", 10, NULL, &overlapped);
    assert_true(GetOverlappedResult((HANDLE)client, &overlapped, &put, TRUE));
    CloseHandle(overlapped.hEvent);
    iocp_handle_close(door.world->port, client);
    sup_box_call(door.box, start_accept, &door);
    sup_tally_await(&door.accepts, 1);
    assert_int_equal(door.result, IOCP_OK);
    struct sup_tap *server = sup_tap_open(door.box, door.accepted, IOCP_STREAM_PIPE);
    assert_int_equal(sup_tap_get(server, 100), IOCP_OK);
    assert_int_equal(server->size, 10);
    assert_memory_equal(server->data, "last words", 10);
    assert_int_equal(sup_tap_get(server, 100), IOCP_E_END);
    sup_tap_close(server);
    door_close(&door);
}

/* ---- What fails ---- */

static void accept_and_hear(struct door *door, iocp_handle client, unsigned accepts)
{
    sup_box_call(door->box, start_accept, door);
    sup_tally_await(&door->accepts, accepts);
    assert_int_equal(door->result, IOCP_OK);
    struct sup_tap *server = sup_tap_open(door->box, door->accepted, IOCP_STREAM_PIPE);
    struct sup_tap *there = sup_tap_open(door->box, client, IOCP_STREAM_PIPE);
    talk(there, server, "still here");
    sup_tap_close(there);
    sup_tap_close(server);
}

/* The name stays taken and the client stays connected; whether it comes before the accept or
 * after. */
static void test_no_next_instance_keeps_the_client(void **state)
{
    (void)state;
    for (unsigned early = 0; early < 2; early++) {
        struct door door;
        iocp_handle client = IOCP_NO_HANDLE, other;
        int os_error = 0;
        door_open(&door);
        pipe_fails_in = 0;
        if (early)
            client = knock(&door);
        sup_box_call(door.box, start_accept, &door);
        if (!early)
            client = knock(&door);
        sup_tally_await(&door.accepts, 1);
        assert_int_equal(door.result, IOCP_E_NOMEM);
        assert_int_equal(iocp_pipe_connect(door.name, &other, &os_error), IOCP_E_IN_USE);
        accept_and_hear(&door, client, 2);
        door_close(&door);
    }
}

/* The instance goes on waiting for clients without an accept. */
static void test_no_wait_keeps_the_instance(void **state)
{
    (void)state;
    struct door door;
    door_open(&door);
    wait_fails_in = 0;
    sup_box_call(door.box, start_accept, &door);
    sup_tally_await(&door.accepts, 1);
    assert_int_equal(door.result, IOCP_E_NOMEM);
    accept_and_hear(&door, knock(&door), 2);
    door_close(&door);
}

static void test_close_with_a_pending_accept(void **state)
{
    (void)state;
    struct door door;
    int os_error = 0;
    iocp_handle client;
    door_open(&door);
    sup_box_call(door.box, start_accept, &door);
    sup_world_settle(door.world);
    sup_box_call(door.box, close_listener, &door);
    sup_tally_await(&door.closes, 1);
    assert_int_equal(sup_tally_count(&door.accepts), 1);
    assert_int_equal(door.result, IOCP_E_CANCELLED);
    assert_int_equal(iocp_pipe_connect(door.name, &client, &os_error), IOCP_E_NOT_FOUND);
    sup_box_end(door.box);
    sup_world_close(door.world);
}

static void test_bad_names_are_invalid(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a\\b", "\xff\xfe"};
    struct door door;
    char name[IOCP_PIPE_NAME_MAX + 2];
    iocp_handle client;
    int os_error = 0;
    door_open(&door);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(iocp_pipe_connect(bad[i], &client, &os_error), IOCP_E_INVALID);
    assert_int_equal(iocp_pipe_connect(name, &client, &os_error), IOCP_E_INVALID);
    door_close(&door);
}

/* Wine lets anybody make another first instance. */
static void test_name_belongs_to_the_first(void **state)
{
    (void)state;
    struct door door, other;
    if (!sup_tries_what_wine_lacks())
        skip();
    door_open(&door);
    other = door;
    sup_box_call(door.box, open_listener, &other);
    assert_int_equal(other.result, IOCP_E_ACCESS);
    door_close(&door);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_come_by_name),
        cmocka_unit_test(test_one_instance_always_waits),
        cmocka_unit_test(test_client_that_left_is_passed_over),
        cmocka_unit_test(test_client_that_wrote_and_left_is_heard),
        cmocka_unit_test(test_no_next_instance_keeps_the_client),
        cmocka_unit_test(test_no_wait_keeps_the_instance),
        cmocka_unit_test(test_close_with_a_pending_accept),
        cmocka_unit_test(test_bad_names_are_invalid),
        cmocka_unit_test(test_name_belongs_to_the_first),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/listener_pipe_win", tests, NULL, NULL);
}
