/*
 * Watches by inotify: see files_watch.h. For each path that is missing the nearest directory above
 * it that is there is watched for the next name; a directory that is watched is named by its
 * descriptor, so nothing can be exchanged between looking and watching. When all are watched the
 * paths are looked at once more: what came in between is not waited for. Making is a helper's, the
 * rest happens on the connection's strand.
 */
#include "runner/conn.h"
#include "runner/files_place_linux.h"
#include "runner/files_watch.h"
#include "runner/reply.h"
#include "runner/server.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#define CAME_OR_WENT (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM)
#define SELF_GONE    (IN_DELETE_SELF | IN_MOVE_SELF)
/* Of these each one is a change, whatever name it comes with. */
#define ALWAYS (IN_Q_OVERFLOW | IN_IGNORED | IN_UNMOUNT | SELF_GONE | IN_MODIFY | IN_ATTRIB)
/* What one read may leave behind: the longest event. A read that got more than the least buffer
 * less that may not have all. */
enum { EVENT_BYTES = sizeof(struct inotify_event) + NAME_MAX + 1 };

/* A name that matters in a watched directory. */
struct watched_name {
    int wd;
    char *name;
};

struct run_file_watch {
    struct iocp_stream stream;
    struct run_conn *conn; /* one reference, from begin on */
    uint64_t id;
    int fd; /* the stream's, once it is open */
    struct watched_name *names;
    size_t count;
};

static void watch_free(struct run_file_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        free(watch->names[i].name);
    free(watch->names);
    free(watch);
}

void run_file_watch_drop(struct run_file_watch *watch)
{
    run_file_close(watch->fd);
    watch_free(watch);
}

/* ---- Making: on a helper ---- */

/* Watches what a descriptor names. Returns the watch's number or -1. */
static int add_descriptor(const struct run_file_watch *watch, int fd, uint32_t mask)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return inotify_add_watch(watch->fd, path, mask | IN_MASK_ADD);
}

static bool add_name(struct run_file_watch *watch, const struct run_file_place *place)
{
    struct watched_name *name = &watch->names[watch->count];
    name->wd = add_descriptor(watch, place->parent, CAME_OR_WENT | SELF_GONE | IN_ONLYDIR);
    name->name = name->wd >= 0 ? strdup(place->name) : NULL;
    watch->count += name->name != NULL;
    return name->name != NULL;
}

/* Finds where a missing path is missing: a name that is not in a directory that is there. false: it
 * is there, or cannot be waited for. */
static bool find_missing(struct run_file_work *work, const char *path,
                         struct run_file_place *out_place)
{
    char *text = strdup(path);
    bool goes_up = text != NULL;
    int result = -1;
    while (goes_up) {
        result = run_file_place_find(work, text, RUN_FILE_LINKS_NONE, false, out_place);
        goes_up = result != 0 && work->error.os_error == ENOENT && run_file_place_cut(text);
    }
    free(text);
    if (result != 0)
        return false;
    if (out_place->parent >= 0 && out_place->object < 0)
        return true;
    run_file_place_close(out_place);
    return false;
}

static bool watch_missing(struct run_file_watch *watch, struct run_file_work *work,
                          const char *path)
{
    struct run_file_place place, again;
    if (!find_missing(work, path, &place))
        return false;
    bool is_watched = add_name(watch, &place);
    run_file_place_close(&place);
    if (!is_watched || !find_missing(work, path, &again))
        return false;
    run_file_place_close(&again);
    return strcmp(again.name, watch->names[watch->count - 1].name) == 0;
}

/* Something that is there, and its name in its directory. */
static bool watch_present(struct run_file_watch *watch, struct run_file_work *work,
                          const char *path)
{
    struct run_file_place place;
    if (run_file_place_find_object(work, path, RUN_FILE_LINKS_NONE, false, &place) != 0)
        return false;
    uint32_t mask = S_ISDIR(place.stat.st_mode) ? SELF_GONE : SELF_GONE | IN_MODIFY | IN_ATTRIB;
    bool is_watched = add_descriptor(watch, place.object, mask) >= 0;
    if (is_watched && place.parent >= 0)
        is_watched = add_name(watch, &place);
    run_file_place_close(&place);
    return is_watched;
}

