/*
 * Slots: the engine's side of a handle that the completion port knows.
 *
 * A slot has two flights, one for each direction. A flight is one operation that the kernel has:
 * its OVERLAPPED and the engine's operation that waits for it. Each flight ends by exactly one
 * packet, or by none if the system call succeeded at once (FILE_SKIP_COMPLETION_PORT_ON_SUCCESS).
 * The packet's key is the slot's generation and number, so one of an earlier life would be seen as
 * such.
 */

/*
 *              system call (strand)              packet (any worker)
 *   landed  ------------------------>  flying  ------------------------>  flying, op queued
 *     ^   \__ success at once: the                                            |
 *     |       strand goes on itself                       land (strand)       |
 *     +-----------------------------------------------------------------------+
 *
 * Only the packet queues the operation of a flight, so it completes once; a cancel (CancelIoEx)
 * only hastens the packet. `flying` and everything else of a slot is the strand's; a worker that
 * takes a packet reads `op` alone, which was written before the system call. Slots live as long as
 * the port.
 */
#ifndef IOCP_SLOT_WIN_H
#define IOCP_SLOT_WIN_H

#include "iocp/sys_win.h"
#include "iocp/table.h"

enum iocp_direction { IOCP_IN, IOCP_OUT };

struct iocp_flight {
    OVERLAPPED overlapped;
    struct iocp_op *op;
    bool flying;
};

/* What a read waits for while its flight is in the air. */
enum iocp_reading {
    IOCP_READING_NOTHING,
    IOCP_READING_ARMED,  /* a read of zero bytes: it ends when there is something */
    IOCP_READING_FILLING /* a read with a lease, which ought to have ended at once */
};

/* One connection that is being accepted. */
struct iocp_accepting {
    SOCKET socket; /* INVALID_SOCKET: none */
    int family;
    BOOL(PASCAL *accept_ex)
    (SOCKET, SOCKET, PVOID, DWORD, DWORD, DWORD, LPDWORD, LPOVERLAPPED);
    char addresses[2 * (sizeof(struct sockaddr_storage) + 16)]; /* AcceptEx: 16 more than each */
};

struct iocp_slot {
    struct iocp_record record;
    uint32_t number, generation;
    bool skips;                /* success at once queues no packet */
    bool more;                 /* a look is worth a system call before arming */
    bool hollow;               /* an armed read has ended at once, and nothing was read since */
    uint8_t reading;           /* enum iocp_reading */
    _Atomic bool posted;       /* its wait has posted a packet */
    uint32_t write_most_bytes; /* of a pipe: see write_win.c */
    struct iocp_flight flights[2];
    struct iocp_slice lease;          /* what a read fills */
    struct iocp_slice gathered;       /* small spans that are being written as one */
    HANDLE wait;                      /* of an exit, and of a listener of a pipe */
    struct iocp_accepting *accepting; /* of a listener of a socket */
    struct iocp_listening *listening; /* of a listener of a pipe */
};

/* A slot for a handle that the port does not know. IOCP_NO_SLOT: out of memory. */
uint32_t iocp_slot_take(struct iocp_port *port);
/* A slot for a handle that the port gets to know. Errors: NOMEM, OS. On the strand. */
IOCP_MUST_CHECK int iocp_slot_open(struct iocp_port *port, HANDLE handle, bool is_socket,
                                   uint32_t *out_slot, int *out_os_error);
/* Retires the slot: nothing may be flying (asserted). On the strand. */
void iocp_slot_close(struct iocp_port *port, uint32_t number);
struct iocp_slot *iocp_slot_at(struct iocp_port *port, uint32_t number);
/* The key of the slot's packets. */
ULONG_PTR iocp_slot_key(const struct iocp_slot *slot);
/* Takes one packet: queues the operation that it ends. Any worker. */
void iocp_slot_packet(struct iocp_port *port, ULONG_PTR key, OVERLAPPED *overlapped);

/* Waits on a thread of the system until the handle is signalled; then the packet of the flight IN
 * comes, for which iocp_flight_prepare was called. Returns 0 or the system's error. On the strand.
 */
DWORD iocp_slot_wait(struct iocp_port *port, struct iocp_slot *slot, HANDLE handle);
/* Takes the wait back, if there is one. block: returns when it is certain whether the packet comes
 * (slot->posted); that is at most a callback of a few instructions. On the strand. */
void iocp_slot_unwait(struct iocp_port *port, struct iocp_slot *slot, bool block);

/* Makes the flight ready for a system call on behalf of op. On the strand. */
OVERLAPPED *iocp_flight_prepare(struct iocp_slot *slot, enum iocp_direction direction,
                                struct iocp_op *op);
enum iocp_departure { IOCP_LANDED, IOCP_FLYING, IOCP_REFUSED };
/* What the system call said: error is 0 if it succeeded at once. On the strand. */
enum iocp_departure iocp_flight_depart(struct iocp_slot *slot, enum iocp_direction direction,
                                       DWORD error);
/* After the packet: 0 or the system's error, and the bytes that were moved. On the strand. */
DWORD iocp_flight_land(struct iocp_slot *slot, enum iocp_direction direction, iocp_handle handle,
                       bool is_socket, uint32_t *out_bytes);
/* Bytes that a system call which succeeded at once has moved. */
uint32_t iocp_flight_bytes(const struct iocp_slot *slot, enum iocp_direction direction);
/* Asks the kernel to end the flight, if there is one. On the strand. */
void iocp_flight_cancel(struct iocp_slot *slot, enum iocp_direction direction, iocp_handle handle);
/* Whether the kernel still has it. Any thread. */
bool iocp_flight_is_up(const struct iocp_slot *slot, enum iocp_direction direction);

#endif
