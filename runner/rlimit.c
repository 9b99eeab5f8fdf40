/* Arithmetic over resources (rlimit.h): how many sessions fit, and what is short when one does
 * not. Numbers of no known limit are UINT64_MAX and stay so.
 */
#include "runner/rlimit.h"

static uint64_t minus(uint64_t a, uint64_t b)
{
    if (a == UINT64_MAX)
        return a;
    return a > b ? a - b : 0;
}

/* What sessions may use of a resource: without what is used already and what control keeps. */
static uint64_t for_sessions(const struct run_resource *resource, uint64_t control)
{
    return minus(minus(resource->limit, resource->used), control);
}

static uint64_t share(uint64_t have, uint64_t each)
{
    return have == UINT64_MAX || each == 0 ? UINT64_MAX : have / each;
}

static void bound(uint64_t sessions, const char *name, uint64_t *ceiling, const char **bound_by)
{
    if (sessions < *ceiling || !*bound_by) {
        *ceiling = sessions;
        *bound_by = name;
    }
}

static uint64_t free_descriptors(const struct run_resources *resources,
                                 const struct run_session_cost *cost)
{
    return minus(for_sessions(&resources->descriptors, RUN_CONTROL_DESCRIPTORS),
                 cost->start_descriptors);
}

void run_resources_ceiling(const struct run_resources *resources,
                           const struct run_session_cost *cost, struct run_ceiling *out_ceiling)
{
    uint64_t descriptors = free_descriptors(resources, cost);
    uint64_t pids = for_sessions(&resources->pids, RUN_CONTROL_PIDS);
    struct run_ceiling c = {.pipe_sessions = UINT64_MAX, .pty_sessions = UINT64_MAX};
    bound(share(descriptors, cost->pipe_descriptors), resources->descriptors.name, &c.pipe_sessions,
          &c.pipe_bound_by);
    bound(pids, resources->pids.name, &c.pipe_sessions, &c.pipe_bound_by);
    bound(share(descriptors, cost->pty_descriptors), resources->descriptors.name, &c.pty_sessions,
          &c.pty_bound_by);
    bound(for_sessions(&resources->ptys, 0), resources->ptys.name, &c.pty_sessions,
          &c.pty_bound_by);
    bound(pids, resources->pids.name, &c.pty_sessions, &c.pty_bound_by);
    *out_ceiling = c;
}

static int fits(const char *name, uint64_t have, uint64_t need, struct run_shortage *out_shortage)
{
    if (have >= need)
        return 0;
    *out_shortage = (struct run_shortage){.resource = name, .have = have, .need = need};
    return -1;
}

int run_resources_admit(const struct run_resources *resources, const struct run_session_cost *cost,
                        const struct run_session_count *running, bool pty,
                        struct run_shortage *out_shortage)
{
    uint64_t held = running->pipe * cost->pipe_descriptors + running->pty * cost->pty_descriptors;
    uint64_t descriptors =
        minus(for_sessions(&resources->descriptors, RUN_CONTROL_DESCRIPTORS), held);
    uint64_t need =
        (pty ? cost->pty_descriptors : cost->pipe_descriptors) + cost->start_descriptors;
    if (fits(resources->descriptors.name, descriptors, need, out_shortage) != 0)
        return -1;
    uint64_t ptys = minus(for_sessions(&resources->ptys, 0), running->pty);
    if (pty && fits(resources->ptys.name, ptys, 1, out_shortage) != 0)
        return -1;
    uint64_t pids =
        minus(for_sessions(&resources->pids, RUN_CONTROL_PIDS), running->pipe + running->pty);
    return fits(resources->pids.name, pids, 1, out_shortage);
}
