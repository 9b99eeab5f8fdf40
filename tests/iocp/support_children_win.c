/*
 * Support on Windows: the tiny programs of tests/children, started by CreateProcessW, and the gate
 * that lets many of them go at once (the end of a pipe that is their input).
 *
 * A process id is free for the next process as soon as nobody has a handle of the process and it
 * has ended, so sup_child.id is more than that: the process id below, the time of the start above.
 * The support keeps no handle: the one in sup_child is the engine's from iocp_exit_start on, and
 * whoever asks about the child later opens it by its id. All children are in one job, the only
 * state at file scope: it counts those that live, and ends them with the program.
 */
#include "support_win.h"

#include <stdalign.h>
#include <wchar.h>

enum {
    COMMAND_CHARS = 2048,
    LIVE_ON_WINE = 256 /* each is a Unix process and half a dozen descriptors of wineserver */
};

static HANDLE job;

void sup_children_begin(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
        .BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    };
    job = CreateJobObjectW(NULL, NULL);
    assert_non_null(job);
    assert_true(
        SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits));
}

/* ---- Gates ----------------------------------------------------------------------------------- */

bool sup_gate_open(struct sup_gate *gate)
{
    HANDLE wait, release;
    if (!CreatePipe(&wait, &release, NULL, 0))
        return false;
    *gate = (struct sup_gate){(iocp_handle)wait, (iocp_handle)release};
    return SetHandleInformation(wait, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
}

void sup_gate_release(struct sup_gate *gate)
{
    SUP_CHECK(CloseHandle((HANDLE)gate->wait));
    SUP_CHECK(CloseHandle((HANDLE)gate->release));
}

/* ---- Command lines --------------------------------------------------------------------------- */

struct command {
    wchar_t text[COMMAND_CHARS];
    size_t length;
};

static void add_char(struct command *command, wchar_t c)
{
    SUP_CHECK(command->length + 1 < COMMAND_CHARS);
    if (command->length + 1 < COMMAND_CHARS)
        command->text[command->length++] = c;
}

/* Quoted as the C library takes it apart: backslashes are doubled before a quote, and nowhere else
 * ("Parsing C command-line arguments" in Microsoft's C reference). */
static void add_argument(struct command *command, const wchar_t *argument)
{
    size_t slashes = 0;
    if (command->length > 0)
        add_char(command, L' ');
    add_char(command, L'"');
    for (const wchar_t *c = argument;; c++) {
        for (bool doubles = *c == L'"' || *c == L'\0'; doubles && slashes > 0; slashes--)
            add_char(command, L'\\');
        if (*c == L'\0')
            break;
        if (*c == L'"')
            add_char(command, L'\\');
        slashes = *c == L'\\' ? slashes + 1 : 0;
        add_char(command, *c);
    }
    add_char(command, L'"');
}

static bool widen(const char *text, wchar_t *out, int chars)
{
    return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, out, chars) > 0;
}

static bool make_command(const wchar_t *path, const char *const arguments[2],
                         struct command *out_command)
{
    wchar_t wide[COMMAND_CHARS];
    memset(out_command, 0, sizeof *out_command);
    add_argument(out_command, path);
    for (unsigned i = 0; i < 2; i++) {
        if (!widen(arguments[i], wide, COMMAND_CHARS))
            return false;
        add_argument(out_command, wide);
    }
    return true;
}

/* ---- Starting -------------------------------------------------------------------------------- */

static bool has_room(void)
{
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION count = {0};
    if (!sup_on_wine())
        return true;
    SUP_CHECK(QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &count,
                                        sizeof count, NULL));
    return count.ActiveProcesses < LIVE_ON_WINE;
}

