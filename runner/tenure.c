/*
 * Tenures: see tenure.h for states, threads and life. Resuming is in tenure_resume.c.
 */
#include "runner/tenure_inside.h"

#include "runner/proc.h"
#include "runner/server.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Life ---- */

struct run_tenure *run_tenure_ref(struct run_tenure *tenure)
{
    atomic_fetch_add_explicit(&tenure->refs, 1, memory_order_relaxed);
    return tenure;
}

static void on_freed(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, leave);
    struct run_server *server = tenure->server;
    bool was_leaving = tenure->leaving;
    free(tenure);
    run_server_tenure_freed(server, was_leaving);
}

static void on_ended(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, end);
    iocp_op_init(&tenure->leave, run_server_strand(tenure->server), on_freed);
    iocp_post(&tenure->leave);
}

static void on_last_ref(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, end);
    assert(tenure->state == RUN_TENURE_ENDED && tenure->holder == NULL);
    sess_table_deinit(&tenure->table);
    run_recent_deinit(&tenure->expired);
    iocp_strand_end(&tenure->strand, &tenure->end, on_ended);
}

void run_tenure_unref(struct run_tenure *tenure)
{
    if (atomic_fetch_sub_explicit(&tenure->refs, 1, memory_order_acq_rel) > 1)
        return;
    iocp_op_init(&tenure->end, &tenure->strand, on_last_ref);
    iocp_post(&tenure->end);
}

/* ---- Timers: a deadline that moved is looked at when the timer completes ---- */

void run_tenure_set_timer(struct run_tenure *tenure, struct iocp_timer *timer, uint64_t *deadline,
                          uint64_t new_deadline_ns)
{
    *deadline = new_deadline_ns;
    if (iocp_pending(&timer->op)) {
        iocp_timer_cancel(timer);
        return;
    }
    if (new_deadline_ns == 0)
        return;
    (void)run_tenure_ref(tenure);
    iocp_timer_start(timer, new_deadline_ns);
}

/* Whether the deadline is over; else the timer runs on towards it, if there is one. */
static bool timer_is_due(struct run_tenure *tenure, struct iocp_timer *timer, uint64_t *deadline)
{
    uint64_t now_ns = iocp_now_ns(tenure->strand.port);
    if (*deadline == 0)
        return false;
    if (now_ns < *deadline) {
        run_tenure_set_timer(tenure, timer, deadline, *deadline);
        return false;
    }
    *deadline = 0;
    return true;
}

/* ---- The end ---- */

/* Out of the registry; on the server's strand. */
static void on_leave(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, leave);
    run_server_tenure_left(tenure->server, tenure);
    run_tenure_unref(tenure); /* that of not being ended */
}

static void end_tenure(struct run_tenure *tenure)
{
    tenure->state = RUN_TENURE_ENDED;
    run_tenure_set_timer(tenure, &tenure->ttl, &tenure->ttl_deadline_ns, 0);
    run_tenure_set_timer(tenure, &tenure->probe, &tenure->probe_deadline_ns, 0);
    run_tenure_refuse_waiter(tenure, RUN_RESUME_UNKNOWN);
    iocp_op_init(&tenure->leave, run_server_strand(tenure->server), on_leave);
    iocp_post(&tenure->leave);
}

/* Ends its processes. The holder is the tenure's strand itself. */
static void end_with_processes(struct run_tenure *tenure, enum sess_ender ender)
{
    run_proc_detach_all(tenure, ender);
    end_tenure(tenure);
}

static void on_idle(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, idle);
    run_slots_idle(&tenure->server->slots, tenure);
    run_tenure_unref(tenure);
}

static void tell_idle(struct run_tenure *tenure)
{
    (void)run_tenure_ref(tenure);
    if (!iocp_kick(&tenure->idle))
        run_tenure_unref(tenure); /* one is on its way */
}

/* Ends the processes whose own time is over, and the tenure when its time is over and none waits
 * longer. */
