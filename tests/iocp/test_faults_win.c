/*
 * System calls that fail, one kind at a time: each failure is told once with its code, nothing is
 * lost, nothing leaks, and the next try works. And what waits for processes cost.
 *
 * The calls have no room for a context, so what fails is state at file scope.
 */
#include "support_win.h"

#include "iocp/sys_win.h"

#include <tlhelp32.h>

/* The kind of call that fails when its countdown comes to 0; below 0: never. */
static struct {
    _Atomic int alloc, map, associate, read_file, write_file, wsa_socket, create_pipe, wait;
} fails_in;

static void fail_nothing(void)
{
    fails_in.alloc = fails_in.map = fails_in.associate = fails_in.read_file = -1;
    fails_in.write_file = fails_in.wsa_socket = fails_in.create_pipe = fails_in.wait = -1;
}

static bool is_due(_Atomic int *countdown, DWORD error)
{
    if (atomic_load(countdown) < 0 || atomic_fetch_sub(countdown, 1) != 0)
        return false;
    SetLastError(error); /* WSAGetLastError reads the same word */
    return true;
}

static void *failing_alloc(size_t size)
{
    return is_due(&fails_in.alloc, ERROR_NOT_ENOUGH_MEMORY) ? NULL : iocp_sys_default.alloc(size);
}

static void *failing_map(size_t size)
{
    return is_due(&fails_in.map, ERROR_COMMITMENT_LIMIT) ? NULL : iocp_sys_default.map_pages(size);
}

static HANDLE failing_associate(HANDLE handle, HANDLE port, ULONG_PTR key)
{
    if (is_due(&fails_in.associate, ERROR_NO_SYSTEM_RESOURCES))
        return NULL;
    return iocp_sys_default.associate(handle, port, key);
}

static BOOL failing_read(HANDLE handle, void *data, DWORD size, OVERLAPPED *overlapped)
{
    if (is_due(&fails_in.read_file, ERROR_NO_SYSTEM_RESOURCES))
        return FALSE;
    return iocp_sys_default.read_file(handle, data, size, overlapped);
}

static BOOL failing_write(HANDLE handle, const void *data, DWORD size, OVERLAPPED *overlapped)
{
    if (is_due(&fails_in.write_file, ERROR_NOT_ENOUGH_QUOTA))
        return FALSE;
    return iocp_sys_default.write_file(handle, data, size, overlapped);
}

static SOCKET failing_socket(int family)
{
    if (is_due(&fails_in.wsa_socket, WSAEMFILE))
        return INVALID_SOCKET;
    return iocp_sys_default.wsa_socket(family);
}

static HANDLE failing_pipe(const wchar_t *path, bool first, DWORD instances,
                           SECURITY_ATTRIBUTES *security)
{
    if (is_due(&fails_in.create_pipe, ERROR_NO_SYSTEM_RESOURCES))
        return INVALID_HANDLE_VALUE;
    return iocp_sys_default.create_pipe(path, first, instances, security);
}

static BOOL failing_wait(HANDLE *out_wait, HANDLE handle, WAITORTIMERCALLBACK call, void *context)
{
    if (is_due(&fails_in.wait, ERROR_NOT_ENOUGH_MEMORY))
        return FALSE;
    return iocp_sys_default.register_wait(out_wait, handle, call, context);
}

static const struct iocp_sys *failing_sys(void)
{
    static struct iocp_sys sys;
    fail_nothing();
    sys = iocp_sys_default;
    sys.alloc = failing_alloc;
    sys.map_pages = failing_map;
    sys.associate = failing_associate;
    sys.read_file = failing_read;
    sys.write_file = failing_write;
    sys.wsa_socket = failing_socket;
    sys.create_pipe = failing_pipe;
    sys.register_wait = failing_wait;
    return &sys;
}

struct scene {
    struct sup_world *world;
    struct sup_box *box;
    struct sup_pair pair;
    struct sup_tap *tap;
};

static void scene_open(struct scene *scene, enum sup_pair_kind kind)
{
    const struct iocp_port_options options = {.workers = 1, .sys = failing_sys()};
    scene->world = sup_world_open(&options);
    scene->box = sup_box_new(scene->world);
    assert_true(sup_pair_open(scene->world->port, kind, &scene->pair));
    scene->tap = sup_tap_open_pair(scene->box, &scene->pair);
}

static void scene_close(struct scene *scene)
{
    sup_end_close(&scene->pair.theirs);
    sup_tap_close(scene->tap);
    sup_box_end(scene->box);
    sup_world_close(scene->world);
}

