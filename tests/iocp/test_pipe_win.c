/*
 * Named pipes as only Windows has them: listeners, both ends as streams of one port, writes of
 * nothing, messages read as bytes, and reads that pend with their lease although bytes were there.
 */
#include "support_win.h"

#include "iocp/listener_pipe_win.h"
#include "iocp/sys_win.h"

/* ---- Listening ---------------------------------------------------------------------------------
 */

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
    memset(door, 0, sizeof *door);
    door->world = sup_world_open(NULL);
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

/* ---- What a read takes for data ----------------------------------------------------------------
 */

static void test_write_of_nothing_is_no_end(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    struct sup_pair pair;
    DWORD put = 0;
    assert_true(sup_pair_open(world->port, SUP_PIPE_IN, &pair));
    struct sup_tap *tap = sup_tap_open_pair(box, &pair);
    sup_tap_read(tap, 100);
    sup_tap_await_waiting(tap);
    assert_true(WriteFile((HANDLE)pair.theirs.handle, "", 0, &put, NULL));
    sup_world_settle(world);
    assert_int_equal(sup_tally_count(&tap->reads), 0);
    assert_int_equal(sup_end_write(&pair.theirs, "some", 4), 4);
    assert_int_equal(sup_tap_read_result(tap), IOCP_OK);
    assert_int_equal(tap->size, 4);
    sup_end_close(&pair.theirs);
    sup_tap_close(tap);
    sup_box_end(box);
    sup_world_close(world);
}

/* Whoever made the pipe for messages: a long one comes in pieces, none is lost. */
static void test_messages_are_read_as_bytes(void **state)
{
    (void)state;
    enum { SIZE = 3000 };
    static uint8_t data[SIZE];
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    DWORD message = PIPE_READMODE_MESSAGE;
    wchar_t name[64];
    swprintf(name, sizeof name / sizeof name[0], L"\\\\.\\pipe\\execport-messages-%lu",
             GetCurrentProcessId());
    HANDLE server = CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX,
                                     PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT, 1, 8192,
                                     8192, 0, NULL);
    assert_ptr_not_equal(server, INVALID_HANDLE_VALUE);
    HANDLE client = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                                FILE_FLAG_OVERLAPPED, NULL);
    assert_ptr_not_equal(client, INVALID_HANDLE_VALUE);
    assert_true(SetNamedPipeHandleState(client, &message, NULL, NULL));
    struct sup_tap *tap = sup_tap_open(box, (iocp_handle)client, IOCP_STREAM_PIPE);
    struct sup_end end = {(iocp_handle)server, false};
    sup_fill(data, SIZE, 0, 1);
    assert_int_equal(sup_end_write(&end, data, SIZE), SIZE);
    for (unsigned done = 0; done < SIZE; done += (unsigned)tap->size) {
        assert_int_equal(sup_tap_get(tap, 1000), IOCP_OK);
        assert_memory_equal(tap->data, data + done, tap->size);
    }
    sup_end_close(&end);
    assert_int_equal(sup_tap_get(tap, 1000), IOCP_E_END);
    sup_tap_close(tap);
    sup_box_end(box);
    sup_world_close(world);
}

/* ---- Reads that pend with their lease ----------------------------------------------------------
 */

/* Says that bytes are there when there are none, so the read that follows has to wait. */
static BOOL peek_that_lies(HANDLE handle, DWORD *out_available)
{
    BOOL ok = iocp_sys_default.peek_pipe(handle, out_available);
    if (ok && *out_available == 0)
        *out_available = 10;
    return ok;
}

static struct iocp_sys lying_sys(void)
{
    struct iocp_sys sys = iocp_sys_default;
    sys.peek_pipe = peek_that_lies;
    return sys;
}

struct pending {
    struct iocp_sys sys;
    struct sup_world *world;
    struct sup_box *box;
    struct sup_pair pair;
    struct sup_tap *tap;
};

