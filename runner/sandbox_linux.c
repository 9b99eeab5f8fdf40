/*
 * Starts in a sandbox on Linux: see sandbox.h.
 *
 *    prepare   follows paths, makes mount points, notes what lies there, writes what bubblewrap and
 *              the inside read into files of memory (memfd_create(2)): no limit of a command line,
 *              nothing in a listing of processes
 *    confirm   reads the pipe that the inside writes to
 *    ended_by  reads what it wrote last
 *
 * bubblewrap runs with an empty environment, or what a client says about loading libraries would
 * work outside of the sandbox; the program's own comes with the orders.
 */
#include "runner/sandbox.h"

#include "runner/git_file.h"
#include "runner/look_up.h"
#include "runner/sandbox_args.h"
#include "runner/sandbox_filter.h"
#include "runner/sandbox_inside.h"
#include "runner/sandbox_place.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What bubblewrap is executed with. */
#define TEXT(number)    TEXT_OF(number)
#define TEXT_OF(number) #number

enum { HANDLES = 5 };

/* A mount, and what must be there when it is made. */
struct note {
    const char *path;
    char text[RUN_SANDBOX_PLACE_BYTES];
};

struct sandbox {
    struct sess_wrap wrap;
    struct run_sandboxes *sandboxes;
    struct run_permissions *permissions;
    struct run_mount_point **points;
    size_t point_count;
    struct note *notes;
    uint32_t note_count;
    const char *hidden[RUN_SANDBOX_HIDDEN_MAX + 1]; /* those of our sockets that can be reached */
    int args_fd, orders_fd, filter_fd, status_fd, told_fd; /* -1: none */
};

static struct sandbox *sandbox_of(struct sess_wrap *wrap)
{
    return IOCP_OWNER(wrap, struct sandbox, wrap);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void close_all(struct sandbox *sandbox)
{
    close_fd(&sandbox->args_fd);
    close_fd(&sandbox->orders_fd);
    close_fd(&sandbox->filter_fd);
    close_fd(&sandbox->status_fd);
    close_fd(&sandbox->told_fd);
}

static int fail(int error, const char *what, struct run_why *out_why)
{
    return run_why_set(out_why, -1, "cannot %s: %s", what, strerror(error));
}

/* ---- Files of memory ---- */

static int write_all(int fd, const void *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t written = write(fd, (const char *)data + done, size - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        done += (size_t)written;
    }
    return 0;
}

/* A file with these bytes, to be read from its beginning; -1 with the reason. */
static int make_file(const char *name, const void *data, size_t size, struct run_why *out_why)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd >= 0 && write_all(fd, data, size) == 0 && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    int error = errno;
    close_fd(&fd);
    return fail(error, "write a file of memory", out_why);
}

static size_t strings_bytes(char *const *list, uint32_t *out_count)
{
    size_t bytes = 0;
    for (*out_count = 0; list[*out_count] != NULL; ++*out_count)
        bytes += strlen(list[*out_count]) + 1;
    return bytes;
}

static char *put(char *at, const char *text)
{
    size_t size = strlen(text) + 1;
    memcpy(at, text, size);
    return at + size;
}

static size_t notes_bytes(const struct sandbox *sandbox)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < sandbox->note_count; i++)
        bytes += strlen(sandbox->notes[i].path) + strlen(sandbox->notes[i].text) + 2;
    return bytes;
}

static int make_orders(struct sandbox *sandbox, const struct sess_wrap_start *start,
                       struct run_why *out_why)
{
    const char *search = start->search != NULL ? start->search : "";
    const char *cwd = start->cwd != NULL ? start->cwd : "";
    struct run_sandbox_orders head = {
        .has_search = start->search != NULL, .has_cwd = start->cwd != NULL, .tty = start->tty};
    size_t size = strings_bytes(start->argv, &head.argc) + strings_bytes(start->env, &head.envc);
    size += strlen(start->program) + strlen(search) + strlen(cwd) + 3 + notes_bytes(sandbox);
    head.placec = sandbox->note_count;
    char *memory = size < UINT32_MAX ? malloc(sizeof(head) + size) : NULL;
    if (memory == NULL)
        return fail(ENOMEM, "write the orders", out_why);
    head.size_bytes = (uint32_t)size;
    memcpy(memory, &head, sizeof(head));
    char *at = put(put(put(memory + sizeof(head), start->program), search), cwd);
    for (uint32_t i = 0; i < head.argc; i++)
        at = put(at, start->argv[i]);
    for (uint32_t i = 0; i < head.envc; i++)
        at = put(at, start->env[i]);
    for (uint32_t i = 0; i < head.placec; i++)
        at = put(put(at, sandbox->notes[i].path), sandbox->notes[i].text);
    sandbox->orders_fd = make_file("orders", memory, sizeof(head) + size, out_why);
    free(memory);
    return sandbox->orders_fd >= 0 ? 0 : -1;
}

