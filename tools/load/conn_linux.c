/*
 * Descriptors, reading and writing of a connection. A socket is registered twice, as itself for
 * reading and as a duplicate for writing, so that sockets and pairs of pipes are one case.
 */
#include "tools/load/conn.h"

#include "tools/load/base.h"
#include "tools/load/conn_frames.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 131072 }; /* at once: large enough to be cheap, small enough for the cache */

static void end(struct load_conn *conn, const char *why)
{
    if (conn->has_ended)
        return;
    conn->has_ended = true;
    load_loop_want(conn->loop, &conn->reader, 0);
    load_loop_want(conn->loop, &conn->writer, 0);
    conn->owner.on_end(conn->owner.context, why);
}

static void acknowledge_at_once(const struct load_conn *conn)
{
    int on = 1;

    if (conn->wants_quick_ack)
        setsockopt(conn->reader.fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

static void on_readable(void *context, unsigned ready)
{
    struct load_conn *conn = context;
    unsigned char *room = load_buffer_reserve(&conn->in, READ_BYTES);
    ssize_t got = read(conn->reader.fd, room, READ_BYTES);
    const char *why;

    (void)ready;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        end(conn, got == 0 ? "closed by the server" : strerror(errno));
        return;
    }
    acknowledge_at_once(conn);
    load_buffer_commit(&conn->in, (size_t)got);
    why = load_conn_take_messages(conn);
    if (why != NULL)
        end(conn, why);
}

/* Writes what waits; when all is out, writability is no news any more. */
static void flush(struct load_conn *conn)
{
    while (load_buffer_size(&conn->out) > 0) {
        ssize_t sent =
            write(conn->writer.fd, load_buffer_bytes(&conn->out), load_buffer_size(&conn->out));

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN) {
            load_loop_want(conn->loop, &conn->writer, LOAD_WRITABLE);
            return;
        }
        if (sent < 0) {
            /* What the server said last may still be in the socket: its end is found there. */
            load_buffer_clear(&conn->out);
            break;
        }
        load_buffer_consume(&conn->out, (size_t)sent);
    }
    load_loop_want(conn->loop, &conn->writer, 0);
}

static void on_writable(void *context, unsigned ready)
{
    (void)ready;
    flush(context);
}

void load_conn_send(struct load_conn *conn, const void *message, size_t size_bytes)
{
    bool was_idle = load_buffer_size(&conn->out) == 0;

    if (conn->has_ended)
        return;
    load_conn_put_message(conn, message, size_bytes);
    if (was_idle)
        flush(conn);
}

void load_conn_pause(struct load_conn *conn, bool is_paused)
{
    conn->is_paused = is_paused;
    if (!conn->has_ended)
        load_loop_want(conn->loop, &conn->reader, is_paused ? 0 : LOAD_READABLE);
}

int load_conn_enter(struct load_conn *conn, int read_fd, int write_fd)
{
    conn->random = load_random_seed();
    conn->reader = (struct load_source){.fd = read_fd, .on_ready = on_readable, .context = conn};
    conn->writer = (struct load_source){.fd = write_fd, .on_ready = on_writable, .context = conn};
    fcntl(read_fd, F_SETFL, fcntl(read_fd, F_GETFL) | O_NONBLOCK);
    fcntl(write_fd, F_SETFL, fcntl(write_fd, F_GETFL) | O_NONBLOCK);
    if (load_loop_add(conn->loop, &conn->reader, LOAD_READABLE) != 0)
        return LOAD_FAILED;
    return load_loop_add(conn->loop, &conn->writer, 0);
}

int load_conn_open_pipes(struct load_conn *conn, struct load_loop *loop, int read_fd, int write_fd,
                         const struct load_conn_owner *owner)
{
    memset(conn, 0, sizeof *conn);
    conn->loop = loop;
    conn->owner = *owner;
    conn->framing = LOAD_FRAMING_LINE;
    return load_conn_enter(conn, read_fd, write_fd);
}

static void leave(struct load_conn *conn, struct load_source *source)
{
    int fd = source->fd;

    load_loop_remove(conn->loop, source);
    if (fd >= 0)
        close(fd);
}

void load_conn_close(struct load_conn *conn)
{
    if (conn->loop == NULL)
        return;
    leave(conn, &conn->reader);
    leave(conn, &conn->writer);
    load_buffer_deinit(&conn->in);
    load_buffer_deinit(&conn->out);
    load_buffer_deinit(&conn->fragments);
    conn->loop = NULL;
}
