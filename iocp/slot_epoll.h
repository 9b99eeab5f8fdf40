/*
 * Slots: the engine's side of a handle that epoll knows.
 *
 * An event names slot and generation, never a pointer. The slot's one atomic word says what is
 * known of the handle and whether an operation is parked on it:
 *
 *    bits 63..32  generation: an event of another one is stale and dropped
 *    IN_READY     a read is worth a try          OUT_READY   a write is
 *    IN_PARKED    a read waits for an event      OUT_PARKED  a write does
 *    IN_GONE      the end is near: IN_READY stays set           OUT_GONE   likewise
 *
 * Each direction of a slot, changed by compare-and-swap:
 */

/*
 *               park (strand)                     event (any worker)
 *    quiet  ------------------->  parked  ------------------------------->  ready, op queued
 *      |                            |  unpark (strand: cancel)                 |
 *      |  event                     +----------------> quiet, op queued        | try (strand)
 *      +------------> ready  --------------------------------------------->  quiet
 *
 * Whoever takes PARKED away owns the operation and queues it: so it completes once. The operation's
 * pointer is read only after that, when its owner cannot have freed it. Slots live as long as the
 * port, so a late event may look at one at any time.
 */
#ifndef IOCP_SLOT_EPOLL_H
#define IOCP_SLOT_EPOLL_H

#include "iocp/table.h"

enum iocp_direction { IOCP_IN, IOCP_OUT };

struct iocp_slot {
    struct iocp_record record;
    uint32_t events; /* what epoll reports for it; the strand's */
    _Atomic uint64_t state;
    struct iocp_op *ops[2]; /* by direction; written before park, read by who takes PARKED away */
};

/* Makes fd known to epoll, edge-triggered, for the given EPOLL events; sticky_hangup: a hang-up is
 * for good. On the strand. Returns the slot's number, or a negative error and *out_os_error. */
IOCP_MUST_CHECK int iocp_slot_open(struct iocp_port *port, int fd, uint32_t events,
                                   bool sticky_hangup, uint32_t *out_slot, int *out_os_error);
/* Adds events to what epoll reports. On the strand. */
IOCP_MUST_CHECK int iocp_slot_add(struct iocp_port *port, uint32_t slot, int fd, uint32_t events,
                                  int *out_os_error);
/* Takes fd from epoll and retires the slot. Nothing may be parked (asserted). On the strand. */
void iocp_slot_close(struct iocp_port *port, uint32_t slot, int fd);

/* Parks op until an event. false: one came already, try again. On the strand. */
bool iocp_slot_park(struct iocp_port *port, uint32_t slot, enum iocp_direction direction,
                    struct iocp_op *op);
/* Takes a parked op back; false: an event has it, and it is queued. On the strand. */
bool iocp_slot_unpark(struct iocp_port *port, uint32_t slot, enum iocp_direction direction);
bool iocp_slot_is_parked(struct iocp_port *port, uint32_t slot, enum iocp_direction direction);
/* Forgets readiness before a try, so that an event during the try is seen. On the strand. */
void iocp_slot_try(struct iocp_port *port, uint32_t slot, enum iocp_direction direction);
/* More may be there. On the strand. */
void iocp_slot_set_ready(struct iocp_port *port, uint32_t slot, enum iocp_direction direction);
/* A try found nothing although the other side was gone: it came back, as with a named pipe. */
void iocp_slot_forget_gone(struct iocp_port *port, uint32_t slot, enum iocp_direction direction);

/* Takes one event of epoll: marks readiness and queues what was parked. Any worker. */
void iocp_slot_event(struct iocp_port *port, uint64_t tag, uint32_t events);

#endif
