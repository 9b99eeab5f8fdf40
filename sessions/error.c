/*
 * The texts of sess_error. Plain data, any thread; knows no system and no protocol.
 */
#include "sessions/error.h"

const char *sess_error_text(int error)
{
    switch ((enum sess_error)error) {
    case SESS_OK:
        return "ok";
    case SESS_E_INVALID:
        return "the start makes no sense";
    case SESS_E_TOO_LARGE:
        return "too large";
    case SESS_E_NO_CAPACITY:
        return "no capacity";
    case SESS_E_EXEC:
        return "the program could not be run";
    case SESS_E_CWD:
        return "the working directory could not be entered";
    case SESS_E_START:
        return "the program could not be started";
    case SESS_E_CANCELLED:
        return "cancelled";
    case SESS_E_STARTING:
        return "the session is starting";
    case SESS_E_EXITED:
        return "the program has exited";
    case SESS_E_STDIN_CLOSED:
        return "stdin is closed";
    case SESS_E_STDIN_FULL:
        return "stdin queue full";
    case SESS_E_NOT_TTY:
        return "the session has no terminal";
    case SESS_E_NOT_CANONICAL:
        return "the terminal is not in canonical mode";
    case SESS_E_EXISTS:
        return "the session exists already";
    case SESS_E_CLOSING:
        return "the server is ending";
    case SESS_E_TOO_MANY_WATCHES:
        return "too many wait for this session already";
    case SESS_E_REFUSED:
        return "the program cannot be confined as asked";
    case SESS_E_OS:
        return "the system refused";
    }
    return "unknown error";
}
