/*
 * What the server knows of sandboxes as a whole, and the trial at its start: the program itself, in
 * a sandbox that restricts everything, asked for its version. Main thread, before any other.
 */
#include "runner/sandbox.h"

#include "runner/look_up.h"
#include "runner/sandbox_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOVED_FROM = 32 }; /* above the numbers that the descriptors shall get */

static void set_why(struct run_sandboxes *sandboxes, const char *text)
{
    (void)snprintf(sandboxes->why_not, sizeof(sandboxes->why_not), "%s", text);
}

/* ---- Looking for bubblewrap ---- */

static bool try_path(struct run_sandboxes *sandboxes, const char *directory, size_t size)
{
    int used = snprintf(sandboxes->bubblewrap, sizeof(sandboxes->bubblewrap), "%.*s/bwrap",
                        (int)size, directory);
    return directory[0] == '/' && used > 0 && (size_t)used < sizeof(sandboxes->bubblewrap) &&
           access(sandboxes->bubblewrap, X_OK) == 0;
}

static bool search(struct run_sandboxes *sandboxes, const char *const *env)
{
    const char *at = NULL;
    for (; *env != NULL && at == NULL; env++)
        at = strncmp(*env, "PATH=", 5) == 0 ? *env + 5 : NULL;
    if (at == NULL)
        at = "/usr/bin:/bin";
    for (;; at++) {
        size_t size = strcspn(at, ":");
        if (try_path(sandboxes, at, size))
            return true;
        at += size;
        if (*at == '\0')
            return false;
    }
}

static bool find(struct run_sandboxes *sandboxes, const char *path, const char *const *env)
{
    if (path == NULL)
        return search(sandboxes, env);
    int used = snprintf(sandboxes->bubblewrap, sizeof(sandboxes->bubblewrap), "%s", path);
    return path[0] == '/' && used > 0 && (size_t)used < sizeof(sandboxes->bubblewrap) &&
           access(path, X_OK) == 0;
}

/* ---- The trial ---- */

static struct run_permissions *read_everything(struct run_why *out_why)
{
    static const struct wire_msg_sandbox_entry root = {.kind = WIRE_MSG_SANDBOX_ROOT,
                                                       .access = WIRE_MSG_SANDBOX_READ};
    static const struct wire_msg_sandbox sandbox = {.entries = &root, .entry_count = 1};
    const struct run_permissions_asked asked = {.sandbox = &sandbox};
    return run_permissions_new(&asked, out_why);
}

/* Moves a descriptor out of the way of the targets, then places it. */
static int place(posix_spawn_file_actions_t *actions, int fd, int target)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, MOVED_FROM);
    if (moved >= 0)
        (void)posix_spawn_file_actions_adddup2(actions, moved, target);
    return moved;
}

/* Executes the wrapper; error output goes to error_fd. Returns its pid or -1. */
static pid_t execute(const struct sess_wrap_start *start, int error_fd)
{
    int moved[SESS_WRAP_HANDLES_MAX + 1];
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    bool failed = false;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    moved[0] = place(&actions, error_fd, 2);
    for (size_t i = 0; i < start->handle_count; i++)
        moved[i + 1] = place(&actions, (int)start->handles[i], 3 + (int)i);
    for (size_t i = 0; i <= start->handle_count; i++)
        failed = failed || moved[i] < 0;
    if (failed ||
        posix_spawn(&pid, start->wrapper, &actions, NULL, (char **)(uintptr_t)start->wrapper_argv,
                    (char **)(uintptr_t)start->wrapper_env) != 0)
        pid = -1;
    (void)posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; i <= start->handle_count; i++) {
        if (moved[i] >= 0)
            (void)close(moved[i]);
    }
    return pid;
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run_trial(struct run_sandboxes *sandboxes, struct sess_wrap *wrap,
                      struct sess_wrap_start *start, int error_fds[2])
{
    const iocp_handle output[2] = {IOCP_NO_HANDLE, error_fds[0]};
    start->output = output;
    pid_t pid = execute(start, error_fds[1]);
    (void)close(error_fds[1]);
    if (pid < 0) {
        set_why(sandboxes, "bubblewrap cannot be executed");
        return;
    }
    int result = wrap->confirm(wrap, start);
    if (result != 0)
        (void)kill(pid, SIGKILL);
    int code = wait_for(pid);
    if (result != 0)
        set_why(sandboxes, start->text[0] != '\0' ? start->text : "nothing runs in it");
    else if (code != 0)
        set_why(sandboxes, "bubblewrap does not hand on how a program ended");
}

