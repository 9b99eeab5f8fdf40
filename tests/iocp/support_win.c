/*
 * Support on Windows: the program's start, threads, waiting, and what the system counts.
 *
 * One lock and one condition serve all tallies; that is enough for tests. Beside them only
 * handles_wanted is state at file scope; it is the test thread's.
 *
 * Threads and handles of the system's own thread pool come and go as it likes, so they are left out
 * of the counts: threads that run neither this program's code nor the C library's, and handles of
 * types that the engine has no use for (those of Wine's pool are events). winternl.h describes the
 * two calls of ntdll that count; Wine's GetProcessHandleCount says 0.
 */
#include "support_win.h"

#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <winternl.h>

static SRWLOCK tally_lock = SRWLOCK_INIT;
static CONDITION_VARIABLE tally_changed = CONDITION_VARIABLE_INIT;
static unsigned handles_wanted; /* the most that a test has asked room for */

/* ---- Calls of ntdll ------------------------------------------------------------------------ */

typedef LONG WINAPI query_object_call(HANDLE handle, ULONG what, void *data, ULONG size,
                                      ULONG *out_size);
typedef LONG WINAPI next_thread_call(HANDLE process, HANDLE thread, ULONG access, ULONG attributes,
                                     ULONG flags, HANDLE *out_thread);
typedef LONG WINAPI query_thread_call(HANDLE thread, ULONG what, void *data, ULONG size,
                                      ULONG *out_size);

static void *ntdll_call(const char *name)
{
    union {
        FARPROC call;
        void *pointer;
    } found = {.call = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), name)};
    return found.pointer;
}

bool sup_on_wine(void)
{
    return ntdll_call("wine_get_version") != NULL;
}

bool sup_tries_what_wine_lacks(void)
{
    return !sup_on_wine() || getenv("EXECPORT_TRY_SKIPS") != NULL;
}

/* ---- Threads and waiting ------------------------------------------------------------------- */

struct sup_thread {
    HANDLE handle;
    void (*run)(void *argument);
    void *argument;
};

static unsigned __stdcall thread_main(void *argument)
{
    struct sup_thread *thread = argument;
    thread->run(thread->argument);
    return 0;
}

struct sup_thread *sup_thread_start(void (*run)(void *argument), void *argument)
{
    struct sup_thread *thread = sup_new(sizeof *thread);
    thread->run = run;
    thread->argument = argument;
    thread->handle = (HANDLE)_beginthreadex(NULL, 0, thread_main, thread, 0, NULL);
    assert_non_null(thread->handle);
    return thread;
}

void sup_thread_join(struct sup_thread *thread)
{
    assert_int_equal(WaitForSingleObject(thread->handle, INFINITE), WAIT_OBJECT_0);
    CloseHandle(thread->handle);
    free(thread);
}

uint64_t sup_thread_id(void)
{
    return GetCurrentThreadId();
}

void sup_tally_add(struct sup_tally *tally, uint64_t n)
{
    AcquireSRWLockExclusive(&tally_lock);
    tally->count += n;
    WakeAllConditionVariable(&tally_changed);
    ReleaseSRWLockExclusive(&tally_lock);
}

uint64_t sup_tally_count(struct sup_tally *tally)
{
    AcquireSRWLockExclusive(&tally_lock);
    uint64_t count = tally->count;
    ReleaseSRWLockExclusive(&tally_lock);
    return count;
}

bool sup_tally_wait(struct sup_tally *tally, uint64_t at_least, unsigned timeout_ms)
{
    uint64_t now_ms = sup_now_ms(), end_ms = now_ms + timeout_ms;
    AcquireSRWLockExclusive(&tally_lock);
    while (tally->count < at_least && now_ms < end_ms) {
        (void)SleepConditionVariableSRW(&tally_changed, &tally_lock, (DWORD)(end_ms - now_ms), 0);
        now_ms = sup_now_ms();
    }
    bool reached = tally->count >= at_least;
    ReleaseSRWLockExclusive(&tally_lock);
    return reached;
}

uint64_t sup_now_ms(void)
{
    LARGE_INTEGER now, per_second;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&per_second);
    uint64_t ticks = (uint64_t)now.QuadPart, rate = (uint64_t)per_second.QuadPart;
    return ticks / rate * 1000 + ticks % rate * 1000 / rate;
}

void sup_spin(uint32_t n)
{
    volatile uint32_t sink = 0;
    for (uint32_t i = 0; i < n * 64; i++)
        sink = sink + i;
}

