/* Raising the limit on descriptors by setrlimit(2). A soft limit of 1,024 is common, and four
 * descriptors a session use it up at 250; the hard one may be raised to without a privilege.
 * Main thread, at start.
 */
#include "runner/rlimit.h"

#include <sys/resource.h>

int run_rlimit_raise(struct run_rlimit *out_rlimit)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    out_rlimit->original_soft = limit.rlim_cur;
    out_rlimit->original_hard = limit.rlim_max;
    out_rlimit->soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        out_rlimit->soft = limit.rlim_cur;
    return 0;
}