/* The child inherits its input and nothing else, whoever starts others at the same time. */
static bool spawn(const wchar_t *path, wchar_t *command, HANDLE input, PROCESS_INFORMATION *out)
{
    alignas(16) char space[256];
    SIZE_T size = sizeof space;
    STARTUPINFOEXW start = {
        .StartupInfo = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES, .hStdInput = input},
        .lpAttributeList = (LPPROC_THREAD_ATTRIBUTE_LIST)(void *)space,
    };
    if (!InitializeProcThreadAttributeList(start.lpAttributeList, 2, 0, &size))
        return false;
    bool good =
        UpdateProcThreadAttribute(start.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                                  &input, sizeof input, NULL, NULL) &&
        UpdateProcThreadAttribute(start.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_JOB_LIST, &job,
                                  sizeof job, NULL, NULL) &&
        CreateProcessW(path, command, NULL, NULL, TRUE,
                       EXTENDED_STARTUPINFO_PRESENT | DETACHED_PROCESS, NULL, NULL,
                       &start.StartupInfo, out);
    DeleteProcThreadAttributeList(start.lpAttributeList);
    return good;
}

static HANDLE open_no_input(void)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    return CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                       OPEN_EXISTING, 0, NULL);
}

/* The id of the process that the handle names; -1 if it names none. */
static int64_t id_of(HANDLE process)
{
    FILETIME started, ended, in_kernel, in_program;
    DWORD id = GetProcessId(process);
    if (id == 0 || !GetProcessTimes(process, &started, &ended, &in_kernel, &in_program))
        return -1;
    return (int64_t)((uint64_t)(started.dwLowDateTime & INT32_MAX) << 32 | id);
}

bool sup_child_start(const char *program, const char *const arguments[2],
                     const struct sup_gate *gate, struct sup_child *out_child)
{
    char path[512];
    wchar_t wide[sizeof path];
    struct command command;
    PROCESS_INFORMATION process;
    snprintf(path, sizeof path, "%s/child-%s.exe", CHILD_DIR, program);
    if (!has_room() || !widen(path, wide, sizeof path) || !make_command(wide, arguments, &command))
        return false;
    HANDLE input = gate != NULL ? (HANDLE)gate->wait : open_no_input();
    bool good = input != INVALID_HANDLE_VALUE && spawn(wide, command.text, input, &process);
    if (gate == NULL && input != INVALID_HANDLE_VALUE)
        CloseHandle(input);
    if (!good)
        return false;
    CloseHandle(process.hThread);
    *out_child = (struct sup_child){(iocp_handle)process.hProcess, id_of(process.hProcess)};
    return true;
}

/* ---- After the start ------------------------------------------------------------------------- */

/* A handle of the child if it runs still, else NULL. */
static HANDLE open_running(const struct sup_child *child)
{
    HANDLE process =
        OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)child->id);
    if (process == NULL)
        return NULL;
    if (id_of(process) == child->id && WaitForSingleObject(process, 0) == WAIT_TIMEOUT)
        return process;
    CloseHandle(process);
    return NULL;
}

bool sup_child_await(const struct sup_child *child)
{
    return WaitForSingleObject((HANDLE)child->handle, SUP_DEADLINE_MS) == WAIT_OBJECT_0;
}

/* The id is taken while a handle of ours names the child (the engine's: there is no other) and
 * while the child runs. Others may hold it for longer, and do: the console, scanners. */
bool sup_child_exists(const struct sup_child *child)
{
    if (id_of((HANDLE)child->handle) == child->id)
        return true;
    HANDLE process = open_running(child);
    if (process == NULL)
        return false;
    CloseHandle(process);
    return true;
}

void sup_child_kill(const struct sup_child *child)
{
    SUP_CHECK(TerminateProcess((HANDLE)child->handle, 0));
}

/* There is nothing to reap where no parent has to: the child is waited for. */
void sup_child_reap(const struct sup_child *child)
{
    HANDLE process = open_running(child);
    if (process == NULL)
        return;
    SUP_CHECK(WaitForSingleObject(process, SUP_DEADLINE_MS) == WAIT_OBJECT_0);
    CloseHandle(process);
}

int sup_kill_signal(void)
{
    return 0;
}