/* ---- Prepare ---- */

/* What must not come into being needs something to be mounted on. */
static int make_points(struct sandbox *sandbox, struct run_why *out_why)
{
    struct run_permissions *permissions = sandbox->permissions;
    sandbox->points = calloc(permissions->count + 1, sizeof(struct run_mount_point *));
    if (sandbox->points == NULL)
        return fail(ENOMEM, "make mount points", out_why);
    for (size_t i = 0; i < permissions->count; i++) {
        struct run_grant *grant = &permissions->grants[i];
        struct run_mount_point **point = &sandbox->points[sandbox->point_count];
        bool could_come = run_permissions_outer(permissions, i) == RUN_ACCESS_WRITE &&
                          (grant->is_missing || grant->is_directory);
        if (grant->access == RUN_ACCESS_WRITE || !could_come)
            continue;
        /* Also where another session has just made one, so that it does not go before us. */
        if (run_mount_points_take(sandbox->sandboxes->points, grant->path, point, out_why) != 0)
            return -1;
        sandbox->point_count += *point != NULL;
        grant->is_directory = true;
    }
    return 0;
}

static int make_filter(struct sandbox *sandbox, struct run_why *out_why)
{
    size_t size;
    const void *filter = run_sandbox_filter(&size);
    if (sandbox->permissions->has_network)
        return 0;
    if (filter == NULL)
        return run_why_set(out_why, -1,
                           "it restricts the network, and this server has no filter "
                           "of system calls for this kind of processor");
    sandbox->filter_fd = make_file("filter", filter, size, out_why);
    return sandbox->filter_fd >= 0 ? 0 : -1;
}

/* Those of our sockets that are there, and not below what is denied: a mount on nothing would fail.
 */
static void find_hidden(struct sandbox *sandbox)
{
    size_t count = 0;
    for (size_t i = 0; sandbox->sandboxes->hidden[i] != NULL; i++) {
        const char *path = sandbox->sandboxes->hidden[i];
        if (access(path, F_OK) == 0 &&
            run_permissions_access(sandbox->permissions, path) != RUN_ACCESS_NONE)
            sandbox->hidden[count++] = path;
    }
    sandbox->hidden[count] = NULL;
}

static int note(struct sandbox *sandbox, const char *path, enum run_sandbox_place place,
                struct run_why *out_why)
{
    struct note *out = &sandbox->notes[sandbox->note_count++];
    out->path = path;
    return run_sandbox_place_note(path, place, out->text, out_why);
}

/* What lies where something will be mounted. */
static int make_notes(struct sandbox *sandbox, struct run_why *out_why)
{
    static const enum run_sandbox_place places[] = {[RUN_ACCESS_NONE] = RUN_SANDBOX_PLACE_NONE,
                                                    [RUN_ACCESS_READ] = RUN_SANDBOX_PLACE_READ,
                                                    [RUN_ACCESS_WRITE] = RUN_SANDBOX_PLACE_WRITE};
    const struct run_permissions *permissions = sandbox->permissions;
    int result = 0;
    sandbox->notes = calloc(permissions->count + RUN_SANDBOX_HIDDEN_MAX, sizeof(*sandbox->notes));
    if (sandbox->notes == NULL)
        return fail(ENOMEM, "note what is there", out_why);
    for (size_t i = 1; i < permissions->count && result == 0; i++) {
        const struct run_grant *grant = &permissions->grants[i];
        if (grant->access != run_permissions_outer(permissions, i))
            result = note(sandbox, grant->path, places[grant->access], out_why);
    }
    for (size_t i = 0; sandbox->hidden[i] != NULL && result == 0; i++)
        result = note(sandbox, sandbox->hidden[i], RUN_SANDBOX_PLACE_NONE, out_why);
    return result;
}

