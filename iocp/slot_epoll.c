/*
 * Slots: see slot_epoll.h for the states. Opening, closing, parking and trying happen on the
 * strand of the handle; events come from any worker.
 */
#include "iocp/slot_epoll.h"

#include "iocp/port_epoll.h"
#include "iocp/sys_linux.h"

#include <errno.h>
#include <string.h>

enum {
    IN_READY = 1,
    IN_PARKED = 2,
    OUT_READY = 4,
    OUT_PARKED = 8,
    IN_GONE = 16,  /* the other side will write no more */
    OUT_GONE = 32, /* the other side will read no more */
    STICKY = 64    /* a hang-up of this handle is for good */
};

#define GENERATION_SHIFT 32
#define GENERATION_ONE   (UINT64_C(1) << GENERATION_SHIFT)
#define GENERATION_MASK  (~(GENERATION_ONE - 1))

static uint64_t ready_bit(enum iocp_direction direction)
{
    return direction == IOCP_IN ? IN_READY : OUT_READY;
}

static uint64_t parked_bit(enum iocp_direction direction)
{
    return direction == IOCP_IN ? IN_PARKED : OUT_PARKED;
}

static uint64_t gone_bit(enum iocp_direction direction)
{
    return direction == IOCP_IN ? IN_GONE : OUT_GONE;
}

static struct iocp_slot *slot_at(struct iocp_port *port, uint32_t number)
{
    return iocp_table_at(&port->backend->slots, number);
}

static int control(struct iocp_port *port, int what, uint32_t number, int fd, int *out_os_error)
{
    struct iocp_slot *slot = slot_at(port, number);
    uint64_t generation = atomic_load_explicit(&slot->state, memory_order_relaxed);
    struct epoll_event event = {
        .events = slot->events | EPOLLET,
        .data.u64 = (generation & GENERATION_MASK) | number,
    };
    iocp_count(port, IOCP_C_REGISTRATIONS, 1);
    if (port->sys->epoll_ctl(port->backend->epoll_fd, what, fd, &event) == 0)
        return 0;
    *out_os_error = errno;
    return iocp_error_from_os(errno);
}

/* A new generation with nothing known: events of the old one are stale from here on. */
static void retire(struct iocp_slot *slot)
{
    uint64_t state = atomic_load(&slot->state);
    while (!atomic_compare_exchange_weak(&slot->state, &state,
                                         (state & GENERATION_MASK) + GENERATION_ONE))
        ;
    assert((state & (IN_PARKED | OUT_PARKED)) == 0);
}

int iocp_slot_open(struct iocp_port *port, int fd, uint32_t events, bool sticky_hangup,
                   uint32_t *out_slot, int *out_os_error)
{
    uint32_t number = iocp_table_take(port, &port->backend->slots);
    if (number == IOCP_NO_SLOT) {
        *out_os_error = ENOMEM;
        return IOCP_E_NOMEM;
    }
    struct iocp_slot *slot = slot_at(port, number);
    slot->events = events;
    if (sticky_hangup)
        atomic_fetch_or(&slot->state, STICKY);
    int result = control(port, EPOLL_CTL_ADD, number, fd, out_os_error);
    if (result != 0) {
        retire(slot);
        iocp_table_give(&port->backend->slots, number);
        return result;
    }
    *out_slot = number;
    return 0;
}

int iocp_slot_add(struct iocp_port *port, uint32_t number, int fd, uint32_t events,
                  int *out_os_error)
{
    struct iocp_slot *slot = slot_at(port, number);
    if ((slot->events & events) == events)
        return 0;
    uint32_t before = slot->events;
    slot->events |= events;
    int result = control(port, EPOLL_CTL_MOD, number, fd, out_os_error);
    if (result != 0)
        slot->events = before;
    return result;
}

