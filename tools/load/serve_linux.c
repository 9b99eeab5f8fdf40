/*
 * Starting and ending a server. It runs under a shell that replaces itself, with its standard error
 * in a memory file that is shown only if something goes wrong, and gets SIGTERM when this program
 * dies.
 */
#include "tools/load/serve.h"

#include "tools/load/base.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_LIMIT_MS = 30000, STOP_LIMIT_MS = 10000, POLL_MS = 5, LOG_TAIL_BYTES = 2000 };

struct server_ends {
    int stdin_fd;
    int stdout_fd;
    int log_fd;
};

static _Noreturn void become(const char *command, const struct server_ends *ends, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127);
    signal(SIGPIPE, SIG_DFL);
    dup2(ends->stdin_fd, STDIN_FILENO);
    dup2(ends->stdout_fd, STDOUT_FILENO);
    dup2(ends->log_fd, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* "exec" makes the shell's process the server's, unless the command is more than one. */
static char *with_exec(const char *command)
{
    bool is_compound = strpbrk(command, ";|&\n") != NULL;
    size_t size_bytes = strlen(command) + 6;
    char *text = load_alloc(1, size_bytes);

    snprintf(text, size_bytes, "%s%s", is_compound ? "" : "exec ", command);
    return text;
}

static void close_if_open(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int spawn(struct load_server *server, const char *command, bool with_stdio)
{
    int in[2] = {-1, -1};
    int out[2];
    char *text = with_exec(command);
    struct server_ends ends;
    pid_t parent = getpid();

    if (pipe2(out, O_CLOEXEC) != 0 || (with_stdio && pipe2(in, O_CLOEXEC) != 0)) {
        free(text);
        return load_say("pipe2: %s", strerror(errno));
    }
    if (!with_stdio)
        in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->log_fd = memfd_create("server-log", MFD_CLOEXEC);
    ends = (struct server_ends){in[0], out[1], server->log_fd};
    server->pid = fork();
    if (server->pid == 0)
        become(text, &ends, parent);
    free(text);
    close(in[0]);
    close(out[1]);
    server->stdin_fd = in[1];
    server->stdout_fd = out[0];
    if (server->pid < 0) {
        server->pid = 0;
        return load_say("fork: %s", strerror(errno));
    }
    return 0;
}

void load_server_say_log(const struct load_server *server)
{
    char tail[LOG_TAIL_BYTES + 1];
    off_t end;
    ssize_t got;

    if (server->log_fd < 0)
        return;
    end = lseek(server->log_fd, 0, SEEK_END);
    got = pread(server->log_fd, tail, LOG_TAIL_BYTES,
                end > LOG_TAIL_BYTES ? end - LOG_TAIL_BYTES : 0);
    if (got <= 0)
        return;
    tail[got] = '\0';
    load_say("the server's standard error ends with:\n%s", tail);
}

static bool is_url(const char *line)
{
    return strncmp(line, "ws://", 5) == 0 || strncmp(line, "tcp://", 6) == 0;
}

/* Takes the first URL among the whole lines of text; returns whether there was one. */
static bool find_url(struct load_server *server, char *text)
{
    char *newline;

    while ((newline = strchr(text, '\n')) != NULL) {
        *newline = '\0';
        if (is_url(text) && strlen(text) < sizeof server->url) {
            memcpy(server->url, text, strlen(text) + 1);
            server->url[strcspn(server->url, "\r ")] = '\0';
            return true;
        }
        *newline = '\n';
        text = newline + 1;
    }
    return false;
}

static int read_url(struct load_server *server)
{
    char text[4096];
    size_t length = 0;
    uint64_t deadline_ns = load_now_ns() + START_LIMIT_MS * LOAD_NS_PER_MS;

    while (load_now_ns() < deadline_ns && length < sizeof text - 1) {
        struct pollfd wait = {.fd = server->stdout_fd, .events = POLLIN};
        ssize_t got;

        if (poll(&wait, 1, 100) <= 0)
            continue;
        got = read(server->stdout_fd, text + length, sizeof text - 1 - length);
        if (got <= 0)
            return load_say("the server ended before it printed a ws:// URL on standard output");
        length += (size_t)got;
        text[length] = '\0';
        if (find_url(server, text))
            return 0;
    }
    return load_say("the server printed no ws:// URL on standard output within %d s",
                    START_LIMIT_MS / 1000);
}

int load_server_start(struct load_server *server, const char *command, bool with_stdio)
{
    memset(server, 0, sizeof *server);
    server->stdin_fd = -1;
    server->stdout_fd = -1;
    server->log_fd = -1;
    if (spawn(server, command, with_stdio) != 0 || (!with_stdio && read_url(server) != 0)) {
        load_say("the command was: %s", command);
        load_server_say_log(server);
        load_server_stop(server);
        return LOAD_FAILED;
    }
    load_proc_tree(server->pid, &server->set);
    return 0;
}

static bool is_reaped(struct load_server *server)
{
    return waitpid(server->pid, NULL, WNOHANG) != 0;
}

static bool wait_for_end(struct load_server *server)
{
    uint64_t deadline_ns = load_now_ns() + STOP_LIMIT_MS * LOAD_NS_PER_MS;

    while (load_now_ns() < deadline_ns) {
        if (is_reaped(server))
            return true;
        poll(NULL, 0, POLL_MS);
    }
    return false;
}

/* Processes of the server that its first one left behind. */
static void kill_rest(const struct load_proc_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        if (load_proc_is_alive(&set->items[i]))
            kill(set->items[i].pid, SIGKILL);
}

void load_server_stop(struct load_server *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGTERM);
        if (!wait_for_end(server)) {
            load_say("the server did not end within %d s of SIGTERM: killed", STOP_LIMIT_MS / 1000);
            kill(server->pid, SIGKILL);
            waitpid(server->pid, NULL, 0);
        }
        kill_rest(&server->set);
        server->pid = 0;
    }
    close_if_open(&server->stdin_fd);
    close_if_open(&server->stdout_fd);
    close_if_open(&server->log_fd);
}