static int make_args(struct sandbox *sandbox, struct run_why *out_why)
{
    struct run_sandbox_args args = {0};
    const struct run_sandbox_asked asked = {
        .permissions = sandbox->permissions,
        .hidden = sandbox->hidden,
        .fixed = sandbox->sandboxes->fixed,
        .filter_fd = sandbox->filter_fd >= 0 ? RUN_SANDBOX_FD_FILTER : -1,
    };
    if (run_sandbox_args(&args, &asked, out_why) == 0)
        sandbox->args_fd = make_file("arguments", args.data, args.size, out_why);
    free(args.data);
    return sandbox->args_fd >= 0 ? 0 : -1;
}

static int make_pipe(struct sandbox *sandbox, struct run_why *out_why)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail(errno, "make a pipe", out_why);
    sandbox->status_fd = ends[0];
    sandbox->told_fd = ends[1];
    return 0;
}

static int make_all(struct sandbox *sandbox, const struct sess_wrap_start *start,
                    struct run_why *out_why)
{
    if (run_permissions_resolve(sandbox->permissions, run_look_up_path, out_why) != 0 ||
        run_git_files_protect(sandbox->permissions, out_why) != 0 ||
        make_points(sandbox, out_why) != 0 || make_filter(sandbox, out_why) != 0)
        return -1;
    find_hidden(sandbox);
    if (make_notes(sandbox, out_why) != 0 || make_args(sandbox, out_why) != 0 ||
        make_orders(sandbox, start, out_why) != 0)
        return -1;
    return make_pipe(sandbox, out_why);
}

static void say_what(const struct sandbox *sandbox, struct sess_wrap_start *start)
{
    static const char *const argv[] = {
        "bwrap", "--args", TEXT(3), "--", "/proc/self/fd/" TEXT(4), RUN_SANDBOX_INSIDE_ARGUMENT,
        NULL};
    static const char *const env[] = {NULL};
    const iocp_handle handles[HANDLES] = {sandbox->args_fd, sandbox->sandboxes->self_fd,
                                          sandbox->orders_fd, sandbox->told_fd, sandbox->filter_fd};
    _Static_assert(RUN_SANDBOX_FD_ARGS == 3 && RUN_SANDBOX_FD_SELF == 4, "as in argv");
    start->wrapper = sandbox->sandboxes->bubblewrap;
    start->wrapper_argv = argv;
    start->wrapper_env = env;
    start->handle_count = sandbox->filter_fd >= 0 ? HANDLES : HANDLES - 1;
    memcpy(start->handles, handles, start->handle_count * sizeof(handles[0]));
}

static void release(struct sess_wrap *wrap)
{
    struct sandbox *sandbox = sandbox_of(wrap);
    close_all(sandbox);
    for (size_t i = 0; i < sandbox->point_count; i++)
        run_mount_points_give(sandbox->sandboxes->points, sandbox->points[i]);
    sandbox->point_count = 0;
}

static int refuse(struct sess_wrap_start *start, const char *reason)
{
    (void)snprintf(start->text, start->text_bytes, "%s", reason);
    return SESS_E_REFUSED;
}

static int prepare(struct sess_wrap *wrap, struct sess_wrap_start *start)
{
    struct sandbox *sandbox = sandbox_of(wrap);
    struct run_why why;
    if (make_all(sandbox, start, &why) != 0) {
        release(wrap);
        return refuse(start, why.text);
    }
    if (sandbox->permissions->has_network)
        atomic_store(&sandbox->sandboxes->gave_network, true);
    say_what(sandbox, start);
    return 0;
}