void iocp_slot_close(struct iocp_port *port, uint32_t number, int fd)
{
    int os_error = 0;
    /* Failure would mean that fd was closed under us; the generation guards even then. */
    (void)!control(port, EPOLL_CTL_DEL, number, fd, &os_error);
    retire(slot_at(port, number));
    iocp_table_give(&port->backend->slots, number);
}

bool iocp_slot_park(struct iocp_port *port, uint32_t number, enum iocp_direction direction,
                    struct iocp_op *op)
{
    struct iocp_slot *slot = slot_at(port, number);
    slot->ops[direction] = op;
    uint64_t state = atomic_load_explicit(&slot->state, memory_order_relaxed);
    do {
        assert((state & parked_bit(direction)) == 0);
        if (state & ready_bit(direction))
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&slot->state, &state,
                                                    state | parked_bit(direction),
                                                    memory_order_acq_rel, memory_order_relaxed));
    return true;
}

bool iocp_slot_unpark(struct iocp_port *port, uint32_t number, enum iocp_direction direction)
{
    uint64_t bit = parked_bit(direction);
    uint64_t before = atomic_fetch_and(&slot_at(port, number)->state, ~bit);
    return (before & bit) != 0;
}

bool iocp_slot_is_parked(struct iocp_port *port, uint32_t number, enum iocp_direction direction)
{
    return (atomic_load(&slot_at(port, number)->state) & parked_bit(direction)) != 0;
}

void iocp_slot_try(struct iocp_port *port, uint32_t number, enum iocp_direction direction)
{
    struct iocp_slot *slot = slot_at(port, number);
    uint64_t state = atomic_load_explicit(&slot->state, memory_order_relaxed);
    if ((state & gone_bit(direction)) == 0 && (state & ready_bit(direction)) != 0)
        atomic_fetch_and(&slot->state, ~ready_bit(direction));
}

void iocp_slot_set_ready(struct iocp_port *port, uint32_t number, enum iocp_direction direction)
{
    atomic_fetch_or(&slot_at(port, number)->state, ready_bit(direction));
}

void iocp_slot_forget_gone(struct iocp_port *port, uint32_t number, enum iocp_direction direction)
{
    struct iocp_slot *slot = slot_at(port, number);
    if (atomic_load_explicit(&slot->state, memory_order_relaxed) & gone_bit(direction))
        atomic_fetch_and(&slot->state, ~(gone_bit(direction) | ready_bit(direction)));
}

/* What an event says, in bits of the slot. An end of the peer's writing (RDHUP) is readable. */
static uint64_t bits_of(uint32_t events, uint64_t state)
{
    uint64_t bits = 0;
    if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        bits |= IN_READY;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        bits |= OUT_READY;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) && (state & STICKY))
        bits |= IN_GONE;
    if ((events & (EPOLLHUP | EPOLLERR)) && (state & STICKY))
        bits |= OUT_GONE;
    return bits;
}

static uint64_t parked_of(uint64_t bits)
{
    return ((bits & IN_READY) ? IN_PARKED : 0) | ((bits & OUT_READY) ? OUT_PARKED : 0);
}

void iocp_slot_event(struct iocp_port *port, uint64_t tag, uint32_t events)
{
    struct iocp_slot *slot = slot_at(port, (uint32_t)tag);
    uint64_t state = atomic_load(&slot->state);
    uint64_t claimed;
    do {
        if (((state ^ tag) & GENERATION_MASK) != 0) {
            iocp_count(port, IOCP_C_STALE, 1);
            return;
        }
        uint64_t bits = bits_of(events, state);
        claimed = state & parked_of(bits);
        uint64_t next = (state | bits) & ~claimed;
        if (atomic_compare_exchange_weak(&slot->state, &state, next))
            break;
    } while (true);
    if (claimed & IN_PARKED)
        iocp_strand_push(slot->ops[IOCP_IN]);
    if (claimed & OUT_PARKED)
        iocp_strand_push(slot->ops[IOCP_OUT]);
}
