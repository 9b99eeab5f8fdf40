/*
 * Listeners: addresses and their errors, one connection per accept, many of them, and an end while
 * an accept is pending.
 */
#include "support.h"

enum { CONNECTIONS = 300 };

struct door {
    struct sup_world *world;
    struct sup_box *box;
    struct iocp_listener listener;
    iocp_handle handle;
    uint16_t tcp_port;
    bool accepting, starting, goes_on;
    int result, open_result;
    iocp_handle accepted[CONNECTIONS];
    unsigned count;
    struct sup_tally completions, closed;
};

static void accept_now(struct door *door)
{
    door->accepting = true;
    door->starting = true;
    iocp_accept_start(&door->listener);
    SUP_CHECK(iocp_pending(&door->listener.accept));
    door->starting = false;
}

static void on_accept(struct iocp_op *op)
{
    struct iocp_listener *listener = IOCP_OWNER(op, struct iocp_listener, accept);
    struct door *door = IOCP_OWNER(listener, struct door, listener);
    SUP_CHECK(door->accepting && !door->starting && !iocp_pending(op));
    door->accepting = false;
    door->result = op->result;
    if (op->result == IOCP_OK) {
        SUP_CHECK(listener->accepted != IOCP_NO_HANDLE);
        SUP_CHECK(door->count < CONNECTIONS);
        door->accepted[door->count++] = listener->accepted;
        if (door->goes_on && door->count < CONNECTIONS)
            accept_now(door);
    }
    sup_tally_add(&door->completions, 1);
}

static void on_door_close(struct iocp_op *op)
{
    struct iocp_listener *listener = IOCP_OWNER(op, struct iocp_listener, close);
    struct door *door = IOCP_OWNER(listener, struct door, listener);
    SUP_CHECK(!door->accepting && !iocp_pending(op));
    SUP_CHECK(op->result == IOCP_OK);
    sup_tally_add(&door->closed, 1);
}

static void open_door(void *argument)
{
    struct door *door = argument;
    int os_error;
    door->open_result = iocp_listener_open(&door->listener, &door->box->strand, door->handle,
                                           on_accept, on_door_close, &os_error);
}

static void start_accept(void *argument)
{
    accept_now(argument);
}

static void start_close(void *argument)
{
    iocp_listener_close_start(&((struct door *)argument)->listener);
}

static void start_and_close(void *argument)
{
    start_accept(argument);
    start_close(argument);
}

static bool door_open(struct door **out_door, const char *address)
{
    struct door *door = sup_new(sizeof *door);
    int os_error;
    door->world = sup_world_open(NULL);
    if (iocp_listen_tcp(address, 0, &door->handle, &door->tcp_port, &os_error) != IOCP_OK) {
        sup_world_close(door->world);
        free(door);
        return false;
    }
    door->box = sup_box_new(door->world);
    sup_box_call(door->box, open_door, door);
    assert_int_equal(door->open_result, IOCP_OK);
    assert_int_not_equal(door->tcp_port, 0);
    *out_door = door;
    return true;
}

static void drop_accepted(struct door *door)
{
    for (unsigned i = 0; i < door->count; i++)
        iocp_handle_close(door->world->port, door->accepted[i]);
    door->count = 0;
}

/* After the close was started. */
static void door_end(struct door *door)
{
    sup_tally_await(&door->closed, 1);
    sup_box_end(door->box);
    drop_accepted(door);
    sup_world_close(door->world);
    free(door);
}

static void door_close(struct door *door)
{
    sup_box_call(door->box, start_close, door);
    door_end(door);
}

/* ---- Addresses ------------------------------------------------------------------------------- */

