/* Counting requests to stop (signals.h): the same request may come from its sender and from the
 * keeper. Pure; the votes belong to the server's strand.
 */
#include "runner/signals.h"

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

unsigned run_stop_vote(struct run_stop_votes *votes, bool passed_on, uint64_t now_ns)
{
    unsigned *count = passed_on ? &votes->passed_on : &votes->direct;
    bool repeat = votes->level > RUN_STOP_NONE && now_ns - votes->raised_ns < RUN_STOP_REPEAT_NS;
    if (*count < RUN_STOP_FORCE && !(repeat && *count >= votes->level))
        ++*count;
    unsigned level = larger(votes->direct, votes->passed_on);
    if (level > votes->level) {
        votes->level = level;
        votes->raised_ns = now_ns;
    }
    return votes->level;
}
