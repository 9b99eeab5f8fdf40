/*
 * Counting resources: see capacity.h. Any thread; knows no system.
 */
#include "sessions/capacity.h"

#include <assert.h>

const char *sess_resource_text(enum sess_resource resource)
{
    static const char *const texts[SESS_RESOURCES] = {
        [SESS_RESOURCE_SESSIONS] = "sessions",
        [SESS_RESOURCE_DESCRIPTORS] = "descriptors",
        [SESS_RESOURCE_TTYS] = "pseudoterminals",
        [SESS_RESOURCE_PROCESSES] = "processes",
    };
    assert((unsigned)resource < SESS_RESOURCES);
    return texts[resource];
}

uint64_t sess_capacity_left(const struct sess_capacity *capacity, enum sess_resource resource)
{
    int64_t used = atomic_load_explicit(&capacity->used[resource], memory_order_relaxed);
    uint64_t limit = capacity->limits[resource];
    if (used <= 0 || limit == UINT64_MAX)
        return limit;
    return (uint64_t)used < limit ? limit - (uint64_t)used : 0;
}

/* Adds first and looks then: two starts at once cannot both take the last one. */
static bool take_one(struct sess_capacity *capacity, enum sess_resource resource, uint32_t amount,
                     struct sess_shortage *out_shortage)
{
    int64_t before = atomic_fetch_add(&capacity->used[resource], (int64_t)amount);
    uint64_t limit = capacity->limits[resource];
    uint64_t used = before > 0 ? (uint64_t)before : 0;
    if (amount == 0 || (used <= limit && amount <= limit - used))
        return true;
    sess_capacity_give(capacity, resource, amount);
    *out_shortage = (struct sess_shortage){
        .resource = sess_resource_text(resource),
        .have = used < limit ? limit - used : 0,
        .need = amount,
    };
    return false;
}

int sess_capacity_take(struct sess_capacity *capacity, const struct sess_need *need,
                       struct sess_shortage *out_shortage)
{
    for (int i = 0; i < SESS_RESOURCES; i++) {
        if (take_one(capacity, (enum sess_resource)i, need->amounts[i], out_shortage))
            continue;
        while (i-- > 0)
            sess_capacity_give(capacity, (enum sess_resource)i, need->amounts[i]);
        return SESS_E_NO_CAPACITY;
    }
    return 0;
}

void sess_capacity_give(struct sess_capacity *capacity, enum sess_resource resource,
                        uint32_t amount)
{
    atomic_fetch_sub(&capacity->used[resource], (int64_t)amount);
}

void sess_capacity_give_all(struct sess_capacity *capacity, const struct sess_need *need)
{
    for (int i = 0; i < SESS_RESOURCES; i++)
        sess_capacity_give(capacity, (enum sess_resource)i, need->amounts[i]);
}
