/*
 * The bare server's sessions: the system calls that no server can do without, in their plainest
 * form. Three pipes or a terminal; posix_spawn with a session of its own, closefrom, chdir, default
 * signals; a pidfd for the exit; every stream read to its end; the process waited for once.
 */
#include "tools/load/bare.h"

#include "tools/load/base.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The ends of a child's streams: its own, and the server's. */
struct streams {
    int child[3];
    int server[3];
    char terminal[64]; /* the path of the terminal; empty: pipes */
};

static void close_all(const int fds[3])
{
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static int open_pipes(struct streams *streams)
{
    for (int i = 0; i < 3; i++) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) != 0)
            return -1;
        streams->child[i] = ends[i == 0 ? 0 : 1];
        streams->server[i] = ends[i == 0 ? 1 : 0];
    }
    return 0;
}

static int open_terminal(struct streams *streams)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (master < 0)
        return -1;
    streams->server[1] = master;
    if (grantpt(master) != 0 || unlockpt(master) != 0 ||
        ptsname_r(master, streams->terminal, sizeof streams->terminal) != 0 ||
        ioctl(master, TIOCSWINSZ, &size) != 0)
        return -1;
    streams->server[0] = fcntl(master, F_DUPFD_CLOEXEC, 0);
    return streams->server[0] < 0 ? -1 : 0;
}

static void add_actions(posix_spawn_file_actions_t *actions, const struct streams *streams)
{
    if (streams->terminal[0] != '\0') {
        /* The first terminal that a session's leader opens becomes its controlling one. */
        posix_spawn_file_actions_addopen(actions, 0, streams->terminal, O_RDWR, 0);
        posix_spawn_file_actions_adddup2(actions, 0, 1);
        posix_spawn_file_actions_adddup2(actions, 0, 2);
    } else {
        for (int i = 0; i < 3; i++)
            posix_spawn_file_actions_adddup2(actions, streams->child[i], i);
    }
    posix_spawn_file_actions_addclosefrom_np(actions, 3);
    posix_spawn_file_actions_addchdir_np(actions, "/");
}

static int spawn(struct bare_session *session, const struct streams *streams,
                 const struct bare_request *request)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t ignored;
    sigset_t none;
    int error;

    /* What is handled becomes the default by exec itself; only what is ignored stays so. */
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &ignored);
    posix_spawnattr_setsigmask(&attributes, &none);
    add_actions(&actions, streams);
    error = posix_spawnp(&session->pid, request->argv[0], &actions, &attributes, request->argv,
                         request->env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    errno = error;
    return error == 0 ? 0 : -1;
}

static void finish_if_over(struct bare_session *session)
{
    if (!session->has_exited || session->out.fd >= 0 || session->err.fd >= 0)
        return;
    bare_put_closed(session);
    bare_session_free(session);
}

/* A terminal's master has a duplicate for writing, so closing it would not take it out of epoll. */
static void close_source(struct bare_session *session, struct load_source *source)
{
    struct load_loop *loop = &session->conn->server->loop;
    int fd = source->fd;

    if (session->on_tty)
        load_loop_remove(loop, source);
    else
        fd = load_loop_take(loop, source);
    if (fd >= 0)
        close(fd);
}

static unsigned char *take_ring(struct bare_server *server)
{
    if (server->spare_count > 0)
        return server->spare_rings[--server->spare_count];
    return load_alloc(1, BARE_RING_BYTES);
}

static void give_ring(struct bare_server *server, unsigned char *ring)
{
    if (server->spare_count < BARE_SPARE_LIMIT)
        server->spare_rings[server->spare_count++] = ring;
    else
        free(ring);
}

static void on_stream(struct bare_session *session, struct load_source *source, bool is_stderr)
{
    size_t room = BARE_RING_BYTES - session->ring_at;
    unsigned char *bytes = session->ring + session->ring_at;
    ssize_t got = read(source->fd, bytes, room < BARE_READ_BYTES ? room : BARE_READ_BYTES);

    if (got < 0 && errno == EINTR)
        return;
    if (got <= 0) {
        close_source(session, source);
        finish_if_over(session);
        return;
    }
    session->ring_at = (session->ring_at + (size_t)got) % BARE_RING_BYTES;
    bare_put_output(session, is_stderr, bytes, (size_t)got);
}