/* ---- Memory and handles ------------------------------------------------------------------------
 */

static void test_port_opens_after_every_failed_allocation(void **state)
{
    (void)state;
    const struct iocp_port_options options = {.sys = failing_sys()};
    struct iocp_port *port = NULL;
    int handles = sup_handles(), threads = sup_threads(), os_error = 0, failures = 0;
    for (;; failures++) {
        fails_in.alloc = failures;
        int result = iocp_port_open(&options, &port, &os_error);
        if (result == IOCP_OK)
            break;
        assert_int_equal(result, IOCP_E_NOMEM);
        assert_int_equal(sup_handles(), handles);
        assert_true(sup_threads_settle(threads));
    }
    fail_nothing();
    assert_true(failures >= 3);
    iocp_port_close(port);
    assert_int_equal(sup_handles(), handles);
}

static void test_pipe_that_cannot_be_made(void **state)
{
    (void)state;
    struct scene scene;
    iocp_handle ours, theirs;
    int os_error = 0;
    scene_open(&scene, SUP_PIPE_IN);
    int handles = sup_handles();
    fails_in.create_pipe = 0;
    assert_int_equal(iocp_pipe_open(scene.world->port, true, &ours, &theirs, &os_error),
                     IOCP_E_NOMEM);
    assert_int_equal(os_error, ERROR_NO_SYSTEM_RESOURCES);
    assert_int_equal(sup_handles(), handles);
    scene_close(&scene);
}

struct opening {
    struct iocp_strand *strand;
    struct iocp_stream stream;
    iocp_handle handle;
    int result, os_error;
};

static void open_stream(void *argument)
{
    static const struct iocp_stream_events events;
    struct opening *opening = argument;
    opening->result = iocp_stream_open(&opening->stream, opening->strand, opening->handle,
                                       IOCP_STREAM_PIPE, &events, &opening->os_error);
}

/* The handle is the caller's still, and works. */
static void test_handle_that_the_port_refuses(void **state)
{
    (void)state;
    struct scene scene;
    struct sup_pair pair;
    char byte = 0;
    scene_open(&scene, SUP_PIPE_IN);
    assert_true(sup_pair_open(scene.world->port, SUP_PIPE_IN, &pair));
    struct opening opening = {.strand = &scene.box->strand, .handle = pair.ours};
    fails_in.associate = 0;
    sup_box_call(scene.box, open_stream, &opening);
    assert_int_equal(opening.result, IOCP_E_NOMEM);
    assert_int_equal(opening.os_error, ERROR_NO_SYSTEM_RESOURCES);
    struct sup_end ours = {pair.ours, false};
    assert_int_equal(sup_end_write(&pair.theirs, "x", 1), 1);
    assert_int_equal(sup_end_read(&ours, &byte, 1), 1);
    sup_end_close(&ours);
    sup_end_close(&pair.theirs);
    scene_close(&scene);
}

/* ---- Reads and writes --------------------------------------------------------------------------
 */

static void test_failed_read_loses_nothing(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, SUP_PIPE_IN);
    assert_int_equal(sup_end_write(&scene.pair.theirs, "precious", 8), 8);
    for (unsigned i = 0; i < 2; i++) { /* the armed read, then the one with a buffer */
        fails_in.read_file = 0;
        assert_int_equal(sup_tap_get(scene.tap, 100), IOCP_E_NOMEM);
    }
    assert_int_equal(sup_tap_get(scene.tap, 100), IOCP_OK);
    assert_int_equal(scene.tap->size, 8);
    assert_memory_equal(scene.tap->data, "precious", 8);
    scene_close(&scene);
}

static void test_read_without_memory_loses_nothing(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, SUP_PIPE_IN);
    assert_int_equal(sup_end_write(&scene.pair.theirs, "precious", 8), 8);
    fails_in.map = 0;
    assert_int_equal(sup_tap_get(scene.tap, 100), IOCP_E_NOMEM);
    assert_int_equal(sup_tap_get(scene.tap, 100), IOCP_OK);
    assert_int_equal(scene.tap->size, 8);
    scene_close(&scene);
}

