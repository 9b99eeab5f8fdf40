/*
 * What a side does beside its stream: timers that are started and cancelled, calls on helpers,
 * children that are started by a helper, waited for, and sometimes not waited for to the end.
 */
#include "race.h"

enum { LONGEST_TIMER_US = 2000 };

/* ---- Timers ---------------------------------------------------------------------------------- */

static void on_timer(struct iocp_op *op)
{
    struct iocp_timer *timer = IOCP_OWNER(op, struct iocp_timer, op);
    struct race_timer *mine = IOCP_OWNER(timer, struct race_timer, timer);
    struct race_side *side = mine->side;
    race_disarm(side->race, RACE_TIMER, &mine->armed);
    SUP_CHECK(!side->starting && !iocp_pending(op));
    if (op->result == IOCP_OK)
        SUP_CHECK(iocp_now_ns(side->race->world->port) >= timer->deadline_ns);
    else
        SUP_CHECK(op->result == IOCP_E_CANCELLED && mine->cancelled);
    if (mine->wakes)
        race_side_drive_on(side);
}

static void start_timer(struct race_timer *mine, uint32_t delay_us, bool wakes)
{
    struct race_side *side = mine->side;
    uint64_t now_ns = iocp_now_ns(side->race->world->port);
    mine->cancelled = false;
    mine->wakes = wakes;
    race_arm(side->race, RACE_TIMER, &mine->armed);
    side->starting = true;
    iocp_timer_start(&mine->timer, now_ns + (uint64_t)delay_us * 1000);
    side->starting = false;
}

static void cancel_timer(struct race_timer *mine)
{
    mine->cancelled = true;
    race_count_start(mine->side->race, RACE_CANCEL);
    iocp_timer_cancel(&mine->timer);
}

static void toggle_timer(struct race_side *side)
{
    struct race_timer *mine = &side->timers[sup_random_below(&side->random, RACE_TIMERS)];
    if (mine->armed)
        cancel_timer(mine);
    else
        start_timer(mine, sup_random_below(&side->random, LONGEST_TIMER_US), false);
}

bool race_extras_sleep(struct race_side *side)
{
    for (unsigned i = 0; i < RACE_TIMERS; i++) {
        if (side->timers[i].armed)
            continue;
        start_timer(&side->timers[i], sup_random_below(&side->random, 150), true);
        return true;
    }
    return false;
}

/* ---- Helpers --------------------------------------------------------------------------------- */

/* On a helper. */
static void work(struct iocp_help *help)
{
    static const char *const numbers[] = {"0", "1", "77"};
    struct race_side *side = IOCP_OWNER(help, struct race_side, help);
    unsigned n = atomic_fetch_add_explicit(&side->works, 1, memory_order_relaxed);
    const char *const arguments[2] = {"code", numbers[n % 3]};
    side->spawned =
        side->help_spawns && sup_child_start("iocp_exit", arguments, NULL, &side->child);
    sup_spin(n % 50);
}

static void on_exit_seen(struct iocp_op *op);

static void wait_for_child(struct race_side *side)
{
    race_arm(side->race, RACE_EXIT, &side->waiting);
    side->exit_cancelled = false;
    side->starting = true;
    iocp_exit_start(&side->exit, &side->box->strand, side->child.handle, on_exit_seen);
    side->starting = false;
}

static void on_help(struct iocp_op *op)
{
    struct iocp_help *help = IOCP_OWNER(op, struct iocp_help, op);
    struct race_side *side = IOCP_OWNER(help, struct race_side, help);
    race_disarm(side->race, RACE_HELP, &side->helping);
    SUP_CHECK(!side->starting && !iocp_pending(op));
    SUP_CHECK(op->result == IOCP_OK || op->result == IOCP_E_BUSY);
    if (op->result == IOCP_OK && side->spawned)
        wait_for_child(side);
}

static void start_help(struct race_side *side)
{
    if (side->helping || side->waiting)
        return;
    side->spawned = false;
    side->help_spawns =
        sup_random_below(&side->random, 20) == 0 &&
        atomic_fetch_sub_explicit(&side->race->children_left, 1, memory_order_relaxed) > 0;
    race_arm(side->race, RACE_HELP, &side->helping);
    side->help.what = "race";
    side->starting = true;
    iocp_help_start(&side->help, &side->box->strand,
                    side->help_spawns ? IOCP_POOL_STARTS : IOCP_POOL_GENERAL, work, on_help);
    side->starting = false;
}

/* ---- Children -------------------------------------------------------------------------------- */

static void on_exit_seen(struct iocp_op *op)
{
    struct iocp_exit *exit = IOCP_OWNER(op, struct iocp_exit, op);
    struct race_side *side = IOCP_OWNER(exit, struct race_side, exit);
    struct iocp_usage usage;
    race_disarm(side->race, RACE_EXIT, &side->waiting);
    SUP_CHECK(!side->starting && !iocp_pending(op));
    if (op->result == IOCP_OK) {
        SUP_CHECK(exit->signal == 0);
        SUP_CHECK(exit->code == 0 || exit->code == 1 || exit->code == 77);
        SUP_CHECK(sup_child_exists(&side->child));
    } else {
        SUP_CHECK(op->result == IOCP_E_CANCELLED && side->exit_cancelled);
    }
    iocp_exit_reap(exit, &usage);
    if (op->result != IOCP_OK && sup_child_exists(&side->child))
        sup_child_reap(&side->child);
    SUP_CHECK(!sup_child_exists(&side->child));
}

static void cancel_exit(struct race_side *side)
{
    if (!side->waiting)
        return;
    side->exit_cancelled = true;
    race_count_start(side->race, RACE_CANCEL);
    iocp_exit_cancel(&side->exit);
}

/* ---- All of them ----------------------------------------------------------------------------- */

void race_extras_init(struct race_side *side)
{
    for (unsigned i = 0; i < RACE_TIMERS; i++) {
        side->timers[i].side = side;
        iocp_timer_init(&side->timers[i].timer, &side->box->strand, on_timer);
    }
}

void race_extras_act(struct race_side *side)
{
    uint32_t which = sup_random_below(&side->random, 10);
    if (which < 7)
        toggle_timer(side);
    else if (which < 9)
        start_help(side);
    else if (sup_random_below(&side->random, 100) == 0)
        cancel_exit(side);
}

bool race_extras_ended(struct race_side *side)
{
    bool ended = !side->helping && !side->waiting;
    for (unsigned i = 0; i < RACE_TIMERS; i++) {
        if (!side->timers[i].armed)
            continue;
        ended = false;
        side->timers[i].wakes = false;
        if (!side->timers[i].cancelled)
            cancel_timer(&side->timers[i]);
    }
    return ended;
}
