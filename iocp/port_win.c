/*
 * The Windows backend: how a worker takes packets from the completion port, and how it is woken.
 *
 * submit    on its strand an operation makes its system call with the OVERLAPPED of its slot
 * complete  a call that succeeds at once goes on without a packet; else a packet puts the operation
 *           into its strand's queue, and the step that follows looks at what happened
 * cancel    CancelIoEx; the packet tells what happened, and a read looks a last time
 * close     when nothing is flying any more: CloseHandle, the slot's generation goes on
 *
 * Workers take up to IOCP_EVENT_BATCH packets at a time. The one timer is a waitable timer; the
 * system's wait thread posts a packet when it is due, and does nothing else.
 */
#include "iocp/port_win.h"

#include <stdlib.h>
#include <string.h>

/* Keys of packets that belong to no slot. */
#define KEY_WAKE  (~(ULONG_PTR)0)
#define KEY_TIMER (~(ULONG_PTR)0 - 1)

#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 2 /* since Windows 10 1803 */
#endif

const struct iocp_sys *iocp_backend_sys(void)
{
    return &iocp_sys_default;
}

void *iocp_backend_alloc_dirty(const struct iocp_port *port, size_t size_bytes)
{
    return port->sys->alloc(size_bytes);
}

void *iocp_backend_alloc(const struct iocp_port *port, size_t size_bytes)
{
    void *memory = iocp_backend_alloc_dirty(port, size_bytes);
    if (memory != NULL)
        memset(memory, 0, size_bytes);
    return memory;
}

void iocp_backend_release(const struct iocp_port *port, void *memory)
{
    port->sys->release(memory);
}

void *iocp_backend_map(const struct iocp_port *port, size_t size_bytes)
{
    return port->sys->map_pages(size_bytes);
}

void iocp_backend_unmap(const struct iocp_port *port, void *memory, size_t size_bytes)
{
    port->sys->unmap_pages(memory, size_bytes);
}

/* ---- Winsock ---- */

int iocp_winsock_start(void)
{
    WSADATA data;
    return WSAStartup(MAKEWORD(2, 2), &data);
}

/* ---- Opening and closing ---- */

static void post(HANDLE completions, ULONG_PTR key)
{
    /* Fails only when the kernel has no memory for a packet; without it work would be forgotten. */
    if (!PostQueuedCompletionStatus(completions, 0, key, NULL))
        abort();
}

static void CALLBACK on_timer(void *context, BOOLEAN timed_out)
{
    (void)timed_out;
    post(context, KEY_TIMER);
}

static int open_timer(struct iocp_backend *backend)
{
    /* The default resolution is a 64th of a second. */
    backend->timer =
        CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, TIMER_ALL_ACCESS);
    if (backend->timer == NULL)
        backend->timer = CreateWaitableTimerExW(NULL, NULL, 0, TIMER_ALL_ACCESS);
    if (backend->timer == NULL)
        return (int)GetLastError();
    if (!RegisterWaitForSingleObject(&backend->timer_wait, backend->timer, on_timer,
                                     backend->completions, INFINITE, WT_EXECUTEINWAITTHREAD))
        return (int)GetLastError();
    return 0;
}

static int open_handles(struct iocp_port *port)
{
    struct iocp_backend *backend = port->backend;
    int os_error = iocp_winsock_start();
    if (os_error != 0)
        return os_error;
    backend->completions =
        CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, port->options.workers);
    if (backend->completions == NULL)
        return (int)GetLastError();
    return open_timer(backend);
}

int iocp_backend_open(struct iocp_port *port, int *out_os_error)
{
    port->backend = iocp_backend_alloc(port, sizeof(*port->backend));
    if (port->backend == NULL) {
        *out_os_error = ERROR_NOT_ENOUGH_MEMORY;
        return IOCP_E_NOMEM;
    }
    iocp_table_init(&port->backend->slots, sizeof(struct iocp_slot));
    *out_os_error = open_handles(port);
    if (*out_os_error == 0)
        return 0;
    iocp_backend_close(port);
    return iocp_error_from_os(*out_os_error);
}

void iocp_backend_close(struct iocp_port *port)
{
    struct iocp_backend *backend = port->backend;
    if (backend->timer_wait != NULL)
        (void)UnregisterWaitEx(backend->timer_wait, INVALID_HANDLE_VALUE);
    if (backend->timer != NULL)
        (void)CloseHandle(backend->timer);
    if (backend->completions != NULL)
        (void)CloseHandle(backend->completions);
    iocp_table_deinit(port, &backend->slots);
    iocp_backend_release(port, backend);
    port->backend = NULL;
}

/* ---- Packets ---- */

void iocp_backend_wake(struct iocp_port *port)
{
    post(port->backend->completions, KEY_WAKE);
}

unsigned iocp_backend_wait_threads(struct iocp_port *port)
{
    enum { WAITS_OF_A_THREAD = MAXIMUM_WAIT_OBJECTS - 1 };
    unsigned waits = atomic_load(&port->backend->waits) + 1; /* the timer's */
    return (waits + WAITS_OF_A_THREAD - 1) / WAITS_OF_A_THREAD;
}

void iocp_backend_set_timer(struct iocp_port *port, uint64_t deadline_ns)
{
    uint64_t now_ns = iocp_now_ns(port);
    uint64_t ticks = deadline_ns > now_ns ? (deadline_ns - now_ns + 99) / 100 : 1;
    LARGE_INTEGER due = {.QuadPart = -(LONGLONG)(ticks < INT64_MAX ? ticks : INT64_MAX)};
    if (!SetWaitableTimer(port->backend->timer, &due, 0, NULL, NULL, FALSE))
        abort(); /* the handle is ours and the time is in range */
}

static void take_packet(struct iocp_port *port, const OVERLAPPED_ENTRY *entry)
{
    if (entry->lpCompletionKey == KEY_WAKE)
        atomic_store(&port->waking, false);
    else if (entry->lpCompletionKey == KEY_TIMER)
        iocp_timers_fire(port);
    else
        iocp_slot_packet(port, entry->lpCompletionKey, entry->lpOverlapped);
}

void iocp_backend_look(struct iocp_worker *worker, bool block)
{
    struct iocp_port *port = worker->port;
    OVERLAPPED_ENTRY entries[IOCP_EVENT_BATCH];
    ULONG count = 0;
    iocp_count(port, block ? IOCP_C_WAITS : IOCP_C_POLLS, 1);
    if (!GetQueuedCompletionStatusEx(port->backend->completions, entries, IOCP_EVENT_BATCH, &count,
                                     block ? INFINITE : 0, FALSE)) {
        DWORD error = GetLastError(); /* count may say anything */
        bool scarce = error == ERROR_NO_SYSTEM_RESOURCES || error == ERROR_NOT_ENOUGH_MEMORY;
        if (error != WAIT_TIMEOUT && !scarce)
            abort(); /* our mistake, and nothing can go on without it */
        return;
    }
    for (ULONG i = 0; i < count; i++)
        take_packet(port, &entries[i]);
    if (count > 0)
        iocp_count(port, IOCP_C_EVENTS, count);
}
