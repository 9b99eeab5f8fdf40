/*
 * Slots: see slot_win.h for the states. Opening, closing, starting and landing happen on the strand
 * of the handle; packets come to any worker.
 */
#include "iocp/slot_win.h"

#include "iocp/port_win.h"

#include <stdlib.h>

#define STATUS_OF_A_FLIGHT ((ULONG_PTR)0x103) /* STATUS_PENDING, as OVERLAPPED.Internal has it */

struct iocp_slot *iocp_slot_at(struct iocp_port *port, uint32_t number)
{
    return iocp_table_at(&port->backend->slots, number);
}

_Static_assert(sizeof(ULONG_PTR) == 8, "a key holds the number and the generation of a slot");

ULONG_PTR iocp_slot_key(const struct iocp_slot *slot)
{
    return ((ULONG_PTR)slot->generation << 32) | slot->number;
}

uint32_t iocp_slot_take(struct iocp_port *port)
{
    uint32_t number = iocp_table_take(port, &port->backend->slots);
    if (number == IOCP_NO_SLOT)
        return number;
    struct iocp_slot *slot = iocp_slot_at(port, number);
    struct iocp_record record = slot->record;
    *slot =
        (struct iocp_slot){.record = record, .number = number, .generation = slot->generation + 1};
    return number;
}

/* Whether a socket's handle is the system's own: a layered provider's cannot skip packets. */
static bool is_of_system(SOCKET socket)
{
    WSAPROTOCOL_INFOW info;
    int size = sizeof(info);
    return getsockopt(socket, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &size) == 0 &&
           (info.dwServiceFlags1 & XP1_IFS_HANDLES) != 0;
}

int iocp_slot_open(struct iocp_port *port, HANDLE handle, bool is_socket, uint32_t *out_slot,
                   int *out_os_error)
{
    uint32_t number = iocp_slot_take(port);
    if (number == IOCP_NO_SLOT) {
        *out_os_error = ERROR_NOT_ENOUGH_MEMORY;
        return IOCP_E_NOMEM;
    }
    struct iocp_slot *slot = iocp_slot_at(port, number);
    iocp_count(port, IOCP_C_REGISTRATIONS, 1);
    if (port->sys->associate(handle, port->backend->completions, iocp_slot_key(slot)) == NULL) {
        *out_os_error = (int)GetLastError();
        iocp_slot_close(port, number);
        return iocp_error_from_os(*out_os_error);
    }
    if (!is_socket || is_of_system((SOCKET)handle))
        slot->skips = SetFileCompletionNotificationModes(
            handle, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE);
    *out_slot = number;
    return 0;
}

void iocp_slot_close(struct iocp_port *port, uint32_t number)
{
    struct iocp_slot *slot = iocp_slot_at(port, number);
    assert(!slot->flights[IOCP_IN].flying && !slot->flights[IOCP_OUT].flying);
    assert(slot->lease.slab == NULL && slot->gathered.slab == NULL && slot->wait == NULL);
    slot->generation++;
    iocp_table_give(&port->backend->slots, number);
}

void iocp_slot_packet(struct iocp_port *port, ULONG_PTR key, OVERLAPPED *overlapped)
{
    struct iocp_slot *slot = iocp_slot_at(port, (uint32_t)key);
    if (iocp_slot_key(slot) != key) {
        iocp_count(port, IOCP_C_STALE, 1);
        return;
    }
    struct iocp_flight *flight = IOCP_OWNER(overlapped, struct iocp_flight, overlapped);
    assert(flight == &slot->flights[IOCP_IN] || flight == &slot->flights[IOCP_OUT]);
    iocp_strand_push(flight->op);
}

/* ---- Waits ---- */

/* Runs on a thread of the system. What it reads was written before the wait was registered, and it
 * touches nothing after the post. */
