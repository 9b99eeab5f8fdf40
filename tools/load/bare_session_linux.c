/*
 * The bare server's sessions: every stream read into the ring to its end, the exit taken from a
 * pidfd, the process waited for once.
 */
#include "tools/load/bare.h"

#include "tools/load/bare_spawn.h"
#include "tools/load/base.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void finish_if_over(struct load_bare_session *session)
{
    if (!session->has_exited || session->out.fd >= 0 || session->err.fd >= 0)
        return;
    load_bare_put_closed(session);
    load_bare_session_free(session);
}

/* A terminal's master has a duplicate for writing, so closing it would not take it out of epoll. */
static void close_source(struct load_bare_session *session, struct load_source *source)
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

static unsigned char *take_ring(struct load_bare_server *server)
{
    if (server->spare_count > 0)
        return server->spare_rings[--server->spare_count];
    return load_alloc(1, LOAD_BARE_RING_BYTES);
}

static void give_ring(struct load_bare_server *server, unsigned char *ring)
{
    if (server->spare_count < LOAD_BARE_SPARE_LIMIT)
        server->spare_rings[server->spare_count++] = ring;
    else
        free(ring);
}

static void on_stream(struct load_bare_session *session, struct load_source *source, bool is_stderr)
{
    size_t room = LOAD_BARE_RING_BYTES - session->ring_at;
    unsigned char *bytes = session->ring + session->ring_at;
    ssize_t got =
        read(source->fd, bytes, room < LOAD_BARE_READ_BYTES ? room : LOAD_BARE_READ_BYTES);

    if (got < 0 && errno == EINTR)
        return;
    if (got <= 0) {
        close_source(session, source);
        finish_if_over(session);
        return;
    }
    session->ring_at = (session->ring_at + (size_t)got) % LOAD_BARE_RING_BYTES;
    load_bare_put_output(session, is_stderr, bytes, (size_t)got);
}

static void on_stdout(void *context, unsigned ready)
{
    struct load_bare_session *session = context;

    (void)ready;
    on_stream(session, &session->out, false);
}

static void on_stderr(void *context, unsigned ready)
{
    struct load_bare_session *session = context;

    (void)ready;
    on_stream(session, &session->err, true);
}

static void on_exit_ready(void *context, unsigned ready)
{
    struct load_bare_session *session = context;
    siginfo_t info = {0};
    int code;

    (void)ready;
    if (waitid(P_PIDFD, (id_t)session->exit.fd, &info, WEXITED) != 0)
        return;
    code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    close_source(session, &session->exit);
    session->has_exited = true;
    load_bare_put_exited(session, code);
    finish_if_over(session);
}

static struct load_bare_session *new_session(struct load_bare_conn *conn,
                                             const struct load_bare_request *request)
{
    struct load_bare_session *session = load_alloc(1, sizeof *session);

    session->conn = conn;
    session->number = request->number;
    session->on_tty = request->on_tty;
    memcpy(session->id, request->session_id, sizeof session->id);
    session->out = (struct load_source){.fd = -1, .on_ready = on_stdout, .context = session};
    session->err = (struct load_source){.fd = -1, .on_ready = on_stderr, .context = session};
    session->exit = (struct load_source){.fd = -1, .on_ready = on_exit_ready, .context = session};
    return session;
}

static void enter(struct load_bare_session *session)
{
    struct load_bare_conn *conn = session->conn;

    session->ring = take_ring(conn->server);
    session->next = conn->first;
    if (conn->first != NULL)
        conn->first->previous = session;
    conn->first = session;
    load_idmap_put(&conn->sessions, session->id, strlen(session->id), session);
}

struct load_bare_session *load_bare_session_start(struct load_bare_conn *conn,
                                                  const struct load_bare_request *request)
{
    struct load_bare_session *session;
    struct load_bare_child child;

    if (load_bare_spawn(request->argv, request->env, request->on_tty, &child) != 0)
        return NULL;
    session = new_session(conn, request);
    session->pid = child.pid;
    session->stdin_fd = child.stdin_fd;
    session->out.fd = child.stdout_fd;
    session->err.fd = child.stderr_fd;
    session->exit.fd = child.pidfd;
    if (request->is_v0 && !request->on_tty) {
        close(session->stdin_fd);
        session->stdin_fd = -1;
    }
    enter(session);
    return session;
}

void load_bare_session_watch(struct load_bare_session *session)
{
    struct load_loop *loop = &session->conn->server->loop;

    load_loop_add(loop, &session->out, LOAD_READABLE);
    if (session->err.fd >= 0)
        load_loop_add(loop, &session->err, LOAD_READABLE);
    load_loop_add(loop, &session->exit, LOAD_READABLE);
}

void load_bare_session_write(struct load_bare_session *session, struct wire_span bytes)
{
    while (bytes.size > 0) {
        ssize_t written = write(session->stdin_fd, bytes.data, bytes.size);

        if (written <= 0)
            return;
        bytes = wire_span_of(bytes.data + written, bytes.size - (size_t)written);
    }
}

void load_bare_session_kill(struct load_bare_session *session)
{
    if (!session->has_exited)
        kill(-session->pid, SIGKILL);
}

void load_bare_session_free(struct load_bare_session *session)
{
    struct load_bare_conn *conn = session->conn;

    if (!session->has_exited) {
        load_bare_session_kill(session);
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
