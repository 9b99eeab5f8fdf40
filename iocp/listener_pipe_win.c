/*
 * Listening on a named pipe. An instance serves one client: it is handed over when the client is
 * there, and the next one is made at the same moment.
 *
 * submit    ConnectNamedPipe of the instance that waits, with an event: the port must not know the
 *           instance yet, since its stream will make it known under a key of its own, for good
 * complete  the event's wait posts a packet; a client that was faster needs none
 * cancel    CancelIoEx, by closing only; it sets the event
 * close     the instance that waits and the event go
 */
#include "iocp/listener_pipe_win.h"

#include "iocp/port_win.h"

#include <string.h>
#include <wchar.h>

static const wchar_t prefix[] = L"\\\\.\\pipe\\";
enum { PREFIX_LENGTH = sizeof(prefix) / sizeof(prefix[0]) - 1 };

struct iocp_listening {
    HANDLE event;
    wchar_t path[PREFIX_LENGTH + IOCP_PIPE_NAME_MAX + 1];
};

/* Writes the path of a name. Returns 0 or INVALID. */
static int make_path(const char *name, wchar_t path[PREFIX_LENGTH + IOCP_PIPE_NAME_MAX + 1])
{
    wcscpy(path, prefix);
    int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1, path + PREFIX_LENGTH,
                                     IOCP_PIPE_NAME_MAX + 1);
    return length > 1 && strchr(name, '\\') == NULL ? 0 : IOCP_E_INVALID;
}

static struct iocp_slot *slot_of(const struct iocp_listener *listener)
{
    return iocp_slot_at(listener->accept.strand->port, listener->slot);
}

/* The event and the first instance. Returns 0 or the system's error. */
static DWORD make_ready(const struct iocp_port *port, struct iocp_listening *listening,
                        HANDLE *out_instance)
{
    listening->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (listening->event == NULL)
        return GetLastError();
    return iocp_pipe_make(port, listening->path, IOCP_PIPE_FIRST, out_instance);
}

static void release(const struct iocp_port *port, struct iocp_listening *listening)
{
    if (listening->event != NULL)
        (void)CloseHandle(listening->event);
    iocp_backend_release(port, listening);
}

int iocp_listener_open_pipe(struct iocp_listener *listener, struct iocp_strand *strand,
                            const char *name, iocp_callback *on_accept, iocp_callback *on_close,
                            int *out_os_error)
{
    struct iocp_port *port = strand->port;
    struct iocp_listening *listening = iocp_backend_alloc(port, sizeof(*listening));
    uint32_t number = listening != NULL ? iocp_slot_take(port) : IOCP_NO_SLOT;
    DWORD error = ERROR_NOT_ENOUGH_MEMORY;
    HANDLE instance = INVALID_HANDLE_VALUE;
    assert(on_accept != NULL);
    if (number != IOCP_NO_SLOT)
        error = make_path(name, listening->path) == 0 ? make_ready(port, listening, &instance)
                                                      : ERROR_INVALID_NAME;
    if (error != 0) {
        if (number != IOCP_NO_SLOT)
            iocp_slot_close(port, number);
        if (listening != NULL)
            release(port, listening);
        *out_os_error = (int)error;
        return iocp_error_from_os((int)error);
    }
    *listener = (struct iocp_listener){.handle = (iocp_handle)instance,
                                       .accepted = IOCP_NO_HANDLE,
                                       .slot = number,
                                       .phase = IOCP_OPEN};
    iocp_op_prepare(&listener->accept, strand, IOCP_OP_ACCEPT, on_accept);
    iocp_op_prepare(&listener->close, strand, IOCP_OP_UNLISTEN, on_close);
    slot_of(listener)->listening = listening;
    return 0;
}

static enum iocp_outcome fail(struct iocp_listener *listener, int result, DWORD error)
{
    listener->accept.result = result;
    listener->accept.os_error = (int)error;
    return IOCP_DONE;
}

/* A client is at the instance that waited: hands it over, when there is one for the next client.
 * Without that the name might be free while this client talks, and somebody else could take it. So
 * then the client waits where it is, and the next accept finds it. */
static enum iocp_outcome hand_over(struct iocp_listener *listener)
{
    const struct iocp_port *port = listener->accept.strand->port;
    HANDLE next = (HANDLE)IOCP_NO_HANDLE;
    bool closing = (listener->accept.flags & IOCP_F_CANCEL) != 0;
    DWORD error =
        closing ? 0
                : iocp_pipe_make(port, slot_of(listener)->listening->path, IOCP_PIPE_NEXT, &next);
    if (error != 0)
        return fail(listener, iocp_error_from_os((int)error), error);
    listener->accepted = listener->handle;
    listener->handle = (iocp_handle)next;
    return IOCP_DONE;
}