static void look_at_time(struct run_tenure *tenure)
{
    uint64_t now_ns = iocp_now_ns(tenure->strand.port);
    uint64_t own_ns = tenure->detached_ns + run_server_detach_ttl_ns(tenure->server);
    uint64_t next_ns = run_proc_detach_late(tenure, now_ns);
    if (now_ns >= own_ns && next_ns == 0) {
        end_with_processes(tenure, SESS_ENDER_DISCONNECT);
        return;
    }
    if (next_ns == 0 || (now_ns < own_ns && own_ns < next_ns))
        next_ns = own_ns;
    run_tenure_set_timer(tenure, &tenure->ttl, &tenure->ttl_deadline_ns, next_ns);
    if (tenure->table.count == 0)
        tell_idle(tenure);
}

static void on_ttl(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, ttl.op);
    if (timer_is_due(tenure, &tenure->ttl, &tenure->ttl_deadline_ns) &&
        tenure->state == RUN_TENURE_DETACHED)
        look_at_time(tenure);
    run_tenure_unref(tenure);
}

static void on_probe(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, probe.op);
    if (timer_is_due(tenure, &tenure->probe, &tenure->probe_deadline_ns))
        run_tenure_cut_holder(tenure);
    run_tenure_unref(tenure);
}

/* ---- Changing hands ---- */

/* The holder has released it: a waiter gets it, or the time begins in which somebody may come. */
static void on_release(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, release);
    struct run_conn *before = tenure->holder;
    bool ends = tenure->ends;
    assert(tenure->state == RUN_TENURE_ATTACHED && before != NULL);
    tenure->holder = NULL;
    tenure->state = RUN_TENURE_DETACHED;
    tenure->detached_ns = iocp_now_ns(tenure->strand.port);
    run_tenure_set_timer(tenure, &tenure->probe, &tenure->probe_deadline_ns, 0);
    if (ends)
        end_tenure(tenure);
    else if (tenure->stopping)
        end_with_processes(tenure, SESS_ENDER_SHUTDOWN);
    else if (tenure->waiter != NULL)
        run_tenure_give(tenure, tenure->waiter);
    else
        look_at_time(tenure);
    run_conn_unref(before);
    run_tenure_unref(tenure); /* the connection's */
}

void run_tenure_release(struct run_tenure *tenure, bool ends)
{
    tenure->ends = ends; /* read by the tenure's strand behind the post */
    iocp_post(&tenure->release);
}

static void on_stop(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, stop);
    tenure->stopping = true;
    if (tenure->state == RUN_TENURE_DETACHED)
        end_with_processes(tenure, SESS_ENDER_SHUTDOWN);
    run_tenure_unref(tenure);
}

void run_tenure_stop(struct run_tenure *tenure)
{
    if (tenure->told_to_stop)
        return;
    tenure->told_to_stop = true;
    (void)run_tenure_ref(tenure);
    iocp_post(&tenure->stop);
}

/* ---- Making room ---- */

static void on_stays(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, room);
    run_slots_stays(&tenure->server->slots, tenure);
    run_tenure_unref(tenure);
}

/* Whether it keeps nothing and nobody else refers to it, such as a process that is being killed or
 * somebody who is about to take it up. */
static bool is_idle(struct run_tenure *tenure)
{
    uint32_t own = 2; /* that of not being ended, and that of being asked */
    own += iocp_pending(&tenure->ttl.op);
    own += iocp_pending(&tenure->probe.op);
    return tenure->state == RUN_TENURE_DETACHED && tenure->table.count == 0 &&
           atomic_load(&tenure->refs) == own;
}

static void on_make_room(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, room);
    if (tenure->state != RUN_TENURE_ENDED && !is_idle(tenure)) {
        iocp_op_init(&tenure->room, run_server_strand(tenure->server), on_stays);
        iocp_post(&tenure->room);
        return;
    }
    if (tenure->state != RUN_TENURE_ENDED)
        end_tenure(tenure);
    run_tenure_unref(tenure);
}

void run_tenure_make_room(struct run_tenure *tenure)
{
    (void)run_tenure_ref(tenure);
    iocp_op_init(&tenure->room, &tenure->strand, on_make_room);
    iocp_post(&tenure->room);
}