static bool watch_all(struct run_file_watch *watch, struct run_file_work *work,
                      const struct wire_msg_fs *asked)
{
    if (asked->present != NULL && !watch_present(watch, work, asked->present))
        return false;
    for (size_t i = 0; i < asked->missing.count; i++)
        if (!watch_missing(watch, work, asked->missing.items[i]))
            return false;
    return asked->missing.count > 0;
}

int run_file_watch_make(struct run_file_work *work, const struct wire_msg_fs *asked,
                        struct run_file_watch **out_watch)
{
    *out_watch = NULL;
    assert(asked->missing.count <= RUN_FILES_MISSING_MAX);
    struct run_file_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return run_file_fail_os(work, ENOMEM);
    watch->id = asked->watch_id;
    watch->names = calloc(asked->missing.count + 1, sizeof(*watch->names));
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->names != NULL && watch->fd >= 0 && watch_all(watch, work, asked)) {
        *out_watch = watch;
        return 0;
    }
    run_file_watch_drop(watch);
    return 0;
}

/* ---- Listening: on the strand ---- */

static bool is_change(const struct run_file_watch *watch, const struct inotify_event *event)
{
    if ((event->mask & ALWAYS) != 0)
        return true;
    for (size_t i = 0; i < watch->count; i++)
        if (event->len > 0 && watch->names[i].wd == event->wd &&
            strcmp(watch->names[i].name, event->name) == 0)
            return true;
    return false;
}

static bool holds_change(const struct run_file_watch *watch, const uint8_t *data, size_t size)
{
    struct inotify_event event;
    for (size_t at = 0; at + sizeof(event) <= size;) {
        const struct inotify_event *next = (const void *)(data + at);
        if (is_change(watch, next))
            return true;
        at += sizeof(event) + next->len;
    }
    return size > IOCP_READ_MIN - EVENT_BYTES;
}

static void tell(struct run_file_watch *watch)
{
    struct run_reply message;
    wire_msg_fs_missing_changed(run_reply_begin(&message, watch->conn), watch->id);
    run_reply_send(&message);
}

static void on_read(struct iocp_op *op)
{
    struct run_file_watch *watch = IOCP_OWNER(op, struct run_file_watch, stream.read);
    if (op->result != 0)
        return; /* closing */
    struct iocp_slice slice = watch->stream.slice;
    watch->stream.slice = (struct iocp_slice){0};
    bool has_changed = holds_change(watch, slice.data, slice.size_bytes);
    iocp_slice_unref(&slice);
    if (iocp_pending(&watch->stream.close))
        return;
    if (has_changed) {
        tell(watch);
        run_file_watch_end(watch);
    } else {
        iocp_read_start(&watch->stream, IOCP_READ_MAX);
    }
}

static void on_close(struct iocp_op *op)
{
    struct run_file_watch *watch = IOCP_OWNER(op, struct run_file_watch, stream.close);
    struct run_conn *conn = watch->conn;
    watch_free(watch);
    sess_host_note_descriptors(run_conn_host(conn), -1);
    run_conn_unref(conn);
}

void run_file_watch_end(struct run_file_watch *watch)
{
    assert(watch->conn->files.watch == watch);
    watch->conn->files.watch = NULL;
    iocp_close_start(&watch->stream);
}

uint64_t run_file_watch_id(const struct run_file_watch *watch)
{
    return watch->id;
}

void run_file_watch_begin(struct run_file_watch *watch, struct run_conn *conn)
{
    static const struct iocp_stream_events events = {.on_read = on_read, .on_close = on_close};
    int os_error;
    if (conn->files.over || iocp_stream_open(&watch->stream, &conn->strand, watch->fd,
                                             IOCP_STREAM_PIPE, &events, &os_error) != 0) {
        run_file_watch_drop(watch);
        return;
    }
    if (conn->files.watch != NULL)
        run_file_watch_end(conn->files.watch);
    watch->conn = run_conn_ref(conn);
    conn->files.watch = watch;
    sess_host_note_descriptors(run_conn_host(conn), 1);
    iocp_read_start(&watch->stream, IOCP_READ_MAX);
}
