/*
 * Slots for tenures, and who gives way when all are taken: see slots.h.
 */
#include "runner/slots.h"

#include "runner/conn.h"
#include "runner/tenure.h"

#include <assert.h>

/* ---- The count: any thread ---- */

void run_slots_init(struct run_slots *slots, struct iocp_strand *strand, uint32_t most)
{
    *slots = (struct run_slots){.strand = strand, .most = most};
    atomic_init(&slots->taken, 0);
}

bool run_slots_take(struct run_slots *slots)
{
    uint32_t taken = atomic_load(&slots->taken);
    while (taken < slots->most)
        if (atomic_compare_exchange_weak(&slots->taken, &taken, taken + 1))
            return true;
    return false;
}

void run_slots_give_back(struct run_slots *slots)
{
    uint32_t before = atomic_fetch_sub(&slots->taken, 1);
    assert(before > 0);
    (void)before;
}

uint32_t run_slots_taken(const struct run_slots *slots)
{
    return atomic_load(&slots->taken);
}

/* ---- Idle tenures, the one that nobody has held for longest first ---- */

static void link_idle(struct run_slots *slots, struct run_tenure *tenure)
{
    tenure->idle_next = NULL;
    tenure->idle_prev = slots->idle_newest;
    if (slots->idle_newest != NULL)
        slots->idle_newest->idle_next = tenure;
    else
        slots->idle_oldest = tenure;
    slots->idle_newest = tenure;
    tenure->in_idle = true;
}

static void unlink_idle(struct run_slots *slots, struct run_tenure *tenure)
{
    if (!tenure->in_idle)
        return;
    if (tenure->idle_prev != NULL)
        tenure->idle_prev->idle_next = tenure->idle_next;
    else
        slots->idle_oldest = tenure->idle_next;
    if (tenure->idle_next != NULL)
        tenure->idle_next->idle_prev = tenure->idle_prev;
    else
        slots->idle_newest = tenure->idle_prev;
    tenure->in_idle = false;
}

/* Asks one to end. A tenure that was taken up stays in the list, and says so when it is asked. */
static bool ask_one(struct run_slots *slots)
{
    struct run_tenure *tenure = slots->idle_oldest;
    if (tenure == NULL)
        return false;
    unlink_idle(slots, tenure);
    tenure->leaving = true;
    slots->leaving++;
    run_tenure_make_room(tenure);
    return true;
}

/* ---- Wishes ---- */

static void on_told(struct iocp_op *op)
{
    struct run_slot_wish *wish = IOCP_OWNER(op, struct run_slot_wish, op);
    struct run_conn *conn = wish->conn;
    wish->done(wish); /* may free it */
    run_conn_unref(conn);
}

static void tell(struct run_slot_wish *wish, bool granted)
{
    wish->granted = granted;
    iocp_op_init(&wish->op, &wish->conn->strand, on_told);
    iocp_post(&wish->op);
}

/* Takes a wish out of the list, where it lies. */
static struct run_slot_wish *pop(struct run_slots *slots, struct run_slot_wish **at)
{
    struct run_slot_wish *wish = *at;
    *at = wish->next;
    slots->waiting--;
    return wish;
}

/* The newest wish goes without: those before it came first. */
static void refuse_newest(struct run_slots *slots)
{
    struct run_slot_wish **at = &slots->wishes;
    while ((*at)->next != NULL)
        at = &(*at)->next;
    tell(pop(slots, at), false);
}

static void add(struct run_slots *slots, struct run_slot_wish *wish)
{
    struct run_slot_wish **at = &slots->wishes;
    while (*at != NULL)
        at = &(*at)->next;
    wish->next = NULL;
    *at = wish;
    slots->waiting++;
}

static void settle(struct run_slots *slots)
{
    if (slots->waiting > slots->leaving && !ask_one(slots))
        refuse_newest(slots);
    assert(slots->waiting <= slots->leaving);
}

static void on_wish(struct iocp_op *op)
{
    struct run_slot_wish *wish = IOCP_OWNER(op, struct run_slot_wish, op);
    struct run_slots *slots = wish->slots;
    if (run_slots_take(slots)) {
        tell(wish, true);
        return;
    }
    add(slots, wish);
    settle(slots);
}

void run_slots_wish(struct run_slots *slots, struct run_slot_wish *wish, struct run_conn *conn)
{
    wish->slots = slots;
    wish->conn = run_conn_ref(conn);
    iocp_op_init(&wish->op, slots->strand, on_wish);
    iocp_post(&wish->op);
}

/* ---- What becomes of tenures ---- */

void run_slots_idle(struct run_slots *slots, struct run_tenure *tenure)
{
    if (tenure->leaving) { /* its answer comes */
        tenure->idle_again = true;
        return;
    }
    unlink_idle(slots, tenure);
    link_idle(slots, tenure);
}

void run_slots_stays(struct run_slots *slots, struct run_tenure *tenure)
{
    assert(tenure->leaving && slots->leaving > 0);
    tenure->leaving = false;
    slots->leaving--;
    if (tenure->idle_again)
        link_idle(slots, tenure);
    tenure->idle_again = false;
    settle(slots);
}

void run_slots_left(struct run_slots *slots, struct run_tenure *tenure)
{
    unlink_idle(slots, tenure);
}

void run_slots_freed(struct run_slots *slots, bool was_leaving)
{
    assert(!was_leaving || slots->leaving > 0);
    if (was_leaving)
        slots->leaving--;
    if (slots->wishes != NULL)
        tell(pop(slots, &slots->wishes), true);
    else
        run_slots_give_back(slots);
}