/* The client has gone. What it wrote before is there to be read; without that it is passed over. */
static enum iocp_outcome look_after(struct iocp_listener *listener)
{
    const struct iocp_sys *sys = listener->accept.strand->port->sys;
    DWORD available = 0;
    if (sys->peek_pipe((HANDLE)listener->handle, &available) && available > 0)
        return hand_over(listener);
    (void)DisconnectNamedPipe((HANDLE)listener->handle);
    return IOCP_AGAIN;
}

/* What ConnectNamedPipe came to; without error a client is there. */
static enum iocp_outcome finish(struct iocp_listener *listener, DWORD error)
{
    switch (error) {
    case 0:
        return hand_over(listener);
    case ERROR_NO_DATA:
        return look_after(listener);
    case ERROR_OPERATION_ABORTED:
        return fail(listener, IOCP_E_CANCELLED, error);
    default:
        return fail(listener, iocp_error_from_os((int)error), error);
    }
}

/* The system has no wait for us: the call must not go on without one. The instance keeps waiting
 * for a client, or has one already. */
static enum iocp_outcome give_up(struct iocp_listener *listener, DWORD error)
{
    struct iocp_flight *flight = &slot_of(listener)->flights[IOCP_IN];
    DWORD bytes = 0;
    (void)CancelIoEx((HANDLE)listener->handle, &flight->overlapped);
    /* Waits for the end of a cancelled call, which nobody can delay. */
    bool came = GetOverlappedResult((HANDLE)listener->handle, &flight->overlapped, &bytes, TRUE);
    flight->flying = false;
    return came ? finish(listener, 0) : fail(listener, iocp_error_from_os((int)error), error);
}

static enum iocp_outcome try_accept(struct iocp_worker *worker, struct iocp_listener *listener)
{
    struct iocp_slot *slot = slot_of(listener);
    if (listener->accept.flags & IOCP_F_CANCEL)
        return fail(listener, IOCP_E_CANCELLED, 0);
    OVERLAPPED *overlapped = iocp_flight_prepare(slot, IOCP_IN, &listener->accept);
    overlapped->hEvent = slot->listening->event;
    bool ok = ConnectNamedPipe((HANDLE)listener->handle, overlapped);
    DWORD error = ok ? 0 : GetLastError();
    if (error == ERROR_IO_PENDING) {
        error = iocp_slot_wait(worker->port, slot, slot->listening->event);
        return error == 0 ? IOCP_WAITS : give_up(listener, error);
    }
    slot->flights[IOCP_IN].flying = false;
    return finish(listener, error == ERROR_PIPE_CONNECTED ? 0 : error);
}

bool iocp_pipe_accept_step(struct iocp_worker *worker, struct iocp_listener *listener)
{
    struct iocp_slot *slot = slot_of(listener);
    enum iocp_outcome outcome = IOCP_AGAIN;
    uint32_t bytes = 0;
    if (slot->flights[IOCP_IN].flying) {
        iocp_slot_unwait(worker->port, slot, false);
        outcome =
            finish(listener, iocp_flight_land(slot, IOCP_IN, listener->handle, false, &bytes));
    }
    while (outcome == IOCP_AGAIN)
        outcome = try_accept(worker, listener);
    return outcome == IOCP_DONE;
}

void iocp_pipe_listener_close(const struct iocp_port *port, struct iocp_listener *listener)
{
    struct iocp_slot *slot = slot_of(listener);
    if (listener->handle != IOCP_NO_HANDLE)
        (void)CloseHandle((HANDLE)listener->handle);
    release(port, slot->listening);
    slot->listening = NULL;
}

/* ---- The client's end ---- */

int iocp_pipe_connect(const char *name, iocp_handle *out_handle, int *out_os_error)
{
    wchar_t path[PREFIX_LENGTH + IOCP_PIPE_NAME_MAX + 1];
    if (make_path(name, path) != 0) {
        *out_os_error = ERROR_INVALID_NAME;
        return IOCP_E_INVALID;
    }
    HANDLE handle =
        CreateFileW(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                    FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        *out_os_error = (int)GetLastError();
        return iocp_error_from_os(*out_os_error);
    }
    *out_handle = (iocp_handle)handle;
    return 0;
}

uint32_t iocp_pipe_client_pid(iocp_handle handle)
{
    ULONG pid = 0;
    return GetNamedPipeClientProcessId((HANDLE)handle, &pid) ? (uint32_t)pid : 0;
}
