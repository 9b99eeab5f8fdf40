/*
 * Process exits on Windows: the system's wait threads watch the processes and post a packet.
 *
 * submit    on the strand: looks once, then registers a wait with the system
 * complete  the wait's callback posts a packet and touches nothing after that; the step that
 *           follows takes the wait back and asks for the code
 * cancel    takes the wait back; if its callback has not posted, looks a last time
 * close     with completion; iocp_exit_reap closes the process's handle
 *
 * A wait thread of the system serves 63 processes; where the system has wait completion packets
 * (Windows 8 and later) its thread pool needs no thread for them. docs/windows.md has the counts.
 */
#include "iocp/port_win.h"

#include <psapi.h>

void iocp_exit_start(struct iocp_exit *exit, struct iocp_strand *strand, iocp_handle handle,
                     iocp_callback *on_exit)
{
    assert(handle != IOCP_NO_HANDLE && on_exit != NULL);
    *exit = (struct iocp_exit){.handle = handle};
    iocp_op_prepare(&exit->op, strand, IOCP_OP_EXIT, on_exit);
    iocp_op_begin(&exit->op);
    iocp_strand_push(&exit->op);
}

void iocp_exit_cancel(struct iocp_exit *exit)
{
    struct iocp_op *op = &exit->op;
    struct iocp_port *port = op->strand->port;
    if (!iocp_pending(op))
        return;
    op->flags |= IOCP_F_CANCEL;
    if (exit->slot == IOCP_NO_SLOT)
        return; /* in the strand's queue, for its first step */
    struct iocp_slot *slot = iocp_slot_at(port, exit->slot);
    if (slot->wait == NULL)
        return;
    iocp_slot_unwait(port, slot, true);
    if (!atomic_load(&slot->posted))
        iocp_strand_push(op);
}

static bool finish(struct iocp_port *port, struct iocp_exit *exit, int result, DWORD error)
{
    exit->op.result = result;
    exit->op.os_error = (int)error;
    if (exit->slot != IOCP_NO_SLOT)
        iocp_slot_close(port, exit->slot);
    exit->slot = IOCP_NO_SLOT;
    return true;
}

static bool tell(struct iocp_port *port, struct iocp_exit *exit)
{
    DWORD code = 0;
    if (!GetExitCodeProcess((HANDLE)exit->handle, &code)) {
        DWORD error = GetLastError();
        return finish(port, exit, iocp_error_from_os((int)error), error);
    }
    exit->code = (int32_t)code;
    return finish(port, exit, 0, 0);
}

/* false: a packet will come. */
static bool wait_for_end(struct iocp_port *port, struct iocp_exit *exit)
{
    if (exit->slot == IOCP_NO_SLOT)
        exit->slot = iocp_slot_take(port);
    if (exit->slot == IOCP_NO_SLOT)
        return finish(port, exit, IOCP_E_NOMEM, ERROR_NOT_ENOUGH_MEMORY);
    struct iocp_slot *slot = iocp_slot_at(port, exit->slot);
    (void)iocp_flight_prepare(slot, IOCP_IN, &exit->op);
    slot->flights[IOCP_IN].flying = false; /* the kernel has no call of it to cancel */
    DWORD error = iocp_slot_wait(port, slot, (HANDLE)exit->handle);
    return error != 0 && finish(port, exit, iocp_error_from_os((int)error), error);
}

bool iocp_exit_step(struct iocp_worker *worker, struct iocp_op *op)
{
    struct iocp_exit *exit = IOCP_OWNER(op, struct iocp_exit, op);
    struct iocp_port *port = worker->port;
    if (exit->slot != IOCP_NO_SLOT)
        iocp_slot_unwait(port, iocp_slot_at(port, exit->slot), false);
    DWORD state = WaitForSingleObject((HANDLE)exit->handle, 0);
    if (state == WAIT_OBJECT_0)
        return tell(port, exit);
    if (state == WAIT_FAILED) {
        DWORD error = GetLastError();
        return finish(port, exit, iocp_error_from_os((int)error), error);
    }
    if (op->flags & IOCP_F_CANCEL)
        return finish(port, exit, IOCP_E_CANCELLED, 0);
    return wait_for_end(port, exit);
}

static uint64_t microseconds(const FILETIME *time)
{
    return (((uint64_t)time->dwHighDateTime << 32) | time->dwLowDateTime) / 10;
}

static void tell_usage(HANDLE process, struct iocp_usage *out_usage)
{
    FILETIME created, ended, kernel, user;
    PROCESS_MEMORY_COUNTERS memory = {.cb = sizeof(memory)};
    if (GetProcessTimes(process, &created, &ended, &kernel, &user)) {
        out_usage->user_us = microseconds(&user);
        out_usage->system_us = microseconds(&kernel);
    }
    if (K32GetProcessMemoryInfo(process, &memory, sizeof(memory)))
        out_usage->peak_rss_bytes = memory.PeakWorkingSetSize;
}

void iocp_exit_reap(struct iocp_exit *exit, struct iocp_usage *out_usage)
{
    assert(!iocp_pending(&exit->op) && exit->handle != IOCP_NO_HANDLE);
    HANDLE process = (HANDLE)exit->handle;
    if (out_usage != NULL) {
        *out_usage = (struct iocp_usage){0};
        if (WaitForSingleObject(process, 0) == WAIT_OBJECT_0)
            tell_usage(process, out_usage);
    }
    (void)CloseHandle(process);
    exit->handle = IOCP_NO_HANDLE;
}