static void CALLBACK on_signal(void *context, BOOLEAN timed_out)
{
    struct iocp_slot *slot = context;
    struct iocp_flight *flight = &slot->flights[IOCP_IN];
    HANDLE completions = flight->op->strand->port->backend->completions;
    (void)timed_out;
    atomic_store(&slot->posted, true);
    if (!PostQueuedCompletionStatus(completions, 0, iocp_slot_key(slot), &flight->overlapped))
        abort(); /* no memory for a packet: what happened would be forgotten */
}

DWORD iocp_slot_wait(struct iocp_port *port, struct iocp_slot *slot, HANDLE handle)
{
    atomic_store(&slot->posted, false);
    iocp_count(port, IOCP_C_REGISTRATIONS, 1);
    atomic_fetch_add(&port->backend->waits, 1);
    if (port->sys->register_wait(&slot->wait, handle, on_signal, slot))
        return 0;
    DWORD error = GetLastError();
    slot->wait = NULL;
    atomic_fetch_sub(&port->backend->waits, 1);
    return error;
}

void iocp_slot_unwait(struct iocp_port *port, struct iocp_slot *slot, bool block)
{
    if (slot->wait == NULL)
        return;
    /* ERROR_IO_PENDING when not blocking: the callback has posted and is returning. */
    (void)UnregisterWaitEx(slot->wait, block ? INVALID_HANDLE_VALUE : NULL);
    slot->wait = NULL;
    atomic_fetch_sub(&port->backend->waits, 1);
}

/* ---- Flights ---- */

OVERLAPPED *iocp_flight_prepare(struct iocp_slot *slot, enum iocp_direction direction,
                                struct iocp_op *op)
{
    struct iocp_flight *flight = &slot->flights[direction];
    assert(!flight->flying);
    flight->overlapped = (OVERLAPPED){0};
    flight->op = op;
    flight->flying = true; /* before the call: its packet may be taken while it returns */
    return &flight->overlapped;
}

enum iocp_departure iocp_flight_depart(struct iocp_slot *slot, enum iocp_direction direction,
                                       DWORD error)
{
    struct iocp_flight *flight = &slot->flights[direction];
    if (error == ERROR_IO_PENDING || (error == 0 && !slot->skips))
        return IOCP_FLYING;
    flight->flying = false;
    return error == 0 ? IOCP_LANDED : IOCP_REFUSED;
}

DWORD iocp_flight_land(struct iocp_slot *slot, enum iocp_direction direction, iocp_handle handle,
                       bool is_socket, uint32_t *out_bytes)
{
    struct iocp_flight *flight = &slot->flights[direction];
    DWORD flags = 0, bytes = 0;
    assert(flight->flying);
    flight->flying = false;
    BOOL ok = is_socket ? WSAGetOverlappedResult((SOCKET)handle, &flight->overlapped, &bytes, FALSE,
                                                 &flags)
                        : GetOverlappedResult((HANDLE)handle, &flight->overlapped, &bytes, FALSE);
    DWORD error = ok ? 0 : GetLastError(); /* WSAGetLastError is the same word */
    assert(error != ERROR_IO_INCOMPLETE);  /* WSA_IO_INCOMPLETE is the same, too */
    *out_bytes = (uint32_t)flight->overlapped.InternalHigh;
    return error;
}

uint32_t iocp_flight_bytes(const struct iocp_slot *slot, enum iocp_direction direction)
{
    return (uint32_t)slot->flights[direction].overlapped.InternalHigh;
}

void iocp_flight_cancel(struct iocp_slot *slot, enum iocp_direction direction, iocp_handle handle)
{
    struct iocp_flight *flight = &slot->flights[direction];
    if (flight->flying) /* ERROR_NOT_FOUND: its packet is on the way already */
        (void)CancelIoEx((HANDLE)handle, &flight->overlapped);
}

bool iocp_flight_is_up(const struct iocp_slot *slot, enum iocp_direction direction)
{
    const struct iocp_flight *flight = &slot->flights[direction];
    return flight->flying &&
           *(volatile const ULONG_PTR *)&flight->overlapped.Internal == STATUS_OF_A_FLIGHT;
}
