/*
 * Support on Unix: the tiny programs of tests/children, started by posix_spawn and named by a
 * pidfd, and the gate that lets thousands of them go at once (the end of a pipe that is their
 * input).
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

bool sup_gate_open(struct sup_gate *gate)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    *gate = (struct sup_gate){fds[0], fds[1]};
    return true;
}

void sup_gate_release(struct sup_gate *gate)
{
    close((int)gate->wait);
    close((int)gate->release);
}

static int spawn(const char *path, char *const argv[], const struct sup_gate *gate, pid_t *out_pid)
{
    char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    if (gate != NULL)
        posix_spawn_file_actions_adddup2(&actions, (int)gate->wait, 0);
    else
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    int error = posix_spawn(out_pid, path, &actions, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

bool sup_child_start(const char *program, const char *const arguments[2],
                     const struct sup_gate *gate, struct sup_child *out_child)
{
    char path[512], first[64], second[64];
    char *const argv[] = {path, first, second, NULL};
    snprintf(path, sizeof path, "%s/child-%s", CHILD_DIR, program);
    snprintf(first, sizeof first, "%s", arguments[0]);
    snprintf(second, sizeof second, "%s", arguments[1]);
    pid_t pid;
    if (spawn(path, argv, gate, &pid) != 0)
        return false;
    long pidfd = syscall(SYS_pidfd_open, pid, 0);
    *out_child = (struct sup_child){(iocp_handle)pidfd, pid};
    if (pidfd >= 0)
        return true;
    sup_child_kill(out_child);
    sup_child_reap(out_child);
    return false;
}

bool sup_child_await(const struct sup_child *child)
{
    siginfo_t info;
    int error;
    do {
        error = waitid(P_PID, (id_t)child->id, &info, WEXITED | WNOWAIT);
    } while (error != 0 && errno == EINTR);
    return error == 0;
}

bool sup_child_exists(const struct sup_child *child)
{
    return kill((pid_t)child->id, 0) == 0;
}

void sup_child_kill(const struct sup_child *child)
{
    (void)kill((pid_t)child->id, SIGKILL);
}

void sup_child_reap(const struct sup_child *child)
{
    int status;
    while (waitpid((pid_t)child->id, &status, 0) < 0 && errno == EINTR)
        continue;
}

int sup_kill_signal(void)
{
    return SIGKILL;
}
