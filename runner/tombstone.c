/*
 * Tombstones: see tombstone.h. A list of the table's processes in the order in which they went.
 */
#include "runner/tombstone.h"

#include "runner/proc.h"
#include "runner/server.h"

#include <assert.h>

/* What is remembered of the oldest is its id alone. */
static void expire_oldest(struct run_tenure *tenure)
{
    struct run_proc *proc = tenure->tombs_oldest;
    tenure->tombs_oldest = proc->tomb_next;
    if (tenure->tombs_oldest == NULL)
        tenure->tombs_newest = NULL;
    tenure->tombs_count--;
    run_recent_add(&tenure->expired, proc->id_key);
    run_proc_leave_table(proc);
}

void run_tombstones_sweep(struct run_tenure *tenure)
{
    uint64_t now_ns = iocp_now_ns(tenure->strand.port);
    uint64_t ttl_ns = run_server_tombstone_ttl_ns(tenure->server);
    while (tenure->tombs_oldest != NULL && now_ns - tenure->tombs_oldest->gone_ns >= ttl_ns)
        expire_oldest(tenure);
}

void run_tombstone_add(struct run_proc *proc)
{
    struct run_tenure *tenure = proc->tenure;
    assert(proc->in_table);
    proc->gone_ns = iocp_now_ns(tenure->strand.port);
    proc->tomb_next = NULL;
    if (tenure->tombs_newest != NULL)
        tenure->tombs_newest->tomb_next = proc;
    else
        tenure->tombs_oldest = proc;
    tenure->tombs_newest = proc;
    tenure->tombs_count++;
    if (tenure->tombs_count > RUN_TOMBSTONES_MAX)
        expire_oldest(tenure);
    run_tombstones_sweep(tenure);
}

void run_tombstones_forget(struct run_tenure *tenure)
{
    tenure->tombs_oldest = tenure->tombs_newest = NULL;
    tenure->tombs_count = 0;
}

uint32_t run_tombstones_living(const struct run_tenure *tenure)
{
    return tenure->table.count - tenure->tombs_count;
}

bool run_tombstone_is_expired(const struct run_tenure *tenure, struct wire_span id)
{
    return tenure->expired.count > 0 &&
           run_recent_has(&tenure->expired, run_recent_key(tenure->seed, id));
}
