/*
 * Taking a tenure up with another connection: found on the server's strand, decided on the
 * tenure's, told on the connection's. The newest wish counts: an older one that waits still is
 * refused, since a client whose connections fail one after the other sends one after the other.
 */
#include "runner/server.h"
#include "runner/tenure_inside.h"

#include <assert.h>
#include <string.h>

/* ---- Back to the connection that asked ---- */

static void on_done(struct iocp_op *op)
{
    struct run_resume *resume = IOCP_OWNER(op, struct run_resume, op);
    struct run_conn *conn = resume->conn;
    struct run_tenure *tenure = resume->outcome == RUN_RESUME_GIVEN ? NULL : resume->tenure;
    resume->done(resume); /* may free it */
    if (tenure != NULL)
        run_tenure_unref(tenure);
    run_conn_unref(conn);
}

static void finish(struct run_resume *resume, enum run_resume_outcome outcome)
{
    resume->outcome = outcome;
    iocp_op_init(&resume->op, &resume->conn->strand, on_done);
    iocp_post(&resume->op);
}

void run_tenure_refuse_waiter(struct run_tenure *tenure, enum run_resume_outcome outcome)
{
    struct run_resume *waiter = tenure->waiter;
    tenure->waiter = NULL;
    if (waiter != NULL)
        finish(waiter, outcome);
}

/* ---- Deciding: on the tenure's strand ---- */

void run_tenure_give(struct run_tenure *tenure, struct run_resume *resume)
{
    assert(tenure->state == RUN_TENURE_DETACHED && tenure->holder == NULL);
    if (tenure->waiter == resume)
        tenure->waiter = NULL;
    run_tenure_set_timer(tenure, &tenure->ttl, &tenure->ttl_deadline_ns, 0);
    tenure->state = RUN_TENURE_ATTACHED;
    tenure->holder = run_conn_ref(resume->conn);
    finish(resume, RUN_RESUME_GIVEN); /* its reference to the tenure is the connection's now */
}

void run_tenure_cut_holder(struct run_tenure *tenure)
{
    if (tenure->holder != NULL)
        iocp_kick(&tenure->holder->yield);
}

/* The holder is asked, and has some time to answer. */
static void ask_holder(struct run_tenure *tenure, struct run_resume *resume)
{
    run_tenure_refuse_waiter(tenure, RUN_RESUME_ATTACHED);
    tenure->waiter = resume;
    if (resume->take_over) {
        run_tenure_cut_holder(tenure);
        return;
    }
    iocp_kick(&tenure->holder->probe);
    run_tenure_set_timer(tenure, &tenure->probe, &tenure->probe_deadline_ns,
                         iocp_now_ns(tenure->strand.port) +
                             RUN_TENURE_PROBE_MS * UINT64_C(1000000));
}

static void on_resume(struct iocp_op *op)
{
    struct run_resume *resume = IOCP_OWNER(op, struct run_resume, op);
    struct run_tenure *tenure = resume->tenure;
    switch ((enum run_tenure_state)tenure->state) {
    case RUN_TENURE_ATTACHED:
        ask_holder(tenure, resume);
        break;
    case RUN_TENURE_DETACHED:
        run_tenure_give(tenure, resume);
        break;
    case RUN_TENURE_ENDED:
        finish(resume, RUN_RESUME_UNKNOWN);
        break;
    }
}

static void on_alive(struct iocp_op *op)
{
    struct run_tenure *tenure = IOCP_OWNER(op, struct run_tenure, alive);
    if (tenure->waiter != NULL && !tenure->waiter->take_over) {
        run_tenure_set_timer(tenure, &tenure->probe, &tenure->probe_deadline_ns, 0);
        run_tenure_refuse_waiter(tenure, RUN_RESUME_ATTACHED);
    }
    run_tenure_unref(tenure);
}

void run_tenure_is_alive(struct run_tenure *tenure)
{
    (void)run_tenure_ref(tenure);
    if (!iocp_kick(&tenure->alive))
        run_tenure_unref(tenure); /* one is on its way */
}

void run_tenure_resume_init(struct run_tenure *tenure)
{
    iocp_op_init(&tenure->alive, &tenure->strand, on_alive);
}

/* ---- Finding: on the server's strand ---- */

static void on_lookup(struct iocp_op *op)
{
    struct run_resume *resume = IOCP_OWNER(op, struct run_resume, op);
    struct run_tenure *tenure = run_server_find_tenure(resume->conn->server, resume->id);
    if (tenure == NULL) {
        finish(resume, RUN_RESUME_UNKNOWN);
        return;
    }
    resume->tenure = run_tenure_ref(tenure);
    iocp_op_init(&resume->op, &tenure->strand, on_resume);
    iocp_post(&resume->op);
}

void run_resume_start(struct run_resume *resume, struct run_conn *conn)
{
    resume->conn = run_conn_ref(conn);
    resume->tenure = NULL;
    iocp_op_init(&resume->op, run_server_strand(conn->server), on_lookup);
    iocp_post(&resume->op);
}
