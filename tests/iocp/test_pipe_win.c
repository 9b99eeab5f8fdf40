/*
 * Named pipes as only Windows has them: writes of nothing, messages read as bytes, and reads that
 * pend with their lease although bytes were there, or end although none were.
 */
#include "support_win.h"

#include "iocp/sys_win.h"

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

/* A pipe that was made for messages, whose client's end is ours. */
struct messages {
    struct sup_end end;
    struct sup_tap *tap;
};

static void messages_open(struct messages *messages, struct sup_box *box)
{
    static unsigned pipes;
    DWORD message = PIPE_READMODE_MESSAGE;
    wchar_t name[64];
    swprintf(name, sizeof name / sizeof name[0], L"\\\\.\\pipe\\execport-messages-%lu-%u",
             GetCurrentProcessId(), pipes++);
    HANDLE server = CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX,
                                     PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT, 1, 8192,
                                     8192, 0, NULL);
    assert_ptr_not_equal(server, INVALID_HANDLE_VALUE);
    HANDLE client = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                                FILE_FLAG_OVERLAPPED, NULL);
    assert_ptr_not_equal(client, INVALID_HANDLE_VALUE);
    assert_true(SetNamedPipeHandleState(client, &message, NULL, NULL));
    messages->end = (struct sup_end){(iocp_handle)server, false};
    messages->tap = sup_tap_open(box, (iocp_handle)client, IOCP_STREAM_PIPE);
}

/* An empty message lies in the pipe before anybody reads: it is nothing, and what follows comes. */
static void test_empty_messages_are_nothing(void **state)
{
    (void)state;
    enum { EMPTY = 3 };
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    struct messages messages;
    DWORD put = 0;
    messages_open(&messages, box);
    for (unsigned i = 0; i < EMPTY; i++)
        assert_true(WriteFile((HANDLE)messages.end.handle, "", 0, &put, NULL));
    sup_tap_read(messages.tap, 100);
    sup_world_settle(world);
    assert_int_equal(sup_tally_count(&messages.tap->reads), 0);
    assert_int_equal(sup_end_write(&messages.end, "some", 4), 4);
    assert_int_equal(sup_tap_read_result(messages.tap), IOCP_OK);
    assert_int_equal(messages.tap->size, 4);
    sup_end_close(&messages.end);
    sup_tap_close(messages.tap);
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
    struct messages messages;
    messages_open(&messages, box);
    sup_fill(data, SIZE, 0, 1);
    assert_int_equal(sup_end_write(&messages.end, data, SIZE), SIZE);
    for (unsigned done = 0; done < SIZE; done += (unsigned)messages.tap->size) {
        assert_int_equal(sup_tap_get(messages.tap, 1000), IOCP_OK);
        assert_memory_equal(messages.tap->data, data + done, messages.tap->size);
    }
    sup_end_close(&messages.end);
    assert_int_equal(sup_tap_get(messages.tap, 1000), IOCP_E_END);
    sup_tap_close(messages.tap);
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

/* ---- Reads that end with nothing ---------------------------------------------------------------
 */

static _Atomic unsigned empties; /* writes of nothing that lie in the pipe */
static _Atomic bool forever;     /* a new one comes for each that is taken */

/* As Windows may behave: such a write ends each read, and one with room takes it away. */
static BOOL read_of_empties(HANDLE handle, void *data, DWORD size, OVERLAPPED *overlapped)
{
    if (atomic_load(&empties) == 0)
        return iocp_sys_default.read_file(handle, data, size, overlapped);
    if (size > 0 && !atomic_load(&forever))
        atomic_fetch_sub(&empties, 1);
    overlapped->Internal = overlapped->InternalHigh = 0;
    return TRUE;
}

static void no_work(void *argument)
{
    (void)argument;
}

/* The one worker gets to others meanwhile, and to a cancel. */
static void test_endless_empty_writes_hold_nobody_up(void **state)
{
    (void)state;
    struct iocp_sys sys = iocp_sys_default;
    const struct iocp_port_options options = {.sys = &sys, .workers = 1};
    struct sup_pair pair;
    sys.read_file = read_of_empties;
    struct sup_world *world = sup_world_open(&options);
    struct sup_box *box = sup_box_new(world), *other = sup_box_new(world);
    assert_true(sup_pair_open(world->port, SUP_PIPE_IN, &pair));
    struct sup_tap *tap = sup_tap_open_pair(box, &pair);
    forever = true;
    empties = 1;
    sup_tap_read(tap, 100);
    for (unsigned i = 0; i < 100; i++)
        sup_box_call(i % 2 == 0 ? other : box, no_work, NULL);
    assert_int_equal(sup_tally_count(&tap->reads), 0);
    sup_tap_read_cancel(tap);
    assert_int_equal(sup_tap_read_result(tap), IOCP_E_CANCELLED);
    forever = false;
    empties = 3;
    sup_tap_read(tap, 100);
    sup_tap_await_waiting(tap);
    assert_int_equal(empties, 0);
    assert_int_equal(sup_end_write(&pair.theirs, "some", 4), 4);
    assert_int_equal(sup_tap_read_result(tap), IOCP_OK);
    assert_int_equal(tap->size, 4);
    sup_end_close(&pair.theirs);
    sup_tap_close(tap);
    sup_box_end(other);
    sup_box_end(box);
    sup_world_close(world);
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
    /* What there is is one wake for each call from this thread, at most, and that of an earlier
     * call that nobody has taken yet: there are never two on their way. */
    assert_true(after.kernel_events - before.kernel_events <= after.wakes - before.wakes + 1);
    sup_end_close(&pair.theirs);
    sup_tap_close(tap);
    sup_box_end(box);
    sup_world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_of_nothing_is_no_end),
        cmocka_unit_test(test_empty_messages_are_nothing),
        cmocka_unit_test(test_messages_are_read_as_bytes),
        cmocka_unit_test(test_pending_read_brings_what_comes),
        cmocka_unit_test(test_pending_read_sees_the_end),
        cmocka_unit_test(test_pending_read_is_closed),
        cmocka_unit_test(test_endless_empty_writes_hold_nobody_up),
        cmocka_unit_test(test_success_at_once_costs_no_packet),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/pipe_win", tests, NULL, NULL);
}