void sup_yield(void)
{
    (void)SwitchToThread();
}

void sup_observe_ms(unsigned duration_ms)
{
    uint64_t end_ms = sup_now_ms() + duration_ms;
    for (uint64_t now_ms = sup_now_ms(); now_ms < end_ms; now_ms = sup_now_ms())
        Sleep((DWORD)(end_ms - now_ms)); /* may end a tick of the clock early */
}

/* ---- Counting handles ---------------------------------------------------------------------- */

/* Handles are asked one by one for the name of their type. The list of the whole system that
 * NtQuerySystemInformation gives would be one call, but Wine 8's server crashes over it when some
 * process has no handle left, as one that is ending. The lowest free value is given next, so what
 * a test says that it will open tells how far to look. */
enum { OBJECT_TYPE = 2, STEP = 4, GAP = 512 /* of values: beyond it there is no handle */ };

/* Whether the handle is open and of a type that the engine uses. */
static bool handle_counts(query_object_call *query, HANDLE handle)
{
    static const wchar_t *const counted[] = {L"File", L"IoCompletion", L"Process", L"Thread",
                                             L"Timer"};
    union {
        PUBLIC_OBJECT_TYPE_INFORMATION type;
        char room[1024]; /* the name stands behind the structure */
    } answer;
    if (query(handle, OBJECT_TYPE, &answer, sizeof answer, NULL) != 0)
        return false;
    const UNICODE_STRING *name = &answer.type.TypeName;
    for (unsigned i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        size_t length = wcslen(counted[i]);
        if (name->Length == length * sizeof(wchar_t) &&
            wcsncmp(name->Buffer, counted[i], length) == 0)
            return true;
    }
    return false;
}

int sup_handles(void)
{
    query_object_call *query = (query_object_call *)ntdll_call("NtQueryObject");
    int count = 0;
    if (query == NULL)
        return -1;
    for (unsigned i = 1, last = handles_wanted; i <= last + GAP; i++) {
        if (!handle_counts(query, (HANDLE)((uintptr_t)i * STEP)))
            continue;
        count++;
        last = i > last ? i : last;
    }
    return count;
}

/* The count above must see each type: a handle of each is opened. */
static void check_counted_types(void)
{
    int before = sup_handles();
    HANDLE samples[] = {
        CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL),
        CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1),
        OpenProcess(SYNCHRONIZE, FALSE, GetCurrentProcessId()),
        OpenThread(SYNCHRONIZE, FALSE, GetCurrentThreadId()),
        CreateWaitableTimerW(NULL, TRUE, NULL),
    };
    enum { SAMPLES = sizeof samples / sizeof samples[0] };
    assert_int_equal(sup_handles(), before + SAMPLES);
    for (unsigned s = 0; s < SAMPLES; s++)
        CloseHandle(samples[s]);
}

/* Windows knows no limit that a test comes near. Wine has descriptors behind its handles. */
unsigned sup_handles_room(unsigned wanted)
{
    enum { ROOM_ON_WINE = 9000 };
    unsigned room = wanted > ROOM_ON_WINE && sup_on_wine() ? ROOM_ON_WINE : wanted;
    if (room > handles_wanted)
        handles_wanted = room;
    return room;
}

bool sup_handles_exhaust(void)
{
    return false;
}

void sup_handles_restore(void) {}

/* Wine's server asks a socket for its error when it polls it; a read after that finds an end. */
bool sup_resets_last(void)
{
    if (sup_tries_what_wine_lacks())
        return true;
    printf("[  LACKS   ] lasting-reset\n");
    return false;
}

bool sup_tells_usage(void)
{
    return sup_tries_what_wine_lacks();
}

/* ---- Counting threads ---------------------------------------------------------------------- */

enum { THREAD_START_ADDRESS = 9 }; /* ThreadQuerySetWin32StartAddress */

static HMODULE module_of(const void *address)
{
    const DWORD how =
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    HMODULE module = NULL;
    return GetModuleHandleExW(how, (LPCWSTR)address, &module) ? module : NULL;
}

/* Whether it runs still and was started by the program, maybe through the C library. */
static bool thread_counts(HANDLE thread)
{
    query_thread_call *query = (query_thread_call *)ntdll_call("NtQueryInformationThread");
    union {
        uintptr_t(__cdecl *call)(void *, unsigned, unsigned(__stdcall *)(void *), void *, unsigned,
                                 unsigned *);
        const void *pointer;
    } library = {.call = _beginthreadex};
    const void *start = NULL;
    if (WaitForSingleObject(thread, 0) == WAIT_OBJECT_0)
        return false;
    if (query(thread, THREAD_START_ADDRESS, &start, sizeof start, NULL) != 0)
        return false;
    HMODULE module = module_of(start);
    return module == GetModuleHandleW(NULL) || module == module_of(library.pointer);
}

