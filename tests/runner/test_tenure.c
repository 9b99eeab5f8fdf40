/*
 * Tenures without a server: every state and transition of tenure.h, on real strands. Connections
 * are strands that count what they are asked; the server is a strand and one place for a tenure.
 */
#include "runner/tenure.h"

#include "runner/proc.h"
#include "runner/server.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* after the above */
#include <cmocka.h>

enum { CONNS = 3, DEADLINE_S = 30, SOON_MS = 30 };

/* What happened, under the lock. */
static struct seen {
    unsigned came, left, freed, looks, detached, notices, idle, stays, freed_leaving;
    unsigned probes[CONNS], yields[CONNS], told[CONNS];
    enum run_resume_outcome outcome[CONNS];
    enum sess_ender ender;
    struct run_conn *noticed_by;
} seen;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static struct iocp_port *port;
static struct run_server server;
static struct run_conn conns[CONNS];
static struct run_resume wishes[CONNS];
static struct run_tenure *enrolled; /* under the lock */
static struct run_tenure *tenure;   /* of the test */
static uint64_t ttl_ns;
static unsigned late_looks; /* so many looks find a process whose own time is longer */

static void count(unsigned *counter)
{
    pthread_mutex_lock(&lock);
    ++*counter;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static struct timespec deadline_from_now(void)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += DEADLINE_S;
    return deadline;
}

static void wait_for(const unsigned *counter, unsigned wanted)
{
    struct timespec deadline = deadline_from_now();
    int result = 0;
    pthread_mutex_lock(&lock);
    while (*counter < wanted && result == 0)
        result = pthread_cond_timedwait(&changed, &lock, &deadline);
    unsigned got = *counter;
    pthread_mutex_unlock(&lock);
    assert_int_equal(got, wanted);
}

/* A callback may give a connection up after the one of the tenure that frees it. */
static void wait_until_unreferenced(const struct run_conn *conn)
{
    struct timespec deadline = deadline_from_now();
    int result = 0;
    pthread_mutex_lock(&lock);
    while (atomic_load(&conn->refs) != 0 && result == 0)
        result = pthread_cond_timedwait(&changed, &lock, &deadline);
    pthread_mutex_unlock(&lock);
    assert_int_equal(atomic_load(&conn->refs), 0);
}

/* ---- In place of connections, processes and the server ---- */

struct run_conn *run_conn_ref(struct run_conn *conn)
{
    atomic_fetch_add(&conn->refs, 1);
    return conn;
}

