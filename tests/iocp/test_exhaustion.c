/*
 * Out of descriptors: whoever wants a new one is told NOFILES, what is open goes on, and a
 * connection that could not be accepted is accepted later.
 */
#include "support.h"

static void exhaust_or_skip(void)
{
    if (sup_handles_exhaust())
        return;
    print_message("this system has no limit of handles to lower\n");
    skip();
}

static void test_no_handles_for_a_pipe(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    iocp_handle ours = 111, theirs = 222;
    int os_error = 0;
    exhaust_or_skip();
    int in = iocp_pipe_open(world->port, true, &ours, &theirs, &os_error);
    int out = iocp_pipe_open(world->port, false, &ours, &theirs, &os_error);
    sup_handles_restore();
    assert_int_equal(in, IOCP_E_NOFILES);
    assert_int_equal(out, IOCP_E_NOFILES);
    assert_int_not_equal(os_error, 0);
    assert_int_equal(ours, 111); /* written on success only */
    assert_int_equal(theirs, 222);
    assert_int_equal(iocp_pipe_open(world->port, true, &ours, &theirs, &os_error), IOCP_OK);
    iocp_handle_close(world->port, ours);
    iocp_handle_close(world->port, theirs);
    sup_world_close(world);
}

/* There is room for one of the two ends only. */
static void test_one_handle_is_not_enough_for_a_pipe(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    iocp_handle spare[2], ours = 111, theirs = 222;
    int os_error = 0;
    assert_int_equal(iocp_pipe_open(world->port, true, &spare[0], &spare[1], &os_error), IOCP_OK);
    exhaust_or_skip();
    iocp_handle_close(world->port, spare[0]);
    int result = iocp_pipe_open(world->port, true, &ours, &theirs, &os_error);
    sup_handles_restore();
    assert_int_equal(result, IOCP_E_NOFILES);
    assert_int_equal(ours, 111);
    iocp_handle_close(world->port, spare[1]);
    sup_world_close(world);
}

static void test_no_handles_for_a_listener(void **state)
{
    (void)state;
    iocp_handle handle = 111;
    uint16_t tcp_port = 0;
    int os_error = 0;
    exhaust_or_skip();
    int result = iocp_listen_tcp("127.0.0.1", 0, &handle, &tcp_port, &os_error);
    sup_handles_restore();
    assert_int_equal(result, IOCP_E_NOFILES);
    assert_int_not_equal(os_error, 0);
    assert_int_equal(handle, 111);
}

static void test_no_handles_for_a_port(void **state)
{
    (void)state;
    struct iocp_port *port = NULL;
    int os_error = 0, handles = sup_handles(), threads = sup_threads();
    exhaust_or_skip();
    int result = iocp_port_open(NULL, &port, &os_error);
    sup_handles_restore();
    assert_int_equal(result, IOCP_E_NOFILES);
    assert_int_not_equal(os_error, 0);
    assert_null(port);
    assert_int_equal(sup_handles(), handles);
    assert_true(sup_threads_settle(threads));
}

/* A port that gets some of its handles and then no more gives all of them back. */
static void test_port_open_at_every_number_of_handles(void **state)
{
    (void)state;
    enum { SPARES = 16 };
    struct sup_world *world = sup_world_open(NULL);
    int threads = sup_threads(), refused = 0, opened = 0;
    for (unsigned room = 0; room < SPARES; room++) {
        iocp_handle spare[SPARES];
        struct iocp_port *port = NULL;
        int os_error = 0;
        for (unsigned i = 0; i < SPARES; i += 2)
            assert_int_equal(iocp_pipe_open(world->port, true, &spare[i], &spare[i + 1], &os_error),
                             IOCP_OK);
        exhaust_or_skip();
        for (unsigned i = 0; i < room; i++)
            iocp_handle_close(world->port, spare[i]);
        int before = sup_handles();
        int result = iocp_port_open(NULL, &port, &os_error);
        if (result == IOCP_OK)
            iocp_port_close(port);
        sup_handles_restore();
        refused += result == IOCP_E_NOFILES;
        opened += result == IOCP_OK;
        assert_int_equal(refused + opened, room + 1);
        assert_true(before < 0 || sup_handles() == before);
        for (unsigned i = room; i < SPARES; i++)
            iocp_handle_close(world->port, spare[i]);
    }
    assert_true(refused > 0 && opened > 0);
    assert_true(sup_threads_settle(threads));
    sup_world_close(world);
}

/* ---- What is open goes on -------------------------------------------------------------------- */

static void test_open_streams_go_on(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    struct sup_pair pair;
    assert_true(sup_pair_open(world->port, SUP_PIPE_IN, &pair));
    struct sup_tap *tap = sup_tap_open_pair(box, &pair);
    exhaust_or_skip();
    sup_tap_read(tap, 100);
    size_t sent = sup_end_write(&pair.theirs, "still", 5);
    bool came = sup_tally_wait(&tap->reads, 1, SUP_DEADLINE_MS);
    sup_handles_restore();
    assert_int_equal(sent, 5);
    assert_true(came);
    assert_int_equal(sup_tap_read_result(tap), IOCP_OK);
    sup_end_close(&pair.theirs);
    sup_tap_close(tap);
    sup_box_end(box);
    sup_world_close(world);
}

/* ---- Accept ---------------------------------------------------------------------------------- */