static void test_bad_addresses_are_invalid(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "localhost",  "127.0.0.1:80", "1.2.3",     "256.0.0.1",
                                      "::g", "127.0.0.1 ", "[::1]",        "1.2.3.4.5", "*"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        iocp_handle handle = 12345;
        uint16_t tcp_port = 7;
        int os_error = 0;
        assert_int_equal(iocp_listen_tcp(bad[i], 0, &handle, &tcp_port, &os_error), IOCP_E_INVALID);
        assert_int_equal(handle, 12345); /* written on success only */
        assert_int_equal(tcp_port, 7);
    }
}

static void test_address_in_use_is_told(void **state)
{
    (void)state;
    struct door *door;
    iocp_handle handle = 12345;
    uint16_t tcp_port = 7;
    int os_error = 0;
    assert_true(door_open(&door, "127.0.0.1"));
    assert_int_equal(iocp_listen_tcp("127.0.0.1", door->tcp_port, &handle, &tcp_port, &os_error),
                     IOCP_E_IN_USE);
    assert_int_not_equal(os_error, 0);
    assert_int_equal(handle, 12345);
    door_close(door);
}

/* Another program of the machine may take a port as soon as it is free: then another one. */
static void test_given_port_is_taken(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    iocp_handle handle;
    uint16_t first, second = 0;
    int os_error, result = IOCP_E_IN_USE;
    for (unsigned i = 0; i < 10 && result == IOCP_E_IN_USE; i++) {
        assert_int_equal(iocp_listen_tcp("127.0.0.1", 0, &handle, &first, &os_error), IOCP_OK);
        iocp_handle_close(world->port, handle); /* a handle that no listener took over */
        result = iocp_listen_tcp("127.0.0.1", first, &handle, &second, &os_error);
    }
    assert_int_equal(result, IOCP_OK);
    assert_int_equal(first, second);
    iocp_handle_close(world->port, handle);
    sup_world_close(world);
}

/* ---- Connections ----------------------------------------------------------------------------- */

static void check_accept_and_talk(const char *address)
{
    struct door *door;
    struct sup_end client;
    const struct iocp_vec vec = {"hello", 5};
    char data[8];
    if (!door_open(&door, address))
        return; /* a host without IPv6 */
    sup_box_call(door->box, start_accept, door);
    sup_world_settle(door->world);
    assert_int_equal(sup_tally_count(&door->completions), 0);
    assert_true(sup_tcp_connect(address, door->tcp_port, &client));
    sup_tally_await(&door->completions, 1);
    assert_int_equal(door->result, IOCP_OK);
    door->count = 0; /* the stream has it now */
    struct sup_tap *tap = sup_tap_open(door->box, door->accepted[0], IOCP_STREAM_SOCKET);
    sup_tap_write(tap, &vec, 1);
    assert_int_equal(sup_tap_write_result(tap), IOCP_OK);
    assert_int_equal(sup_end_read_all(&client, data, 5), 5);
    assert_int_equal(sup_end_write(&client, data, 5), 5);
    assert_int_equal(sup_tap_get(tap, 100), IOCP_OK);
    assert_memory_equal(tap->data, "hello", tap->size);
    sup_end_close(&client);
    sup_tap_close(tap);
    door_close(door);
}

static void test_accept_and_talk(void **state)
{
    (void)state;
    check_accept_and_talk("127.0.0.1");
    check_accept_and_talk("::1");
}

static void test_connection_before_the_accept(void **state)
{
    (void)state;
    struct door *door;
    struct sup_end clients[3];
    assert_true(door_open(&door, "127.0.0.1"));
    for (unsigned i = 0; i < 3; i++)
        assert_true(sup_tcp_connect("127.0.0.1", door->tcp_port, &clients[i]));
    sup_world_settle(door->world);
    assert_int_equal(sup_tally_count(&door->completions), 0);
    for (unsigned i = 1; i <= 3; i++) { /* one connection for each accept */
        sup_box_call(door->box, start_accept, door);
        sup_tally_await(&door->completions, i);
        assert_int_equal(door->result, IOCP_OK);
        sup_world_settle(door->world);
        assert_int_equal(sup_tally_count(&door->completions), i);
    }
    for (unsigned i = 0; i < 3; i++)
        sup_end_close(&clients[i]);
    door_close(door);
}

