/*
 * Windows errors to iocp_error: the one mapper of this system, for GetLastError and WSAGetLastError
 * alike. The code itself is always kept beside the result, so codes that no caller has to tell
 * apart stay IOCP_E_OS. Any thread.
 */
#include "iocp/iocp.h"

#include <winsock2.h>

#include <windows.h>

int iocp_error_from_os(int os_error)
{
    switch (os_error) {
    case ERROR_SUCCESS:
        return IOCP_OK;
    case ERROR_OPERATION_ABORTED:
        return IOCP_E_CANCELLED;
    case ERROR_BROKEN_PIPE:
    case ERROR_NO_DATA: /* "the pipe is being closed": writing */
    case ERROR_PIPE_NOT_CONNECTED:
    case WSAESHUTDOWN:
        return IOCP_E_BROKEN;
    case ERROR_NETNAME_DELETED:
    case ERROR_CONNECTION_ABORTED:
    case ERROR_SEM_TIMEOUT:
    case WSAECONNRESET:
    case WSAECONNABORTED:
    case WSAENETRESET:
    case WSAETIMEDOUT:
        return IOCP_E_RESET;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_NONPAGED_SYSTEM_RESOURCES:
    case ERROR_PAGED_SYSTEM_RESOURCES:
    case ERROR_WORKING_SET_QUOTA:
    case ERROR_PAGEFILE_QUOTA:
    case ERROR_NOT_ENOUGH_QUOTA:
    case ERROR_COMMITMENT_LIMIT:
    case WSAENOBUFS:
        return IOCP_E_NOMEM;
    case ERROR_TOO_MANY_OPEN_FILES:
    case ERROR_NO_MORE_USER_HANDLES:
    case WSAEMFILE:
        return IOCP_E_NOFILES;
    case ERROR_INVALID_PARAMETER:
    case ERROR_INVALID_NAME:
    case WSAEINVAL:
        return IOCP_E_INVALID;
    case ERROR_ADDRESS_ALREADY_ASSOCIATED:
    case ERROR_PIPE_BUSY:
    case WSAEADDRINUSE:
        return IOCP_E_IN_USE;
    case ERROR_ACCESS_DENIED:
    case WSAEACCES:
        return IOCP_E_ACCESS;
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case WSAEADDRNOTAVAIL:
        return IOCP_E_NOT_FOUND;
    default:
        return IOCP_E_OS;
    }
}