int sup_threads(void)
{
    next_thread_call *next_of = (next_thread_call *)ntdll_call("NtGetNextThread");
    HANDLE thread = NULL, next;
    int count = 0;
    if (next_of == NULL)
        return -1;
    while (next_of(GetCurrentProcess(), thread, THREAD_QUERY_INFORMATION | SYNCHRONIZE, 0, 0,
                   &next) == 0) {
        count += thread_counts(next);
        if (thread != NULL)
            CloseHandle(thread);
        thread = next;
    }
    if (thread != NULL)
        CloseHandle(thread);
    return count;
}

bool sup_threads_settle(int count)
{
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    while (sup_threads() > count) {
        if (sup_now_ms() > deadline_ms)
            return false;
        sup_observe_ms(1); /* nobody is told when a joined thread leaves the list */
    }
    return true;
}

/* ---- The program --------------------------------------------------------------------------- */

static void CALLBACK on_warm(void *context, BOOLEAN timed_out)
{
    (void)context;
    (void)timed_out;
}

/* The first wait makes the thread pool, the first connection whatever sockets need: both stay. */
static void warm_up(void)
{
    HANDLE wait, event = CreateEventW(NULL, TRUE, TRUE, NULL);
    WSADATA data;
    iocp_handle both[2];
    assert_true(RegisterWaitForSingleObject(&wait, event, on_warm, NULL, INFINITE,
                                            WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD));
    assert_true(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    CloseHandle(event);
    assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
    assert_true(sup_pair_sockets(SUP_TCP, both));
    closesocket((SOCKET)both[0]);
    closesocket((SOCKET)both[1]);
}

void sup_begin(void)
{
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    (void)_set_error_mode(_OUT_TO_STDERR);
    (void)_setmode(_fileno(stdout), _O_BINARY);
    setvbuf(stdout, NULL, _IONBF, 0); /* it knows no buffering by lines */
    warm_up();
    check_counted_types();
    sup_children_begin();
}

void sup_let_broken_pipes_kill(void) {}

/* ---- Errors -------------------------------------------------------------------------------- */

bool sup_os_error(unsigned index, int *out_os_error, int *out_expected)
{
    static const int known[][2] = {
        {ERROR_SUCCESS, IOCP_OK},
        {ERROR_TOO_MANY_OPEN_FILES, IOCP_E_NOFILES},
        {WSAEMFILE, IOCP_E_NOFILES},
        {ERROR_NOT_ENOUGH_MEMORY, IOCP_E_NOMEM},
        {ERROR_OUTOFMEMORY, IOCP_E_NOMEM},
        {ERROR_NO_SYSTEM_RESOURCES, IOCP_E_NOMEM},
        {ERROR_COMMITMENT_LIMIT, IOCP_E_NOMEM},
        {WSAENOBUFS, IOCP_E_NOMEM},
        {ERROR_BROKEN_PIPE, IOCP_E_BROKEN},
        {ERROR_NO_DATA, IOCP_E_BROKEN},
        {ERROR_NETNAME_DELETED, IOCP_E_RESET},
        {WSAECONNRESET, IOCP_E_RESET},
        {WSAECONNABORTED, IOCP_E_RESET},
        {WSAEADDRINUSE, IOCP_E_IN_USE},
        {ERROR_ADDRESS_ALREADY_ASSOCIATED, IOCP_E_IN_USE},
        {ERROR_ACCESS_DENIED, IOCP_E_ACCESS},
        {WSAEACCES, IOCP_E_ACCESS},
        {ERROR_FILE_NOT_FOUND, IOCP_E_NOT_FOUND},
        {ERROR_PATH_NOT_FOUND, IOCP_E_NOT_FOUND},
        {ERROR_INVALID_PARAMETER, IOCP_E_INVALID},
        {WSAEINVAL, IOCP_E_INVALID},
        {ERROR_OPERATION_ABORTED, IOCP_E_CANCELLED},
        {ERROR_NOT_SAME_DEVICE, IOCP_E_OS},
    };
    if (index >= sizeof known / sizeof known[0])
        return false;
    *out_os_error = known[index][0];
    *out_expected = known[index][1];
    return true;
}
