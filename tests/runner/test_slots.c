/*
 * Slots for tenures without tenures: who gets one, who is asked to give way and in which order, who
 * is refused. Tenures are structs that count what they are asked; connections are strands.
 */
#include "runner/slots.h"

#include "runner/conn.h"
#include "runner/tenure.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
/* after the above */
#include <cmocka.h>

enum { MOST = 3, CONNS = 3, THREADS = 4, ROUNDS = 20000, DEADLINE_S = 30 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static struct iocp_port *port;
static struct iocp_strand strand;
static struct run_slots slots;
static struct run_conn conns[CONNS];
static struct run_slot_wish wishes[CONNS];
static struct run_tenure tenures[MOST];
/* Under the lock. */
static unsigned told[CONNS], asked[MOST], strands_ended, done;

static void count(unsigned *counter)
{
    pthread_mutex_lock(&lock);
    ++*counter;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_for(const unsigned *counter, unsigned wanted)
{
    struct timespec deadline;
    int result = 0;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += DEADLINE_S;
    pthread_mutex_lock(&lock);
    while (*counter < wanted && result == 0)
        result = pthread_cond_timedwait(&changed, &lock, &deadline);
    unsigned got = *counter;
    pthread_mutex_unlock(&lock);
    assert_int_equal(got, wanted);
}

/* ---- In place of connections and tenures ---- */

struct run_conn *run_conn_ref(struct run_conn *conn)
{
    atomic_fetch_add(&conn->refs, 1);
    return conn;
}

void run_conn_unref(struct run_conn *conn)
{
    atomic_fetch_sub(&conn->refs, 1);
}

void run_tenure_make_room(struct run_tenure *tenure)
{
    count(&asked[tenure - tenures]);
}

/* ---- Steps ---- */

static void on_strand_ended(struct iocp_op *op)
{
    (void)op;
    count(&strands_ended);
}

static int begin(void **state)
{
    int os_error;
    (void)state;
    memset(told, 0, sizeof(told));
    memset(asked, 0, sizeof(asked));
    memset(conns, 0, sizeof(conns));
    memset(tenures, 0, sizeof(tenures));
    if (iocp_port_open(NULL, &port, &os_error) != 0)
        return -1;
    iocp_strand_init(&strand, port);
    for (unsigned i = 0; i < CONNS; i++)
        iocp_strand_init(&conns[i].strand, port);
    run_slots_init(&slots, &strand, MOST);
    for (unsigned i = 0; i < MOST; i++)
        assert_true(run_slots_take(&slots));
    return 0;
}

static int end(void **state)
{
    struct iocp_op ends[CONNS + 1];
    (void)state;
    strands_ended = 0;
    for (unsigned i = 0; i < CONNS; i++)
        iocp_strand_end(&conns[i].strand, &ends[i], on_strand_ended);
    iocp_strand_end(&strand, &ends[CONNS], on_strand_ended);
    wait_for(&strands_ended, CONNS + 1);
    for (unsigned i = 0; i < CONNS; i++)
        assert_int_equal(atomic_load(&conns[i].refs), 0);
    iocp_port_close(port);
    return 0;
}

/* What a tenure tells, on the strand on which it does. */
enum word { IDLE, STAYS, LEFT, FREED, FREED_LEAVING, NOTHING };

static struct step {
    struct iocp_op op;
    enum word word;
    struct run_tenure *tenure;
} step;

static void on_step(struct iocp_op *op)
{
    (void)op;
    switch (step.word) {
    case IDLE:
        run_slots_idle(&slots, step.tenure);
        break;
    case STAYS:
        run_slots_stays(&slots, step.tenure);
        break;
    case LEFT:
        run_slots_left(&slots, step.tenure);
        break;
    case FREED:
    case FREED_LEAVING:
        run_slots_freed(&slots, step.word == FREED_LEAVING);
        break;
    case NOTHING:
        break;
    }
    count(&done);
}

static void tell(enum word word, unsigned number)
{
    done = 0;
    step.word = word;
    step.tenure = &tenures[number];
    iocp_op_init(&step.op, &strand, on_step);
    iocp_post(&step.op);
    wait_for(&done, 1);
}

static void on_told(struct run_slot_wish *wish)
{
    count(&told[wish - wishes]);
}

/* The wish has come in when this returns: the strand takes one after the other. */
static void wish(unsigned number)
{
    wishes[number].done = on_told;
    run_slots_wish(&slots, &wishes[number], &conns[number]);
    tell(NOTHING, 0);
}

static void assert_told(unsigned number, bool granted)
{
    wait_for(&told[number], 1);
    assert_int_equal(wishes[number].granted, granted);
}

static void test_slots_are_as_many_as_there_are(void **state)
{
    (void)state;
    assert_false(run_slots_take(&slots));
    assert_int_equal(run_slots_taken(&slots), MOST);
    run_slots_give_back(&slots);
    assert_true(run_slots_take(&slots));
    assert_false(run_slots_take(&slots));
}

static void test_slots_refuse_when_nobody_is_idle(void **state)
{
    (void)state;
    wish(0);
    assert_told(0, false);
    assert_int_equal(run_slots_taken(&slots), MOST);
}

static void test_slots_that_came_back_are_granted(void **state)
{
    (void)state;
    tell(FREED, 0);
    assert_int_equal(run_slots_taken(&slots), MOST - 1);
    wish(0);
    assert_told(0, true);
    assert_int_equal(run_slots_taken(&slots), MOST);
}

/* Being idle again makes a tenure the newest. */
static void test_slots_ask_who_is_idle_for_longest(void **state)
{
    (void)state;
    tell(IDLE, 0);
    tell(IDLE, 1);
    tell(IDLE, 2);
    tell(IDLE, 0);
    wish(0);
    wait_for(&asked[1], 1);
    wish(1);
    wait_for(&asked[2], 1);
    assert_int_equal(asked[0], 0);
    tell(LEFT, 1);
    tell(FREED_LEAVING, 1);
    assert_told(0, true);
    assert_int_equal(told[1], 0);
    tell(LEFT, 2);
    tell(FREED_LEAVING, 2);
    assert_told(1, true);
    assert_int_equal(run_slots_taken(&slots), MOST);
}

static void test_slots_ask_the_next_when_one_stays(void **state)
{
    (void)state;
    tell(IDLE, 0);
    tell(IDLE, 1);
    wish(0);
    wait_for(&asked[0], 1);
    tell(STAYS, 0);
    wait_for(&asked[1], 1);
    tell(STAYS, 1);
    assert_told(0, false);
    assert_int_equal(asked[0], 1); /* who stays is not asked again */
}

/* It was taken up and lost once more while it was asked. */
static void test_slots_ask_again_who_is_idle_again(void **state)
{
    (void)state;
    tell(IDLE, 0);
    wish(0);
    tell(IDLE, 0);
    assert_int_equal(asked[0], 1);
    tell(STAYS, 0);
    wait_for(&asked[0], 2);
    tell(LEFT, 0);
    tell(FREED_LEAVING, 0);
    assert_told(0, true);
}

/* The newest wish goes without, and one that is freed for another reason serves, too. */
static void test_slots_serve_the_oldest_wish(void **state)
{
    (void)state;
    tell(IDLE, 0);
    tell(IDLE, 1);
    wish(0);
    wish(1);
    wish(2);
    assert_told(2, false);
    tell(STAYS, 1);
    assert_told(1, false);
    assert_int_equal(told[0], 0);
    tell(FREED, 2);
    assert_told(0, true);
    tell(LEFT, 0);
    tell(FREED_LEAVING, 0); /* nobody waits any more */
    assert_int_equal(run_slots_taken(&slots), MOST - 1);
}

static void test_slots_do_not_ask_who_has_ended(void **state)
{
    (void)state;
    tell(IDLE, 0);
    tell(IDLE, 1);
    tell(IDLE, 2);
    tell(LEFT, 1);
    tell(LEFT, 0);
    tell(LEFT, 2);
    wish(0);
    assert_told(0, false);
}

/* ---- The count, from many threads ---- */

static _Atomic unsigned most_seen, inside;

static void *take_and_give(void *context)
{
    (void)context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (!run_slots_take(&slots))
            continue;
        unsigned now = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&most_seen);
        while (now > most && !atomic_compare_exchange_weak(&most_seen, &most, now))
            ;
        atomic_fetch_sub(&inside, 1);
        run_slots_give_back(&slots);
    }
    return NULL;
}

static void test_slots_are_counted_exactly(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    atomic_store(&most_seen, 0);
    run_slots_give_back(&slots);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&most_seen), 1);
    assert_int_equal(run_slots_taken(&slots), MOST - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_slots_are_as_many_as_there_are),    TEST(test_slots_refuse_when_nobody_is_idle),
        TEST(test_slots_that_came_back_are_granted),  TEST(test_slots_ask_who_is_idle_for_longest),
        TEST(test_slots_ask_the_next_when_one_stays), TEST(test_slots_ask_again_who_is_idle_again),
        TEST(test_slots_serve_the_oldest_wish),       TEST(test_slots_do_not_ask_who_has_ended),
        TEST(test_slots_are_counted_exactly),
    };
    return cmocka_run_group_tests_name("runner/slots", tests, NULL, NULL);
}
