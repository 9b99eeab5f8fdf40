/*
 * The portable error codes in words. The mapping from the system's codes is in error_unix.c and
 * error_win.c. Any thread.
 */
#include "iocp/iocp.h"

const char *iocp_error_text(int error)
{
    switch (error) {
    case IOCP_OK:
        return "success";
    case IOCP_E_CANCELLED:
        return "cancelled";
    case IOCP_E_END:
        return "end of stream";
    case IOCP_E_BROKEN:
        return "nobody reads from the other end";
    case IOCP_E_RESET:
        return "connection cut";
    case IOCP_E_HANGUP:
        return "no program has the terminal open";
    case IOCP_E_NOMEM:
        return "out of memory";
    case IOCP_E_NOFILES:
        return "out of file descriptors";
    case IOCP_E_BUSY:
        return "queue full";
    case IOCP_E_INVALID:
        return "invalid argument";
    case IOCP_E_IN_USE:
        return "address in use";
    case IOCP_E_ACCESS:
        return "access denied";
    case IOCP_E_NOT_FOUND:
        return "not found";
    case IOCP_E_OS:
        return "operating system error";
    default:
        return "unknown error";
    }
}
