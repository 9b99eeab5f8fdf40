/*
 * Listeners on Windows: AcceptEx with a socket that was made for the connection before it comes.
 *
 * submit    on the strand: makes the socket, AcceptEx
 * complete  the connection's socket learns what listener it belongs to and is the owner's; an error
 *           of the connection alone is no error of the accept, and the next one is taken
 * cancel    CancelIoEx by closing only; a connection that came before it is delivered
 * close     when the accept has completed: the socket that waited for a connection goes too
 *
 * Listeners of named pipes branch off into listener_pipe_win.c.
 */
#include "iocp/port_win.h"

#include <mswsock.h>
#include <ws2tcpip.h>

static struct iocp_listener *of_accept(struct iocp_op *op)
{
    return IOCP_OWNER(op, struct iocp_listener, accept);
}

static struct iocp_slot *slot_of(const struct iocp_listener *listener)
{
    return iocp_slot_at(listener->accept.strand->port, listener->slot);
}

/* Finds what the listener's provider has for AcceptEx. Returns 0 or the system's error. */
static int learn(SOCKET socket, struct iocp_accepting *accepting)
{
    GUID name = WSAID_ACCEPTEX;
    WSAPROTOCOL_INFOW info;
    int size = sizeof(info);
    DWORD bytes = 0;
    accepting->socket = INVALID_SOCKET;
    if (getsockopt(socket, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &size) != 0)
        return WSAGetLastError();
    accepting->family = info.iAddressFamily;
    if (WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &name, sizeof(name),
                 &accepting->accept_ex, sizeof(accepting->accept_ex), &bytes, NULL, NULL) != 0)
        return WSAGetLastError();
    return 0;
}

int iocp_listener_open(struct iocp_listener *listener, struct iocp_strand *strand,
                       iocp_handle handle, iocp_callback *on_accept, iocp_callback *on_close,
                       int *out_os_error)
{
    struct iocp_port *port = strand->port;
    uint32_t number = IOCP_NO_SLOT;
    assert(handle != IOCP_NO_HANDLE && on_accept != NULL);
    struct iocp_accepting *accepting = iocp_backend_alloc(port, sizeof(*accepting));
    if (accepting == NULL) {
        *out_os_error = ERROR_NOT_ENOUGH_MEMORY;
        return IOCP_E_NOMEM;
    }
    *out_os_error = learn((SOCKET)handle, accepting);
    int result = iocp_error_from_os(*out_os_error);
    if (result == 0)
        result = iocp_slot_open(port, (HANDLE)handle, true, &number, out_os_error);
    if (result != 0) {
        iocp_backend_release(port, accepting);
        return result;
    }
    *listener = (struct iocp_listener){
        .handle = handle, .accepted = IOCP_NO_HANDLE, .slot = number, .phase = IOCP_OPEN};
    iocp_op_prepare(&listener->accept, strand, IOCP_OP_ACCEPT, on_accept);
    iocp_op_prepare(&listener->close, strand, IOCP_OP_UNLISTEN, on_close);
    slot_of(listener)->accepting = accepting;
    return 0;
}

void iocp_accept_start(struct iocp_listener *listener)
{
    assert(listener->phase == IOCP_OPEN);
    iocp_op_begin(&listener->accept);
    listener->accepted = IOCP_NO_HANDLE;
    iocp_strand_push(&listener->accept);
}

/* What AcceptEx says of the connection, not of the listener: the next one may be well. */
static bool is_of_connection(DWORD error)
{
    switch (error) {
    case ERROR_NETNAME_DELETED:
    case ERROR_SEM_TIMEOUT:
    case ERROR_CONNECTION_ABORTED:
    case WSAECONNRESET:
    case WSAECONNABORTED:
    case WSAETIMEDOUT:
    case WSAENETUNREACH:
    case WSAEHOSTUNREACH:
        return true;
    default:
        return false;
    }
}

static void drop_socket(struct iocp_accepting *accepting)
{
    if (accepting->socket != INVALID_SOCKET)
        (void)closesocket(accepting->socket);
    accepting->socket = INVALID_SOCKET;
}

static enum iocp_outcome fail(struct iocp_listener *listener, int result, DWORD error)
{
    drop_socket(slot_of(listener)->accepting);
    listener->accept.result = result;
    listener->accept.os_error = (int)error;
    return IOCP_DONE;
}