static void try_out(struct run_sandboxes *sandboxes, struct sess_wrap *wrap)
{
    static char name[] = "execport-runner", question[] = "--version";
    static char *const argv[] = {name, question, NULL}, *const env[] = {NULL};
    char text[256] = "";
    struct sess_wrap_start start = {.program = "/proc/self/exe",
                                    .cwd = "/",
                                    .argv = argv,
                                    .env = env,
                                    .text = text,
                                    .text_bytes = sizeof(text)};
    int error_fds[2];
    if (wrap->prepare(wrap, &start) != 0) {
        set_why(sandboxes, text);
        return;
    }
    if (pipe2(error_fds, O_CLOEXEC) != 0) {
        set_why(sandboxes, "no pipe for the trial");
    } else {
        run_trial(sandboxes, wrap, &start, error_fds);
        (void)close(error_fds[0]);
    }
    wrap->release(wrap);
}

/* ---- Settings of the kernel ---- */

/* Whether it belongs to the system and may be written: no process, no link to one. */
static bool is_setting(const char *path, const char *name)
{
    struct stat status;
    if ((name[0] >= '0' && name[0] <= '9') || name[0] == '.' || lstat(path, &status) != 0)
        return false;
    return S_ISDIR(status.st_mode) || (S_ISREG(status.st_mode) && (status.st_mode & 0222) != 0);
}

static bool add_setting(struct run_sandboxes *sandboxes, size_t *count, const char *name)
{
    char path[sizeof("/proc/") + NAME_MAX];
    (void)snprintf(path, sizeof(path), "/proc/%s", name);
    if (!is_setting(path, name))
        return true;
    if (*count == RUN_SANDBOX_FIXED_MAX || (sandboxes->fixed[*count] = strdup(path)) == NULL)
        return false;
    ++*count;
    return true;
}

/* Root owns the settings of the kernel, inside of a namespace too, and needs no privilege to write
 * them: a program that the kernel runs for a core dump would be run outside. Other users cannot,
 * and may mount a process table of their own, which what is fixed would forbid. */
static bool fix_settings(struct run_sandboxes *sandboxes)
{
    struct dirent *entry;
    size_t count = 0;
    bool is_done = true;
    if (geteuid() != 0)
        return true;
    DIR *directory = opendir("/proc");
    if (directory == NULL)
        return false;
    while (is_done && (entry = readdir(directory)) != NULL)
        is_done = add_setting(sandboxes, &count, entry->d_name);
    (void)closedir(directory);
    return is_done;
}

/* ---- The whole ---- */

void run_sandboxes_init_off(struct run_sandboxes *sandboxes, const char *why_not)
{
    memset(sandboxes, 0, sizeof(*sandboxes));
    sandboxes->self_fd = -1;
    sandboxes->points = run_mount_points_new();
    set_why(sandboxes, why_not);
}

void run_sandboxes_init(struct run_sandboxes *sandboxes, const char *path, const char *const *env)
{
    struct run_why why = {""};
    run_sandboxes_init_off(sandboxes, "");
    if (!find(sandboxes, path, env)) {
        set_why(sandboxes, "there is no bubblewrap (bwrap) on this machine");
        return;
    }
    sandboxes->self_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    struct run_permissions *permissions = read_everything(&why);
    struct sess_wrap *wrap = permissions != NULL ? run_sandbox_new(sandboxes, permissions) : NULL;
    if (wrap == NULL)
        run_permissions_free(permissions);
    if (sandboxes->self_fd < 0 || wrap == NULL || sandboxes->points == NULL ||
        !fix_settings(sandboxes))
        set_why(sandboxes, "the trial at the server's start failed");
    else
        try_out(sandboxes, wrap);
    if (wrap != NULL)
        wrap->drop(wrap);
}

void run_sandboxes_deinit(struct run_sandboxes *sandboxes)
{
    if (sandboxes->self_fd >= 0)
        (void)close(sandboxes->self_fd);
    for (size_t i = 0; sandboxes->hidden[i] != NULL; i++)
        free((void *)(uintptr_t)sandboxes->hidden[i]);
    for (size_t i = 0; sandboxes->fixed[i] != NULL; i++)
        free((void *)(uintptr_t)sandboxes->fixed[i]);
    run_mount_points_free(sandboxes->points);
}

void run_sandboxes_hide(struct run_sandboxes *sandboxes, const char *path)
{
    struct run_why why;
    enum run_place place;
    char *found;
    size_t count = 0;
    while (sandboxes->hidden[count] != NULL)
        count++;
    if (count == RUN_SANDBOX_HIDDEN_MAX ||
        run_look_up_path(path, NULL, NULL, &found, &place, &why) != 0)
        return;
    sandboxes->hidden[count] = found;
}
