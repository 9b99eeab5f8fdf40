/*
 * Running a program and collecting what it says, with a deadline. The program is killed by its
 * process id when the deadline passes.
 */
#include "tests/load/support.h"

#include "tools/load/base.h"
#include "tools/load/buffer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t spawn(const char *const *argv, int out_fd)
{
    posix_spawn_file_actions_t actions;
    char *copies[64] = {NULL};
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char *const env[] = {path, NULL};
    pid_t pid = -1;
    int error;

    for (size_t i = 0; argv[i] != NULL && i < 63; i++)
        copies[i] = load_copy_text(argv[i]);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
    posix_spawn_file_actions_adddup2(&actions, out_fd, 2);
    error = posix_spawn(&pid, copies[0], &actions, NULL, copies, env);
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; copies[i] != NULL; i++)
        free(copies[i]);
    assert_int_equal(error, 0);
    return pid;
}

/* Reads to the end or to the deadline. */
static void collect(int fd, uint64_t deadline_ns, struct load_buffer *out)
{
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        uint64_t now_ns = load_now_ns();
        ssize_t got;

        if (now_ns >= deadline_ns)
            return;
        if (poll(&wait, 1, (int)((deadline_ns - now_ns) / LOAD_NS_PER_MS) + 1) <= 0)
            continue;
        got = read(fd, load_buffer_reserve(out, 4096), 4096);
        if (got <= 0)
            return;
        load_buffer_commit(out, (size_t)got);
    }
}

struct ran_program run_program(const char *const *argv, unsigned limit_s)
{
    uint64_t deadline_ns = load_now_ns() + limit_s * LOAD_NS_PER_S;
    struct load_buffer out = {0};
    struct ran_program program = {.exit_code = -1};
    int status = 0;
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = spawn(argv, ends[1]);
    close(ends[1]);
    collect(ends[0], deadline_ns, &out);
    close(ends[0]);
    if (load_now_ns() >= deadline_ns)
        kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (WIFEXITED(status))
        program.exit_code = WEXITSTATUS(status);
    program.out = load_copy_text(load_buffer_string(&out));
    load_buffer_deinit(&out);
    return program;
}

void free_program(struct ran_program *program)
{
    free(program->out);
    program->out = NULL;
}

void assert_exit_code(const struct ran_program *program, int exit_code)
{
    if (program->exit_code != exit_code)
        fail_msg("exit code %d instead of %d; it said:\n%s", program->exit_code, exit_code,
                 program->out);
}

void assert_says(const struct ran_program *program, const char *text)
{
    if (strstr(program->out, text) == NULL)
        fail_msg("`%s` is not in:\n%s", text, program->out);
}
