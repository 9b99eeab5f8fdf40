/*
 * Tombstones without a server: their time, their number, and that expired is told from never
 * existed. In place of the table there is a count of who left it.
 */
#include "runner/tombstone.h"

#include "runner/proc.h"
#include "runner/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* after the above */
#include <cmocka.h>

#define TTL_NS UINT64_C(30000000000)

enum { MORE = 10 };

static struct iocp_port *port;
static struct run_tenure tenure;
static struct run_proc *procs;
static unsigned left; /* the table, in the order of their numbers */

void run_proc_leave_table(struct run_proc *proc)
{
    assert_true(proc->in_table);
    assert_ptr_equal(proc, &procs[left]); /* the oldest first */
    proc->in_table = false;
    tenure.table.count--;
    left++;
}

uint64_t run_server_tombstone_ttl_ns(const struct run_server *server)
{
    (void)server;
    return TTL_NS;
}

static struct wire_span name_of(unsigned number)
{
    static char name[16];
    int size = snprintf(name, sizeof(name), "p%u", number);
    return wire_span_of(name, (size_t)size);
}

static int begin(void **state)
{
    int os_error;
    (void)state;
    tenure = (struct run_tenure){.seed = 7};
    left = 0;
    procs = calloc(RUN_TOMBSTONES_MAX + RUN_RECENT_MAX + MORE, sizeof(*procs));
    if (procs == NULL || iocp_port_open(NULL, &port, &os_error) != 0)
        return -1;
    iocp_strand_init(&tenure.strand, port);
    run_recent_init(&tenure.expired);
    return 0;
}

static void on_ended(struct iocp_op *op)
{
    (void)op;
}

static int end(void **state)
{
    (void)state;
    run_recent_deinit(&tenure.expired);
    iocp_strand_end(&tenure.strand, &tenure.end, on_ended);
    iocp_port_close(port);
    free(procs);
    return 0;
}

/* Process number lives, and is gone. */
static void go(unsigned number)
{
    struct run_proc *proc = &procs[number];
    proc->tenure = &tenure;
    proc->in_table = true;
    proc->id_key = run_recent_key(tenure.seed, name_of(number));
    tenure.table.count++;
    run_tombstone_add(proc);
}

/* Time passes for the one that went first. */
static void age(unsigned number, uint64_t by_ns)
{
    procs[number].gone_ns -= by_ns;
}

static void test_tombstone_stays_for_its_time(void **state)
{
    (void)state;
    go(0);
    go(1);
    assert_int_equal(tenure.tombs_count, 2);
    assert_true(procs[0].gone_ns > 0);
    age(0, TTL_NS / 2);
    run_tombstones_sweep(&tenure);
    assert_int_equal(left, 0);
    age(0, TTL_NS / 2);
    run_tombstones_sweep(&tenure);
    assert_int_equal(left, 1);
    assert_int_equal(tenure.tombs_count, 1);
    assert_true(run_tombstone_is_expired(&tenure, name_of(0)));
    assert_false(run_tombstone_is_expired(&tenure, name_of(1))); /* it answers still */
    assert_false(run_tombstone_is_expired(&tenure, name_of(2))); /* it never existed */
}

/* Whatever is added sweeps, too: no timer is needed. */
static void test_tombstone_is_swept_by_the_next(void **state)
{
    (void)state;
    go(0);
    age(0, TTL_NS);
    go(1);
    assert_int_equal(left, 1);
    age(1, TTL_NS);
    run_tombstones_sweep(&tenure);
    assert_null(tenure.tombs_oldest);
    assert_null(tenure.tombs_newest);
    go(2); /* the list begins anew */
    assert_ptr_equal(tenure.tombs_oldest, &procs[2]);
    assert_ptr_equal(tenure.tombs_newest, &procs[2]);
}

static void test_tombstones_are_bounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RUN_TOMBSTONES_MAX; i++)
        go(i);
    assert_int_equal(left, 0);
    for (unsigned i = 0; i < MORE; i++)
        go(RUN_TOMBSTONES_MAX + i);
    assert_int_equal(left, MORE);
    assert_int_equal(tenure.tombs_count, RUN_TOMBSTONES_MAX);
    assert_true(run_tombstone_is_expired(&tenure, name_of(MORE - 1)));
    assert_false(run_tombstone_is_expired(&tenure, name_of(MORE)));
}

/* Of those that expired so many are known; before them it is as if they had never existed. */
static void test_tombstones_expired_are_known_as_far_as_there_is_room(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RUN_TOMBSTONES_MAX + RUN_RECENT_MAX + 1; i++)
        go(i);
    assert_int_equal(left, RUN_RECENT_MAX + 1);
    assert_false(run_tombstone_is_expired(&tenure, name_of(0)));
    assert_true(run_tombstone_is_expired(&tenure, name_of(1)));
    assert_true(run_tombstone_is_expired(&tenure, name_of(RUN_RECENT_MAX)));
}

static void test_tombstones_do_not_count_as_living(void **state)
{
    (void)state;
    tenure.table.count = 3;
    go(0);
    assert_int_equal(run_tombstones_living(&tenure), 3);
    run_tombstones_forget(&tenure);
    assert_null(tenure.tombs_oldest);
    assert_int_equal(tenure.tombs_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tombstone_stays_for_its_time),
        TEST(test_tombstone_is_swept_by_the_next),
        TEST(test_tombstones_are_bounded),
        TEST(test_tombstones_expired_are_known_as_far_as_there_is_room),
        TEST(test_tombstones_do_not_count_as_living),
    };
    return cmocka_run_group_tests_name("runner/tombstone", tests, NULL, NULL);
}