static void connect_many(void *argument)
{
    struct door *door = argument;
    struct sup_end *clients = sup_new(CONNECTIONS * sizeof *clients);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        SUP_CHECK(sup_tcp_connect("127.0.0.1", door->tcp_port, &clients[i]));
        if (i % 50 == 49) /* no more waiting ones than any backlog takes */
            SUP_CHECK(sup_tally_wait(&door->completions, i + 1, SUP_DEADLINE_MS));
    }
    for (unsigned i = 0; i < CONNECTIONS; i++)
        sup_end_close(&clients[i]);
    free(clients);
}

static void test_many_connections(void **state)
{
    (void)state;
    struct door *door;
    assert_true(door_open(&door, "127.0.0.1"));
    door->goes_on = true;
    sup_box_call(door->box, start_accept, door);
    struct sup_thread *thread = sup_thread_start(connect_many, door);
    sup_tally_await(&door->completions, CONNECTIONS);
    sup_thread_join(thread);
    assert_int_equal(door->count, CONNECTIONS);
    door_close(door);
}

/* ---- The end --------------------------------------------------------------------------------- */

static void test_close_with_a_pending_accept(void **state)
{
    (void)state;
    struct door *door;
    struct sup_end client;
    assert_true(door_open(&door, "127.0.0.1"));
    sup_box_call(door->box, start_accept, door);
    sup_world_settle(door->world);
    sup_box_call(door->box, start_close, door);
    sup_tally_await(&door->closed, 1);
    assert_int_equal(sup_tally_count(&door->completions), 1);
    assert_int_equal(door->result, IOCP_E_CANCELLED);
    assert_false(sup_tcp_connect("127.0.0.1", door->tcp_port, &client)); /* it listens no more */
    door_end(door);
}

static void test_close_right_after_the_accept(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        struct door *door;
        assert_true(door_open(&door, "127.0.0.1"));
        sup_box_call(door->box, start_and_close, door);
        sup_tally_await(&door->closed, 1);
        assert_int_equal(door->result, IOCP_E_CANCELLED);
        door_end(door);
    }
}

/* A connection at the time of the close is accepted or refused, and never left half. */
static void test_close_while_clients_connect(void **state)
{
    (void)state;
    struct sup_random random;
    uint64_t began_ms = sup_now_ms();
    sup_random_init(&random, sup_seed(), 0);
    for (unsigned i = 0; i < SUP_STRESS(200, 40) && !sup_enough_since(began_ms); i++) {
        struct door *door;
        struct sup_end client;
        assert_true(door_open(&door, "127.0.0.1"));
        sup_box_call(door->box, start_accept, door);
        assert_true(sup_tcp_connect("127.0.0.1", door->tcp_port, &client));
        sup_spin(sup_random_below(&random, 300));
        sup_box_call(door->box, start_close, door);
        sup_tally_await(&door->closed, 1);
        assert_int_equal(sup_tally_count(&door->completions), 1);
        assert_true(door->result == IOCP_OK || door->result == IOCP_E_CANCELLED);
        drop_accepted(door);
        char byte;
        assert_true(sup_end_read(&client, &byte, 1) <= 0);
        sup_end_close(&client);
        door_end(door);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_addresses_are_invalid),
        cmocka_unit_test(test_address_in_use_is_told),
        cmocka_unit_test(test_given_port_is_taken),
        cmocka_unit_test(test_accept_and_talk),
        cmocka_unit_test(test_connection_before_the_accept),
        cmocka_unit_test(test_many_connections),
        cmocka_unit_test(test_close_with_a_pending_accept),
        cmocka_unit_test(test_close_right_after_the_accept),
        cmocka_unit_test(test_close_while_clients_connect),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/listener", tests, NULL, NULL);
}
