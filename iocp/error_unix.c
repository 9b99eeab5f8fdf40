/*
 * errno to iocp_error: the one mapper of this system. The errno itself is always kept beside the
 * result, so codes that no caller has to tell apart stay IOCP_E_OS. Any thread.
 */
#include "iocp/iocp.h"

#include <errno.h>

int iocp_error_from_os(int os_error)
{
    switch (os_error) {
    case 0:
        return IOCP_OK;
    case EPIPE:
        return IOCP_E_BROKEN;
    case ECONNRESET:
    case ECONNABORTED:
    case ETIMEDOUT:
        return IOCP_E_RESET;
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC: /* epoll_ctl(2): max_user_watches */
        return IOCP_E_NOMEM;
    case EMFILE:
    case ENFILE:
        return IOCP_E_NOFILES;
    case EINVAL:
        return IOCP_E_INVALID;
    case EADDRINUSE:
        return IOCP_E_IN_USE;
    case EACCES:
    case EPERM:
        return IOCP_E_ACCESS;
    case ENOENT:
    case EADDRNOTAVAIL:
        return IOCP_E_NOT_FOUND;
    default:
        return IOCP_E_OS;
    }
}