/* Of three pieces the second fails: the first is told, and the memory of the copy is given back. */
static void test_failed_write_tells_what_went_out(void **state)
{
    (void)state;
    static char big[IOCP_READ_MAX];
    const struct iocp_vec vecs[] = {{"a", 1}, {"b", 1}, {big, sizeof big}, {"c", 1}, {"d", 1}};
    char back[2];
    struct scene scene;
    struct iocp_stats stats;
    scene_open(&scene, SUP_PIPE_OUT);
    fails_in.write_file = 1;
    sup_tap_write(scene.tap, vecs, 5);
    assert_int_equal(sup_tap_write_result(scene.tap), IOCP_E_NOMEM);
    assert_int_equal(scene.tap->written, 2);
    assert_int_equal(sup_end_read_all(&scene.pair.theirs, back, 2), 2);
    assert_memory_equal(back, "ab", 2);
    fails_in.write_file = 0;
    sup_tap_write(scene.tap, vecs, 2);
    assert_int_equal(sup_tap_write_result(scene.tap), IOCP_E_NOMEM);
    assert_int_equal(scene.tap->written, 0);
    sup_tap_write(scene.tap, vecs, 2);
    assert_int_equal(sup_tap_write_result(scene.tap), IOCP_OK);
    assert_int_equal(sup_end_read_all(&scene.pair.theirs, back, 2), 2);
    sup_stats(scene.world, &stats);
    assert_true(stats.slabs_leased <= 1); /* the worker's own */
    scene_close(&scene);
}

/* ---- Accepting ---------------------------------------------------------------------------------
 */

struct gate {
    struct iocp_listener listener;
    iocp_handle handle;
    struct sup_box *box;
    int opened, result;
    struct sup_tally accepts, closes;
};

static void on_accept(struct iocp_op *op)
{
    struct iocp_listener *listener = IOCP_OWNER(op, struct iocp_listener, accept);
    struct gate *gate = IOCP_OWNER(listener, struct gate, listener);
    gate->result = op->result;
    sup_tally_add(&gate->accepts, 1);
}

static void on_unlisten(struct iocp_op *op)
{
    struct iocp_listener *listener = IOCP_OWNER(op, struct iocp_listener, close);
    sup_tally_add(&IOCP_OWNER(listener, struct gate, listener)->closes, 1);
}

static void open_gate(void *argument)
{
    struct gate *gate = argument;
    int os_error = 0;
    gate->opened = iocp_listener_open(&gate->listener, &gate->box->strand, gate->handle, on_accept,
                                      on_unlisten, &os_error);
}

static void start_accept(void *argument)
{
    iocp_accept_start(&((struct gate *)argument)->listener);
}

static void close_gate(void *argument)
{
    iocp_listener_close_start(&((struct gate *)argument)->listener);
}

static void test_accept_without_a_socket_keeps_the_connection(void **state)
{
    (void)state;
    const struct iocp_port_options options = {.sys = failing_sys()};
    struct sup_world *world = sup_world_open(&options);
    struct gate *gate = sup_new(sizeof *gate);
    struct sup_end client;
    uint16_t tcp_port = 0;
    int os_error = 0;
    gate->box = sup_box_new(world);
    assert_int_equal(iocp_listen_tcp("127.0.0.1", 0, &gate->handle, &tcp_port, &os_error), 0);
    sup_box_call(gate->box, open_gate, gate);
    assert_int_equal(gate->opened, IOCP_OK);
    assert_true(sup_tcp_connect("127.0.0.1", tcp_port, &client));
    fails_in.wsa_socket = 0;
    sup_box_call(gate->box, start_accept, gate);
    sup_tally_await(&gate->accepts, 1);
    assert_int_equal(gate->result, IOCP_E_NOFILES);
    sup_box_call(gate->box, start_accept, gate);
    sup_tally_await(&gate->accepts, 2);
    assert_int_equal(gate->result, IOCP_OK);
    iocp_handle_close(world->port, gate->listener.accepted);
    sup_end_close(&client);
    sup_box_call(gate->box, close_gate, gate);
    sup_tally_await(&gate->closes, 1);
    sup_box_end(gate->box);
    sup_world_close(world);
    free(gate);
}

/* ---- Waits for processes -----------------------------------------------------------------------
 */

enum { WAITS = 200, WAITS_OF_A_THREAD = MAXIMUM_WAIT_OBJECTS - 1 };

struct watch {
    struct iocp_exit exit;
    struct crowd *crowd;
    int result;
};

struct crowd {
    struct sup_world *world;
    struct sup_box *box;
    struct watch watches[WAITS];
    struct sup_tally ends;
};

static void on_exit_seen(struct iocp_op *op)
{
    struct iocp_exit *exit = IOCP_OWNER(op, struct iocp_exit, op);
    struct watch *watch = IOCP_OWNER(exit, struct watch, exit);
    watch->result = op->result;
    iocp_exit_reap(exit, NULL);
    sup_tally_add(&watch->crowd->ends, 1);
}