static void on_stdout(void *context, unsigned ready)
{
    struct bare_session *session = context;

    (void)ready;
    on_stream(session, &session->out, false);
}

static void on_stderr(void *context, unsigned ready)
{
    struct bare_session *session = context;

    (void)ready;
    on_stream(session, &session->err, true);
}

static void on_exit_ready(void *context, unsigned ready)
{
    struct bare_session *session = context;
    siginfo_t info = {0};
    int code;

    (void)ready;
    if (waitid(P_PIDFD, (id_t)session->exit.fd, &info, WEXITED) != 0)
        return;
    code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    close_source(session, &session->exit);
    session->has_exited = true;
    bare_put_exited(session, code);
    finish_if_over(session);
}

static struct bare_session *new_session(struct bare_conn *conn, const struct bare_request *request)
{
    struct bare_session *session = load_alloc(1, sizeof *session);

    session->conn = conn;
    session->number = request->number;
    session->on_tty = request->on_tty;
    memcpy(session->id, request->session_id, sizeof session->id);
    session->out = (struct load_source){.fd = -1, .on_ready = on_stdout, .context = session};
    session->err = (struct load_source){.fd = -1, .on_ready = on_stderr, .context = session};
    session->exit = (struct load_source){.fd = -1, .on_ready = on_exit_ready, .context = session};
    return session;
}

static void enter(struct bare_session *session)
{
    struct bare_conn *conn = session->conn;

    session->ring = take_ring(conn->server);
    session->next = conn->first;
    if (conn->first != NULL)
        conn->first->previous = session;
    conn->first = session;
    load_idmap_put(&conn->sessions, session->id, strlen(session->id), session);
}

struct bare_session *bare_session_start(struct bare_conn *conn, const struct bare_request *request)
{
    struct streams streams = {.child = {-1, -1, -1}, .server = {-1, -1, -1}};
    struct bare_session *session = new_session(conn, request);
    int result = request->on_tty ? open_terminal(&streams) : open_pipes(&streams);
    int error;

    if (result == 0)
        result = spawn(session, &streams, request);
    error = errno;
    close_all(streams.child);
    if (result != 0) {
        close_all(streams.server);
        free(session);
        errno = error;
        return NULL;
    }
    session->stdin_fd = streams.server[0];
    if (request->is_v0 && !request->on_tty) {
        close(session->stdin_fd);
        session->stdin_fd = -1;
    }
    session->out.fd = streams.server[1];
    session->err.fd = streams.server[2];
    session->exit.fd = (int)syscall(SYS_pidfd_open, session->pid, 0);
    enter(session);
    return session;
}

void bare_session_watch(struct bare_session *session)
{
    struct load_loop *loop = &session->conn->server->loop;

    load_loop_add(loop, &session->out, LOAD_READABLE);
    if (session->err.fd >= 0)
        load_loop_add(loop, &session->err, LOAD_READABLE);
    load_loop_add(loop, &session->exit, LOAD_READABLE);
}

void bare_session_write(struct bare_session *session, struct wire_span bytes)
{
    while (bytes.size > 0) {
        ssize_t written = write(session->stdin_fd, bytes.data, bytes.size);

        if (written <= 0)
            return;
        bytes = wire_span_of(bytes.data + written, bytes.size - (size_t)written);
    }
}

void bare_session_kill(struct bare_session *session)
{
    if (!session->has_exited)
        kill(-session->pid, SIGKILL);
}

void bare_session_free(struct bare_session *session)
{
    struct bare_conn *conn = session->conn;

    if (!session->has_exited) {
        bare_session_kill(session);
        waitpid(session->pid, NULL, 0);
    }
    close_source(session, &session->out);
    close_source(session, &session->err);
    close_source(session, &session->exit);
    if (session->stdin_fd >= 0)
        close(session->stdin_fd);
    if (session->previous != NULL)
        session->previous->next = session->next;
    else
        conn->first = session->next;
    if (session->next != NULL)
        session->next->previous = session->previous;
    load_idmap_remove(&conn->sessions, session->id, strlen(session->id));
    give_ring(conn->server, session->ring);
    free(session);
}