/* ---- Confirm ---- */

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads what the inside says next: 1; 0 when it, or bubblewrap, has gone; -1 when time is up. */
static int read_status(const struct sandbox *sandbox, int64_t deadline_ms,
                       struct run_sandbox_status *out_status)
{
    struct pollfd ready = {.fd = sandbox->status_fd, .events = POLLIN};
    for (;;) {
        int64_t left = deadline_ms - now_ms();
        int count = poll(&ready, 1, left > 0 ? (int)left : 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return -1;
        ssize_t size = read(sandbox->status_fd, out_status, sizeof(*out_status));
        if (size < 0 && errno == EINTR)
            continue;
        return size == (ssize_t)sizeof(*out_status); /* one write of so few bytes is never split */
    }
}

/* What bubblewrap said, as one line of plain characters. */
static size_t read_words(const struct sess_wrap_start *start, char *out, size_t size)
{
    size_t used = 0;
    for (int i = 1; i >= 0 && used == 0; i--) {
        struct pollfd ready = {.fd = (int)start->output[i], .events = POLLIN};
        if (start->output[i] == IOCP_NO_HANDLE || poll(&ready, 1, 0) <= 0 ||
            !(ready.revents & POLLIN))
            continue;
        ssize_t got = read(ready.fd, out, size - 1);
        used = got > 0 ? (size_t)got : 0;
    }
    while (used > 0 && (unsigned char)out[used - 1] <= ' ')
        used--;
    for (size_t i = 0; i < used; i++)
        out[i] = (unsigned char)out[i] < ' ' || out[i] == 0x7F ? ' ' : out[i];
    out[used] = '\0';
    return used;
}

static int bubblewrap_failed(struct sess_wrap_start *start)
{
    char words[256];
    if (read_words(start, words, sizeof(words)) == 0)
        return refuse(start, "bubblewrap ended before the program began");
    return refuse(start, words);
}

static int refuse_exchanged(const struct sandbox *sandbox, int number,
                            struct sess_wrap_start *start)
{
    bool is_known = number >= 0 && (uint32_t)number < sandbox->note_count;
    start->os_error = 0;
    (void)snprintf(start->text, start->text_bytes, "%s was exchanged while the sandbox was made",
                   is_known ? sandbox->notes[number].path : "a path");
    return SESS_E_REFUSED;
}

static int failed_inside(const struct sandbox *sandbox, const struct run_sandbox_status *status,
                         struct sess_wrap_start *start)
{
    if (status->step == RUN_SANDBOX_PLACE)
        return refuse_exchanged(sandbox, status->os_error, start);
    start->os_error = status->os_error;
    if (status->step == RUN_SANDBOX_EXEC)
        return SESS_E_EXEC;
    if (status->step == RUN_SANDBOX_CWD)
        return SESS_E_CWD;
    (void)snprintf(start->text, start->text_bytes, "cannot %s in the sandbox: %s",
                   status->step == RUN_SANDBOX_TERMINAL  ? "take the terminal"
                   : status->step == RUN_SANDBOX_PROCESS ? "make a process"
                                                         : "read the orders",
                   strerror(status->os_error));
    return SESS_E_START;
}

/* Until the inside says that the program runs. */
static int wait_for_program(const struct sandbox *sandbox, struct sess_wrap_start *start)
{
    struct run_sandbox_status status;
    int result = read_status(sandbox, now_ms() + RUN_SANDBOX_SETUP_MS, &status);
    if (result < 0)
        return refuse(start, "bubblewrap did not come up in 10 s");
    if (result == 0)
        return bubblewrap_failed(start);
    return status.step == RUN_SANDBOX_RUNS ? 0 : failed_inside(sandbox, &status, start);
}

static int confirm(struct sess_wrap *wrap, struct sess_wrap_start *start)
{
    struct sandbox *sandbox = sandbox_of(wrap);
    close_fd(&sandbox->told_fd); /* bubblewrap's copy is the last one */
    int result = wait_for_program(sandbox, start);
    close_fd(&sandbox->args_fd);
    close_fd(&sandbox->orders_fd);
    close_fd(&sandbox->filter_fd);
    if (result != 0)
        close_fd(&sandbox->status_fd);
    return result;
}

/* What the inside said last, before it ended and bubblewrap after it. */
static int ended_by(struct sess_wrap *wrap)
{
    struct run_sandbox_status status;
    const struct sandbox *sandbox = sandbox_of(wrap);
    if (sandbox->status_fd < 0 || read_status(sandbox, 0, &status) <= 0 ||
        status.step != RUN_SANDBOX_ENDED || !WIFSIGNALED(status.os_error))
        return 0;
    return WTERMSIG(status.os_error);
}

static void drop(struct sess_wrap *wrap)
{
    struct sandbox *sandbox = sandbox_of(wrap);
    close_all(sandbox);
    run_permissions_free(sandbox->permissions);
    free(sandbox->points);
    free(sandbox->notes);
    free(sandbox);
}

struct sess_wrap *run_sandbox_new(struct run_sandboxes *sandboxes,
                                  struct run_permissions *permissions)
{
    struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
    if (sandbox == NULL)
        return NULL;
    sandbox->wrap = (struct sess_wrap){.prepare = prepare,
                                       .confirm = confirm,
                                       .ended_by = ended_by,
                                       .release = release,
                                       .drop = drop};
    sandbox->sandboxes = sandboxes;
    sandbox->permissions = permissions;
    sandbox->args_fd = sandbox->orders_fd = sandbox->filter_fd = -1;
    sandbox->status_fd = sandbox->told_fd = -1;
    return &sandbox->wrap;
}