void run_conn_unref(struct run_conn *conn)
{
    pthread_mutex_lock(&lock);
    atomic_fetch_sub(&conn->refs, 1);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void run_proc_detach_all(struct run_tenure *of, enum sess_ender ender)
{
    (void)of;
    seen.ender = ender; /* read behind the count */
    count(&seen.detached);
}

uint64_t run_proc_detach_late(struct run_tenure *of, uint64_t now_ns)
{
    (void)of;
    bool has_late = seen.looks < late_looks;
    count(&seen.looks);
    return has_late ? now_ns + SOON_MS * UINT64_C(1000000) : 0;
}

uint64_t run_server_detach_ttl_ns(const struct run_server *of)
{
    (void)of;
    return ttl_ns;
}

void run_server_tenure_came(struct run_server *of, struct run_tenure *came)
{
    (void)of;
    enrolled = came;
    count(&seen.came);
}

void run_server_tenure_left(struct run_server *of, struct run_tenure *left)
{
    (void)of;
    assert_ptr_equal(left, enrolled);
    enrolled = NULL;
    count(&seen.left);
}

void run_server_tenure_freed(struct run_server *of, bool was_leaving)
{
    (void)of;
    seen.freed_leaving += was_leaving; /* read behind the count */
    count(&seen.freed);
}

struct run_tenure *run_server_find_tenure(struct run_server *of, const char *id)
{
    (void)of;
    return enrolled != NULL && strcmp(id, enrolled->id) == 0 ? enrolled : NULL;
}

void run_slots_idle(struct run_slots *slots, struct run_tenure *is)
{
    assert_ptr_equal(slots, &server.slots);
    assert_ptr_equal(is, enrolled);
    count(&seen.idle);
}

void run_slots_stays(struct run_slots *slots, struct run_tenure *is)
{
    assert_ptr_equal(slots, &server.slots);
    is->leaving = false;
    count(&seen.stays);
}

static void on_probe(struct iocp_op *op)
{
    count(&seen.probes[IOCP_OWNER(op, struct run_conn, probe) - conns]);
}

static void on_yield(struct iocp_op *op)
{
    count(&seen.yields[IOCP_OWNER(op, struct run_conn, yield) - conns]);
}

/* ---- Steps of a test ---- */

static int begin(void **state)
{
    int os_error;
    (void)state;
    memset(&seen, 0, sizeof(seen));
    memset(conns, 0, sizeof(conns));
    ttl_ns = 3600 * UINT64_C(1000000000);
    late_looks = 0;
    if (iocp_port_open(NULL, &port, &os_error) != 0)
        return -1;
    server.port = port;
    iocp_strand_init(&server.strand, port);
    for (unsigned i = 0; i < CONNS; i++) {
        conns[i].server = &server;
        iocp_strand_init(&conns[i].strand, port);
        iocp_op_init(&conns[i].probe, &conns[i].strand, on_probe);
        iocp_op_init(&conns[i].yield, &conns[i].strand, on_yield);
    }
    tenure = run_tenure_new(&server, &conns[0]);
    if (tenure == NULL)
        return -1;
    conns[0].tenure = tenure;
    wait_for(&seen.came, 1);
    return 0;
}

static unsigned strands_ended;

static void on_strand_ended(struct iocp_op *op)
{
    (void)op;
    count(&strands_ended);
}

/* Every test ends its tenure: it is freed, and nobody is referred to. */
static int end(void **state)
{
    struct iocp_op ends[CONNS + 1];
    (void)state;
    wait_for(&seen.left, 1);
    wait_for(&seen.freed, 1);
    strands_ended = 0;
    for (unsigned i = 0; i < CONNS; i++) {
        wait_until_unreferenced(&conns[i]);
        iocp_strand_end(&conns[i].strand, &ends[i], on_strand_ended);
    }
    iocp_strand_end(&server.strand, &ends[CONNS], on_strand_ended);
    wait_for(&strands_ended, CONNS + 1);
    iocp_port_close(port);
    return 0;
}

static void give_up(unsigned number, bool ends)
{
    conns[number].tenure = NULL;
    run_tenure_release(tenure, ends);
}

static void on_told(struct run_resume *resume)
{
    unsigned number = (unsigned)(resume - wishes);
    seen.outcome[number] = resume->outcome;
    if (resume->outcome == RUN_RESUME_GIVEN)
        conns[number].tenure = resume->tenure;
    count(&seen.told[number]);
}

static void wish(unsigned number, bool take_over)
{
    struct run_resume *resume = &wishes[number];
    memset(resume, 0, sizeof(*resume));
    memcpy(resume->id, tenure->id, sizeof(resume->id));
    resume->take_over = take_over;
    resume->done = on_told;
    run_resume_start(resume, &conns[number]);
}

static void assert_told(unsigned number, enum run_resume_outcome outcome)
{
    wait_for(&seen.told[number], 1);
    assert_int_equal(seen.outcome[number], outcome);
}

static void test_tenure_that_is_detached_is_given(void **state)
{
    (void)state;
    give_up(0, false);
    wait_for(&seen.looks, 1); /* it is detached, and its time runs */
    wish(1, false);
    assert_told(1, RUN_RESUME_GIVEN);
    assert_int_equal(seen.probes[0], 0);
    give_up(1, true);
    wait_for(&seen.left, 1);
    assert_int_equal(seen.detached, 0); /* whoever ends it so has ended its processes */
}

/* An answer for which there was no processor in time proves nothing. */
static void test_tenure_stays_with_who_answers(void **state)
{
    (void)state;
    uint64_t before_ns = iocp_now_ns(port);
    wish(1, false);
    wait_for(&seen.probes[0], 1);
    run_tenure_is_alive(tenure);
    if (iocp_now_ns(port) - before_ns < RUN_TENURE_PROBE_MS * UINT64_C(1000000))
        assert_told(1, RUN_RESUME_ATTACHED);
    else
        print_message("no processor: the answer came too late\n");
    give_up(0, true);
    wait_for(&seen.told[1], 1);
}

static void test_tenure_goes_on_from_who_is_silent(void **state)
{
    (void)state;
    wish(1, false);
    wait_for(&seen.probes[0], 1);
    wait_for(&seen.yields[0], 1); /* after RUN_TENURE_PROBE_MS */
    give_up(0, false);
    assert_told(1, RUN_RESUME_GIVEN);
    assert_int_equal(seen.looks, 0); /* it was detached for no time */
    give_up(1, true);
}

static void test_tenure_can_be_taken_over_unasked(void **state)
{
    (void)state;
    wish(1, true);
    wait_for(&seen.yields[0], 1);
    assert_int_equal(seen.probes[0], 0);
    run_tenure_is_alive(tenure); /* does not help */
    give_up(0, false);
    assert_told(1, RUN_RESUME_GIVEN);
    give_up(1, true);
}

static void test_tenure_goes_to_the_newest_wish(void **state)
{
    (void)state;
    wish(1, false);
    wait_for(&seen.probes[0], 1);
    wish(2, false);
    assert_told(1, RUN_RESUME_ATTACHED);
    give_up(0, false);
    assert_told(2, RUN_RESUME_GIVEN);
    give_up(2, true);
}

static void test_tenure_that_has_ended_is_unknown(void **state)
{
    (void)state;
    (void)run_tenure_ref(tenure);
    give_up(0, true);
    wait_for(&seen.left, 1);
    wish(1, false);
    assert_told(1, RUN_RESUME_UNKNOWN);
    run_tenure_unref(tenure);
}

static void test_tenure_ends_under_a_wish(void **state)
{
    (void)state;
    wish(1, true);
    wait_for(&seen.yields[0], 1);
    give_up(0, true);
    assert_told(1, RUN_RESUME_UNKNOWN);
}

static void test_tenure_ends_when_its_time_is_over(void **state)
{
    (void)state;
    ttl_ns = SOON_MS * UINT64_C(1000000);
    give_up(0, false);
    wait_for(&seen.detached, 1);
    assert_int_equal(seen.ender, SESS_ENDER_DISCONNECT);
    assert_true(seen.looks >= 2); /* when it was detached, and when the time was over */
}

/* A process that may live longer keeps the tenure. */
static void test_tenure_waits_for_the_longest_of_its_processes(void **state)
{
    (void)state;
    ttl_ns = 0;
    late_looks = 2;
    give_up(0, false);
    wait_for(&seen.detached, 1);
    assert_int_equal(seen.looks, 3);
}

static void test_tenure_without_time_ends_at_once(void **state)
{
    (void)state;
    ttl_ns = 0;
    give_up(0, false);
    wait_for(&seen.detached, 1);
    assert_int_equal(seen.looks, 1);
}

static void test_tenure_stops_with_the_server(void **state)
{
    (void)state;
    give_up(0, false);
    wait_for(&seen.looks, 1);
    run_tenure_stop(tenure);
    wait_for(&seen.detached, 1);
    assert_int_equal(seen.ender, SESS_ENDER_SHUTDOWN);
}

/* While somebody holds it the server's end is the connection's matter. */
static void test_tenure_stops_when_it_is_given_up(void **state)
{
    (void)state;
    run_tenure_stop(tenure);
    run_tenure_stop(tenure);
    wish(1, true);
    wait_for(&seen.yields[0], 1); /* behind the stop, on the same strand */
    assert_int_equal(seen.detached, 0);
    give_up(0, false);
    wait_for(&seen.detached, 1);
    assert_int_equal(seen.ender, SESS_ENDER_SHUTDOWN);
    assert_told(1, RUN_RESUME_UNKNOWN);
}

/* ---- Making room ---- */

static void on_room(struct iocp_op *op)
{
    (void)op;
    tenure->leaving = true;
    run_tenure_make_room(tenure);
}

static void make_room(void)
{
    static struct iocp_op op;
    iocp_op_init(&op, &server.strand, on_room);
    iocp_post(&op);
}

static void test_tenure_makes_room_when_it_keeps_nothing(void **state)
{
    (void)state;
    give_up(0, false);
    wait_for(&seen.idle, 1);
    make_room();
    wait_for(&seen.left, 1);
    wait_for(&seen.freed, 1);
    assert_int_equal(seen.freed_leaving, 1);
    assert_int_equal(seen.detached, 0); /* there was nothing to end */
}

static void test_tenure_stays_while_it_is_held(void **state)
{
    (void)state;
    make_room();
    wait_for(&seen.stays, 1);
    assert_int_equal(seen.idle, 0);
    give_up(0, true);
    wait_for(&seen.freed, 1);
    assert_int_equal(seen.freed_leaving, 0);
}

/* Whoever refers to it may be a process that is not over, or about to take it up. */
static void test_tenure_stays_while_it_is_referred_to(void **state)
{
    (void)state;
    (void)run_tenure_ref(tenure);
    give_up(0, false);
    wait_for(&seen.idle, 1);
    make_room();
    wait_for(&seen.stays, 1);
    wish(1, false);
    assert_told(1, RUN_RESUME_GIVEN);
    run_tenure_unref(tenure);
    give_up(1, true);
}

/* A process, or a record that can be read. */
static void test_tenure_with_processes_is_not_idle(void **state)
{
    (void)state;
    tenure->table.count = 1;
    give_up(0, false);
    wait_for(&seen.looks, 1);
    make_room();
    wait_for(&seen.stays, 1);
    assert_int_equal(seen.idle, 0);
    wish(1, false);
    assert_told(1, RUN_RESUME_GIVEN);
    tenure->table.count = 0;
    give_up(1, true);
}

static void take_notice(struct run_notice *notice, struct run_conn *holder)
{
    (void)notice;
    seen.noticed_by = holder;
    count(&seen.notices);
}

static void test_tenure_notices_find_the_holder(void **state)
{
    struct run_notice notice;
    (void)state;
    run_notice_post(&notice, tenure, take_notice);
    wait_for(&seen.notices, 1);
    assert_ptr_equal(seen.noticed_by, &conns[0]);
    give_up(0, false);
    wait_for(&seen.looks, 1);
    run_notice_post(&notice, tenure, take_notice);
    wait_for(&seen.notices, 2);
    assert_null(seen.noticed_by);
    run_tenure_stop(tenure);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tenure_that_is_detached_is_given),
        TEST(test_tenure_stays_with_who_answers),
        TEST(test_tenure_goes_on_from_who_is_silent),
        TEST(test_tenure_can_be_taken_over_unasked),
        TEST(test_tenure_goes_to_the_newest_wish),
        TEST(test_tenure_that_has_ended_is_unknown),
        TEST(test_tenure_ends_under_a_wish),
        TEST(test_tenure_ends_when_its_time_is_over),
        TEST(test_tenure_waits_for_the_longest_of_its_processes),
        TEST(test_tenure_without_time_ends_at_once),
        TEST(test_tenure_stops_with_the_server),
        TEST(test_tenure_stops_when_it_is_given_up),
        TEST(test_tenure_makes_room_when_it_keeps_nothing),
        TEST(test_tenure_stays_while_it_is_held),
        TEST(test_tenure_stays_while_it_is_referred_to),
        TEST(test_tenure_with_processes_is_not_idle),
        TEST(test_tenure_notices_find_the_holder),
    };
    return cmocka_run_group_tests_name("runner/tenure", tests, NULL, NULL);
}