/* Without error: a connection is there. */
static enum iocp_outcome finish(struct iocp_listener *listener, DWORD error)
{
    struct iocp_accepting *accepting = slot_of(listener)->accepting;
    SOCKET from = (SOCKET)listener->handle;
    if (error == 0 && setsockopt(accepting->socket, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                                 (const char *)&from, sizeof(from)) != 0)
        error = WSAECONNABORTED; /* it left since: a listener that is broken fails in AcceptEx */
    if (error == 0) {
        listener->accepted = (iocp_handle)accepting->socket;
        accepting->socket = INVALID_SOCKET;
        return IOCP_DONE;
    }
    if (error == ERROR_OPERATION_ABORTED)
        return fail(listener, IOCP_E_CANCELLED, error);
    if (!is_of_connection(error))
        return fail(listener, iocp_error_from_os((int)error), error);
    drop_socket(accepting);
    return IOCP_AGAIN;
}

static enum iocp_outcome try_accept(struct iocp_worker *worker, struct iocp_listener *listener)
{
    enum { ADDRESS_BYTES = sizeof(struct sockaddr_storage) + 16 };
    struct iocp_slot *slot = slot_of(listener);
    struct iocp_accepting *accepting = slot->accepting;
    if (listener->accept.flags & IOCP_F_CANCEL)
        return fail(listener, IOCP_E_CANCELLED, 0);
    accepting->socket = worker->port->sys->wsa_socket(accepting->family);
    DWORD error = (DWORD)WSAGetLastError(), bytes = 0;
    if (accepting->socket == INVALID_SOCKET)
        return fail(listener, iocp_error_from_os((int)error), error);
    OVERLAPPED *overlapped = iocp_flight_prepare(slot, IOCP_IN, &listener->accept);
    bool ok =
        accepting->accept_ex((SOCKET)listener->handle, accepting->socket, accepting->addresses, 0,
                             ADDRESS_BYTES, ADDRESS_BYTES, &bytes, overlapped);
    error = ok ? 0 : (DWORD)WSAGetLastError();
    if (iocp_flight_depart(slot, IOCP_IN, error) == IOCP_FLYING)
        return IOCP_WAITS;
    return finish(listener, error);
}

bool iocp_accept_step(struct iocp_worker *worker, struct iocp_op *op)
{
    struct iocp_listener *listener = of_accept(op);
    struct iocp_slot *slot = slot_of(listener);
    enum iocp_outcome outcome = IOCP_AGAIN;
    uint32_t bytes = 0;
    if (slot->listening != NULL)
        return iocp_pipe_accept_step(worker, listener);
    if (slot->flights[IOCP_IN].flying)
        outcome = finish(listener, iocp_flight_land(slot, IOCP_IN, listener->handle, true, &bytes));
    while (outcome == IOCP_AGAIN)
        outcome = try_accept(worker, listener);
    return outcome == IOCP_DONE;
}

void iocp_listener_settle(struct iocp_op *op)
{
    struct iocp_listener *listener = of_accept(op);
    if (listener->phase == IOCP_CLOSING)
        iocp_strand_push(&listener->close);
}

void iocp_listener_close_start(struct iocp_listener *listener)
{
    assert(listener->phase == IOCP_OPEN);
    iocp_op_begin(&listener->close);
    listener->phase = IOCP_CLOSING;
    if (!iocp_pending(&listener->accept)) {
        iocp_strand_push(&listener->close);
        return;
    }
    listener->accept.flags |= IOCP_F_CANCEL;
    iocp_flight_cancel(slot_of(listener), IOCP_IN, listener->handle);
}

bool iocp_listener_close_step(struct iocp_worker *worker, struct iocp_op *op)
{
    struct iocp_listener *listener = IOCP_OWNER(op, struct iocp_listener, close);
    struct iocp_slot *slot = slot_of(listener);
    if (slot->listening != NULL) {
        iocp_pipe_listener_close(worker->port, listener);
    } else {
        iocp_backend_release(worker->port, slot->accepting);
        slot->accepting = NULL;
        (void)closesocket((SOCKET)listener->handle);
    }
    iocp_slot_close(worker->port, listener->slot);
    listener->slot = IOCP_NO_SLOT;
    listener->handle = IOCP_NO_HANDLE;
    listener->phase = IOCP_CLOSED;
    return true;
}
