/*
 * Small questions about open handles on Linux. None of these calls blocks.
 */
#include "sessions/platform_linux.h"

#include <errno.h>
#include <sys/ioctl.h>

int sess_handle_dup(const struct sess_platform *platform, iocp_handle handle,
                    iocp_handle *out_handle)
{
    int fd = platform->sys->dup_from((int)handle, 3);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE ? SESS_E_NO_CAPACITY : SESS_E_OS;
    *out_handle = fd;
    return 0;
}

uint64_t sess_handle_buffered(const struct sess_platform *platform, iocp_handle handle)
{
    int bytes = 0;
    if (platform->sys->ioctl((int)handle, FIONREAD, &bytes) != 0 || bytes < 0)
        return 0;
    return (uint64_t)bytes;
}