/* ---- Making one ---- */

static void on_enroll(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, enroll);
    run_server_tenure_came(tenure->server, tenure);
}

/* 128 random bits in the form of a UUID (RFC 9562, version 4). */
static int make_id(struct iocp_port *port, char out_text[RUN_TENURE_ID_BYTES + 1])
{
    uint8_t bits[16];
    if (iocp_random(port, bits, sizeof(bits)) != 0)
        return -1;
    bits[6] = (uint8_t)((bits[6] & 0x0f) | 0x40);
    bits[8] = (uint8_t)((bits[8] & 0x3f) | 0x80);
    char *at = out_text;
    for (unsigned i = 0; i < sizeof(bits); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        at += snprintf(at, 3, "%02x", bits[i]);
    }
    return 0;
}

/* 128 random bits. */
static int make_key(struct iocp_port *port, char out_text[RUN_TENURE_KEY_BYTES + 1])
{
    uint8_t bits[RUN_TENURE_KEY_BYTES / 2];
    if (iocp_random(port, bits, sizeof(bits)) != 0)
        return -1;
    for (unsigned i = 0; i < sizeof(bits); i++)
        (void)snprintf(out_text + (size_t)2 * i, 3, "%02x", bits[i]);
    return 0;
}

struct run_tenure *run_tenure_new(struct run_server *server, struct run_conn *conn)
{
    struct iocp_port *port = run_server_port(server);
    struct run_tenure *tenure = calloc(1, sizeof(*tenure));
    if (tenure == NULL || make_id(port, tenure->id) != 0 ||
        make_key(port, tenure->observer_key) != 0 ||
        iocp_random(port, &tenure->seed, sizeof(tenure->seed)) != 0) {
        free(tenure);
        return NULL;
    }
    tenure->server = server;
    tenure->holder = run_conn_ref(conn);
    tenure->state = RUN_TENURE_ATTACHED;
    atomic_init(&tenure->refs, 2); /* not ended; the connection's */
    iocp_strand_init(&tenure->strand, port);
    sess_table_init(&tenure->table, 0, tenure->seed, NULL); /* tombstones count for no limit */
    run_recent_init(&tenure->expired);
    iocp_op_init(&tenure->release, &tenure->strand, on_release);
    iocp_op_init(&tenure->stop, &tenure->strand, on_stop);
    iocp_op_init(&tenure->enroll, run_server_strand(server), on_enroll);
    iocp_op_init(&tenure->idle, run_server_strand(server), on_idle);
    iocp_timer_init(&tenure->ttl, &tenure->strand, on_ttl);
    iocp_timer_init(&tenure->probe, &tenure->strand, on_probe);
    run_tenure_resume_init(tenure);
    iocp_post(&tenure->enroll);
    return tenure;
}

/* ---- Notices ---- */

static void on_notice(struct iocp_op *op);

static void on_notice_at_holder(struct iocp_op *op)
{
    struct run_notice *notice = IOCP_OWNER(op, struct run_notice, op);
    struct run_conn *at = notice->at;
    notice->at = NULL;
    if (at->tenure == notice->tenure) {
        notice->take(notice, at);
    } else { /* released meanwhile; the release is on the tenure's strand before this */
        iocp_op_init(&notice->op, &notice->tenure->strand, on_notice);
        iocp_post(&notice->op);
    }
    run_conn_unref(at);
}

static void on_notice(struct iocp_op *op)
{
    struct run_notice *notice = IOCP_OWNER(op, struct run_notice, op);
    struct run_conn *holder = notice->tenure->holder;
    if (holder == NULL) {
        notice->take(notice, NULL);
        return;
    }
    notice->at = run_conn_ref(holder);
    iocp_op_init(&notice->op, &holder->strand, on_notice_at_holder);
    iocp_post(&notice->op);
}

void run_notice_post(struct run_notice *notice, struct run_tenure *tenure, run_notice_take *take)
{
    notice->tenure = tenure;
    notice->at = NULL;
    notice->take = take;
    iocp_op_init(&notice->op, &tenure->strand, on_notice);
    iocp_post(&notice->op);
}