struct door {
    struct sup_box *box;
    struct iocp_listener listener;
    iocp_handle handle;
    int result, os_error;
    iocp_handle accepted;
    struct sup_tally accepts, closed;
};

static void on_accept(struct iocp_op *op)
{
    struct iocp_listener *listener = IOCP_OWNER(op, struct iocp_listener, accept);
    struct door *door = IOCP_OWNER(listener, struct door, listener);
    door->result = op->result;
    door->os_error = op->os_error;
    if (op->result == IOCP_OK)
        door->accepted = listener->accepted;
    sup_tally_add(&door->accepts, 1);
}

static void on_door_close(struct iocp_op *op)
{
    struct iocp_listener *listener = IOCP_OWNER(op, struct iocp_listener, close);
    sup_tally_add(&IOCP_OWNER(listener, struct door, listener)->closed, 1);
}

static void open_door(void *argument)
{
    struct door *door = argument;
    int os_error;
    SUP_CHECK(iocp_listener_open(&door->listener, &door->box->strand, door->handle, on_accept,
                                 on_door_close, &os_error) == IOCP_OK);
}

static void start_accept(void *argument)
{
    iocp_accept_start(&((struct door *)argument)->listener);
}

static void start_close(void *argument)
{
    iocp_listener_close_start(&((struct door *)argument)->listener);
}

static struct door *door_new(struct sup_world *world, uint16_t *out_tcp_port)
{
    struct door *door = sup_new(sizeof *door);
    int os_error;
    door->box = sup_box_new(world);
    assert_int_equal(iocp_listen_tcp("127.0.0.1", 0, &door->handle, out_tcp_port, &os_error),
                     IOCP_OK);
    sup_box_call(door->box, open_door, door);
    return door;
}

static void door_free(struct door *door)
{
    sup_box_call(door->box, start_close, door);
    sup_tally_await(&door->closed, 1);
    sup_box_end(door->box);
    free(door);
}

static void test_accept_without_handles_keeps_the_connection(void **state)
{
    (void)state;
    enum { REFUSALS = 3 };
    struct sup_world *world = sup_world_open(NULL);
    uint16_t tcp_port;
    struct door *door = door_new(world, &tcp_port);
    struct sup_end client;
    bool refused = true;
    assert_true(sup_tcp_connect("127.0.0.1", tcp_port, &client));
    exhaust_or_skip();
    for (unsigned i = 1; i <= REFUSALS; i++) { /* told each time, though no new event comes */
        sup_box_call(door->box, start_accept, door);
        refused = refused && sup_tally_wait(&door->accepts, i, SUP_DEADLINE_MS) &&
                  door->result == IOCP_E_NOFILES && door->os_error != 0;
    }
    sup_handles_restore();
    assert_true(refused);
    sup_box_call(door->box, start_accept, door);
    sup_tally_await(&door->accepts, REFUSALS + 1);
    assert_int_equal(door->result, IOCP_OK);
    struct sup_tap *tap = sup_tap_open(door->box, door->accepted, IOCP_STREAM_SOCKET);
    assert_int_equal(sup_end_write(&client, "alive", 5), 5); /* it is that connection */
    assert_int_equal(sup_tap_get(tap, 100), IOCP_OK);
    assert_int_equal(tap->size, 5);
    sup_tap_close(tap);
    sup_end_close(&client);
    door_free(door);
    sup_world_close(world);
}

/* A client that comes while a pending accept has no handle to give it. */
static void test_pending_accept_without_handles(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    uint16_t tcp_port;
    struct door *door = door_new(world, &tcp_port);
    struct sup_end spare, client = {IOCP_NO_HANDLE, true};
    sup_box_call(door->box, start_accept, door);
    assert_true(sup_tcp_connect("127.0.0.1", tcp_port, &spare));
    sup_tally_await(&door->accepts, 1);
    sup_box_call(door->box, start_accept, door);
    sup_world_settle(world);
    iocp_handle_close(world->port, door->accepted);
    sup_end_close(&spare);
    assert_int_equal(sup_tally_count(&door->accepts), 1);
    iocp_handle one[2];
    int os_error;
    assert_int_equal(iocp_pipe_open(world->port, true, &one[0], &one[1], &os_error), IOCP_OK);
    exhaust_or_skip();
    iocp_handle_close(world->port, one[0]); /* room for the client's own end */
    bool connected = sup_tcp_connect("127.0.0.1", tcp_port, &client);
    bool told = sup_tally_wait(&door->accepts, 2, SUP_DEADLINE_MS);
    sup_handles_restore();
    assert_true(connected && told);
    assert_int_equal(door->result, IOCP_E_NOFILES);
    iocp_handle_close(world->port, one[1]);
    sup_box_call(door->box, start_accept, door);
    sup_tally_await(&door->accepts, 3);
    assert_int_equal(door->result, IOCP_OK);
    iocp_handle_close(world->port, door->accepted);
    sup_end_close(&client);
    door_free(door);
    sup_world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_handles_for_a_pipe),
        cmocka_unit_test(test_one_handle_is_not_enough_for_a_pipe),
        cmocka_unit_test(test_no_handles_for_a_listener),
        cmocka_unit_test(test_no_handles_for_a_port),
        cmocka_unit_test(test_port_open_at_every_number_of_handles),
        cmocka_unit_test(test_open_streams_go_on),
        cmocka_unit_test(test_accept_without_handles_keeps_the_connection),
        cmocka_unit_test(test_pending_accept_without_handles),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/exhaustion", tests, NULL, NULL);
}