/* This process is one that does not end meanwhile. */
static void start_watch(struct watch *watch)
{
    HANDLE self = NULL;
    SUP_CHECK(DuplicateHandle(GetCurrentProcess(), GetCurrentProcess(), GetCurrentProcess(), &self,
                              SYNCHRONIZE | PROCESS_QUERY_INFORMATION, FALSE, 0));
    iocp_exit_start(&watch->exit, &watch->crowd->box->strand, (iocp_handle)self, on_exit_seen);
}

static void start_all(void *argument)
{
    struct crowd *crowd = argument;
    for (unsigned i = 0; i < WAITS; i++) {
        crowd->watches[i].crowd = crowd;
        start_watch(&crowd->watches[i]);
    }
}

static void cancel_all(void *argument)
{
    struct crowd *crowd = argument;
    for (unsigned i = 0; i < WAITS; i++)
        iocp_exit_cancel(&crowd->watches[i].exit);
}

/* All threads of the process, the system's too. */
static unsigned all_threads(void)
{
    THREADENTRY32 entry = {.dwSize = sizeof entry};
    unsigned count = 0;
    HANDLE list = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    assert_ptr_not_equal(list, INVALID_HANDLE_VALUE);
    for (BOOL more = Thread32First(list, &entry); more; more = Thread32Next(list, &entry))
        count += entry.th32OwnerProcessID == GetCurrentProcessId();
    CloseHandle(list);
    return count;
}

static void await_registrations(const struct sup_world *world, unsigned count)
{
    struct iocp_stats stats;
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    do {
        assert_true(sup_now_ms() < deadline_ms);
        sup_yield();
        sup_stats(world, &stats);
    } while (stats.registrations < count);
    sup_world_settle(world);
}

static void test_waits_cost_few_threads(void **state)
{
    (void)state;
    struct crowd *crowd = sup_new(sizeof *crowd);
    struct iocp_stats stats;
    crowd->world = sup_world_open(NULL);
    crowd->box = sup_box_new(crowd->world);
    sup_world_settle(crowd->world);
    unsigned before = all_threads();
    sup_box_call(crowd->box, start_all, crowd);
    await_registrations(crowd->world, WAITS);
    sup_stats(crowd->world, &stats);
    unsigned more = all_threads() - before;
    print_message("%d waits: %u threads more, at most %u promised\n", WAITS, more,
                  (unsigned)stats.wait_threads);
    assert_int_equal(stats.wait_threads, (WAITS + 1 + WAITS_OF_A_THREAD - 1) / WAITS_OF_A_THREAD);
    assert_true(more <= stats.wait_threads);
    assert_int_equal(sup_tally_count(&crowd->ends), 0);
    sup_box_call(crowd->box, cancel_all, crowd);
    sup_tally_await(&crowd->ends, WAITS);
    for (unsigned i = 0; i < WAITS; i++)
        assert_int_equal(crowd->watches[i].result, IOCP_E_CANCELLED);
    sup_stats(crowd->world, &stats);
    assert_int_equal(stats.wait_threads, 1); /* the timer's */
    sup_box_end(crowd->box);
    sup_world_close(crowd->world);
    free(crowd);
}

static void start_one(void *argument)
{
    start_watch(&((struct crowd *)argument)->watches[0]);
}

static void test_wait_that_cannot_be_had(void **state)
{
    (void)state;
    const struct iocp_port_options options = {.sys = failing_sys()};
    struct crowd *crowd = sup_new(sizeof *crowd);
    crowd->world = sup_world_open(&options);
    crowd->box = sup_box_new(crowd->world);
    crowd->watches[0].crowd = crowd;
    fails_in.wait = 0;
    sup_box_call(crowd->box, start_one, crowd);
    sup_tally_await(&crowd->ends, 1);
    assert_int_equal(crowd->watches[0].result, IOCP_E_NOMEM);
    sup_box_end(crowd->box);
    sup_world_close(crowd->world);
    free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_port_opens_after_every_failed_allocation),
        cmocka_unit_test(test_pipe_that_cannot_be_made),
        cmocka_unit_test(test_handle_that_the_port_refuses),
        cmocka_unit_test(test_failed_read_loses_nothing),
        cmocka_unit_test(test_read_without_memory_loses_nothing),
        cmocka_unit_test(test_failed_write_tells_what_went_out),
        cmocka_unit_test(test_accept_without_a_socket_keeps_the_connection),
        cmocka_unit_test(test_waits_cost_few_threads),
        cmocka_unit_test(test_wait_that_cannot_be_had),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/faults_win", tests, NULL, NULL);
}