/* Data ends the armed read, is taken, and the next read looks and is lied to. */
static void pending_open(struct pending *pending)
{
    struct iocp_stats stats;
    pending->sys = lying_sys();
    const struct iocp_port_options options = {.sys = &pending->sys};
    pending->world = sup_world_open(&options);
    pending->box = sup_box_new(pending->world);
    assert_true(sup_pair_open(pending->world->port, SUP_PIPE_IN, &pending->pair));
    pending->tap = sup_tap_open_pair(pending->box, &pending->pair);
    assert_int_equal(sup_end_write(&pending->pair.theirs, "0123456789", 10), 10);
    assert_int_equal(sup_tap_get(pending->tap, 10), IOCP_OK); /* filled: look before arming */
    sup_tap_read(pending->tap, 10);
    sup_tap_await_waiting(pending->tap);
    sup_stats(pending->world, &stats);
    assert_int_equal(stats.reads_pending, 1);
    assert_true(stats.slabs_leased > 0);
}

static void pending_close(struct pending *pending)
{
    if (pending->pair.theirs.handle != IOCP_NO_HANDLE)
        sup_end_close(&pending->pair.theirs);
    sup_tap_close(pending->tap);
    sup_box_end(pending->box);
    sup_world_close(pending->world);
}

static void test_pending_read_brings_what_comes(void **state)
{
    (void)state;
    struct pending pending;
    pending_open(&pending);
    assert_int_equal(sup_end_write(&pending.pair.theirs, "late", 4), 4);
    assert_int_equal(sup_tap_read_result(pending.tap), IOCP_OK);
    assert_int_equal(pending.tap->size, 4);
    assert_memory_equal(pending.tap->data, "late", 4);
    pending_close(&pending);
}

static void test_pending_read_sees_the_end(void **state)
{
    (void)state;
    struct pending pending;
    pending_open(&pending);
    sup_end_close(&pending.pair.theirs);
    assert_int_equal(sup_tap_read_result(pending.tap), IOCP_E_END);
    pending_close(&pending);
}

/* The close that follows would assert a lease that was lost. */
static void test_pending_read_is_closed(void **state)
{
    (void)state;
    struct pending pending;
    pending_open(&pending);
    pending_close(&pending);
}

/* ---- Packets -----------------------------------------------------------------------------------
 */

/* What the system takes at once costs no packet: that is what the ready list is for. */
static void test_success_at_once_costs_no_packet(void **state)
{
    (void)state;
    enum { WRITES = 200 };
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    const struct iocp_vec vec = {"w", 1};
    struct iocp_stats before, after;
    struct sup_pair pair;
    assert_true(sup_pair_open(world->port, SUP_PIPE_OUT, &pair));
    struct sup_tap *tap = sup_tap_open_pair(box, &pair);
    sup_world_settle(world);
    sup_stats(world, &before);
    for (unsigned i = 0; i < WRITES; i++) {
        sup_tap_write(tap, &vec, 1);
        assert_int_equal(sup_tap_write_result(tap), IOCP_OK);
    }
    sup_stats(world, &after);
    assert_int_equal(after.writes - before.writes, WRITES);
    /* What there is is one wake for each call from this thread, at most. */
    assert_true(after.kernel_events - before.kernel_events <= after.wakes - before.wakes);
    sup_end_close(&pair.theirs);
    sup_tap_close(tap);
    sup_box_end(box);
    sup_world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_come_by_name),
        cmocka_unit_test(test_one_instance_always_waits),
        cmocka_unit_test(test_client_that_left_is_passed_over),
        cmocka_unit_test(test_close_with_a_pending_accept),
        cmocka_unit_test(test_bad_names_are_invalid),
        cmocka_unit_test(test_name_belongs_to_the_first),
        cmocka_unit_test(test_write_of_nothing_is_no_end),
        cmocka_unit_test(test_messages_are_read_as_bytes),
        cmocka_unit_test(test_pending_read_brings_what_comes),
        cmocka_unit_test(test_pending_read_sees_the_end),
        cmocka_unit_test(test_pending_read_is_closed),
        cmocka_unit_test(test_success_at_once_costs_no_packet),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/pipe_win", tests, NULL, NULL);
}
