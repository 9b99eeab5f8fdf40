/*
 * A session's standard input: see stdin.h.
 *
 * The queue is a ring of items: bytes, or the mark where a close waits. At most one write is
 * pending; it covers the first items up to the next mark. Offsets count all bytes ever queued, so a
 * write that waits only has to know where it ends.
 */
#include "sessions/stdin.h"

#include "sessions/session_struct.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum {
    ITEMS_FIRST = 4,
    SMALL_BYTES = 4096 /* below it, bytes that wait are copied together */
};

struct item {
    const uint8_t *data; /* NULL: a mark */
    uint32_t size_bytes;
    uint32_t own_capacity;        /* of own */
    uint8_t *own;                 /* a copy, or NULL: the slab's */
    struct iocp_slab *slab;       /* one reference, or NULL */
    struct sess_request *closing; /* a mark: the request to close */
};

struct sess_stdin_queue {
    struct item *items;
    uint32_t capacity, first, count; /* of the ring; capacity is 0 or a power of two */
    uint32_t pending;                /* items in the pending write; a mark counts as one */
    uint64_t queued_offset, written_offset;
    uint64_t since_ns; /* when the system last took something; at first, when there was something */
    struct sess_request *waiting_first, *waiting_last; /* writes that were not answered */
    uint8_t end_of_file[2];                            /* what closing a terminal writes */
    struct iocp_vec vecs[IOCP_GATHER_MAX];
};

static const struct sess_memory *memory_of(const struct sess_session *session)
{
    return session->host->memory;
}

static struct iocp_stream *stream_of(struct sess_session *session)
{
    return session->stdio == SESS_STDIO_TTY ? &session->outputs[0].io : &session->input.io;
}

static void answer(struct sess_session *session, struct sess_request *request, int result)
{
    request->result = result;
    request->queued_bytes = session->input.queued_bytes;
    request->limit_bytes = session->input.limit_bytes;
    sess_request_answer(request);
}

uint64_t sess_stdin_waiting_since_ns(const struct sess_session *session)
{
    const struct sess_stdin *input = &session->input;
    return input->queue != NULL && input->queued_bytes > 0 ? input->queue->since_ns : 0;
}

/* ---- The ring ---- */

static struct item *item_at(const struct sess_stdin_queue *queue, uint32_t index)
{
    assert(index < queue->count);
    return &queue->items[(queue->first + index) & (queue->capacity - 1)];
}

static bool reserve_item(struct sess_stdin_queue *queue, const struct sess_memory *memory)
{
    if (queue->count < queue->capacity)
        return true;
    uint32_t capacity = queue->capacity == 0 ? ITEMS_FIRST : queue->capacity * 2;
    struct item *items = sess_memory_take(memory, capacity * sizeof(*items));
    if (items == NULL)
        return false;
    for (uint32_t i = 0; i < queue->count; i++)
        items[i] = *item_at(queue, i);
    sess_memory_free(memory, queue->items);
    queue->items = items;
    queue->capacity = capacity;
    queue->first = 0;
    return true;
}

static void push(struct sess_stdin_queue *queue, const struct item *item)
{
    queue->count++;
    *item_at(queue, queue->count - 1) = *item;
}

static void pop(struct sess_stdin_queue *queue, const struct sess_memory *memory)
{
    struct item *item = item_at(queue, 0);
    struct iocp_slice slice = {item->slab, NULL, 0};
    iocp_slice_unref(&slice);
    sess_memory_free(memory, item->own);
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->count--;
}

static bool ensure_queue(struct sess_session *session)
{
    struct sess_stdin *input = &session->input;
    if (input->queue == NULL) {
        input->queue = sess_memory_take(memory_of(session), sizeof(*input->queue));
        if (input->queue != NULL) {
            memset(input->queue, 0, offsetof(struct sess_stdin_queue, vecs));
            input->queue->since_ns = iocp_now_ns(session->host->port);
        }
    }
    return input->queue != NULL && reserve_item(input->queue, memory_of(session));
}

static void free_queue_if_empty(struct sess_session *session)
{
    struct sess_stdin_queue *queue = session->input.queue;
    if (queue == NULL || queue->count > 0 || queue->pending > 0)
        return;
    assert(queue->waiting_first == NULL && session->input.queued_bytes == 0);
    sess_memory_free(memory_of(session), queue->items);
    sess_memory_free(memory_of(session), queue);
    session->input.queue = NULL;
}

/* ---- Taking bytes in ---- */

/* Adds to the last copy, if it has room and is not being written. */
static bool add_to_last(struct sess_stdin_queue *queue, const struct iocp_slice *slice)
{
    if (queue->count <= queue->pending)
        return false;
    struct item *last = item_at(queue, queue->count - 1);
    assert(last->own == NULL || last->data == last->own);
    if (last->own == NULL || last->own_capacity - last->size_bytes < slice->size_bytes)
        return false;
    memcpy(last->own + last->size_bytes, slice->data, slice->size_bytes);
    last->size_bytes += slice->size_bytes;
    return true;
}

/* Whoever keeps a slice copies it when it is under a quarter of what it would pin. */
static bool is_to_be_copied(const struct sess_stdin_queue *queue, const struct iocp_slice *slice)
{
    return slice->slab == NULL || slice->size_bytes < iocp_slice_pins(slice) / 4 ||
           (queue->count > 0 && slice->size_bytes < SMALL_BYTES);
}

/* Takes the slice into the queue, for which there is an item. false: no memory, not taken. */
static bool take_in(struct sess_session *session, struct iocp_slice *slice)
{
    struct sess_stdin_queue *queue = session->input.queue;
    struct item item = {.data = slice->data, .size_bytes = slice->size_bytes};
    if (!is_to_be_copied(queue, slice)) {
        item.slab = slice->slab;
        *slice = (struct iocp_slice){0};
        push(queue, &item);
        return true;
    }
    if (!add_to_last(queue, slice)) {
        bool together = queue->count > 0 && slice->size_bytes < SMALL_BYTES;
        item.own_capacity = together ? SMALL_BYTES : slice->size_bytes;
        item.own = sess_memory_take(memory_of(session), item.own_capacity);
        if (item.own == NULL)
            return false;
        memcpy(item.own, slice->data, slice->size_bytes);
        item.data = item.own;
        push(queue, &item);
    }
    iocp_slice_unref(slice);
    return true;
}

/* ---- Answering ---- */

static void wait_for_room(struct sess_stdin_queue *queue, struct sess_request *request)
{
    request->next = NULL;
    if (queue->waiting_last != NULL)
        queue->waiting_last->next = request;
    else
        queue->waiting_first = request;
    queue->waiting_last = request;
}

static struct sess_request *take_waiting(struct sess_stdin_queue *queue)
{
    struct sess_request *request = queue->waiting_first;
    queue->waiting_first = request->next;
    if (queue->waiting_first == NULL)
        queue->waiting_last = NULL;
    return request;
}

/* Whether the last byte of the first write that waits is in the queue, or beyond it, now. */
static bool is_first_in(const struct sess_session *session)
{
    const struct sess_stdin_queue *queue = session->input.queue;
    const struct sess_request *first = queue->waiting_first;
    if (first == NULL)
        return false;
    uint64_t end = first->ask.write.end_offset;
    return end <= queue->written_offset ||
           end - queue->written_offset <= session->input.limit_bytes;
}

static void answer_waiting(struct sess_session *session)
{
    while (is_first_in(session))
        answer(session, take_waiting(session->input.queue), 0);
}

/* Drops everything behind the pending write; all that wait are answered with the result. */
static void drop(struct sess_session *session, int result)
{
    struct sess_stdin_queue *queue = session->input.queue;
    if (queue == NULL)
        return;
    uint64_t kept = 0;
    while (queue->waiting_first != NULL)
        answer(session, take_waiting(queue), result);
    for (uint32_t i = 0; i < queue->count; i++) {
        struct item *item = item_at(queue, i);
        if (item->closing != NULL)
            answer(session, item->closing, result);
        item->closing = NULL;
        kept += i < queue->pending ? item->size_bytes : 0;
    }
    while (queue->count > queue->pending) {
        struct item *last = item_at(queue, queue->count - 1);
        struct iocp_slice slice = {last->slab, NULL, 0};
        iocp_slice_unref(&slice);
        sess_memory_free(memory_of(session), last->own);
        queue->count--;
    }
    session->input.queued_bytes = kept;
    queue->queued_offset = queue->written_offset + kept;
    free_queue_if_empty(session);
}

/* ---- Writing ---- */

static void close_pipe(struct sess_session *session)
{
    struct sess_stdin *input = &session->input;
    input->phase = SESS_STDIN_CLOSED;
    if (input->pipe != SESS_PIPE_OPEN)
        return;
    input->pipe = SESS_PIPE_CLOSING;
    iocp_close_start(&input->io);
}

/* The end-of-file character; twice if a line has begun, since the first one only ends the line. */
static bool write_end_of_file(struct sess_session *session, struct sess_request *request)
{
    struct sess_stdin_queue *queue = session->input.queue;
    uint8_t character = 0;
    int result = sess_tty_end_of_file(session->host->platform, sess_session_tty(session),
                                      &character, &request->os_error);
    if (result != 0) {
        answer(session, request, result);
        pop(queue, memory_of(session));
        return false;
    }
    queue->end_of_file[0] = queue->end_of_file[1] = character;
    queue->vecs[0] = (struct iocp_vec){queue->end_of_file, session->input.line_begun ? 2U : 1U};
    queue->pending = 1;
    iocp_write_start(stream_of(session), queue->vecs, 1);
    return true;
}

/* Serves the mark at the front. Whether a write is pending now. */
static bool serve_mark(struct sess_session *session)
{
    struct sess_stdin_queue *queue = session->input.queue;
    struct sess_request *request = item_at(queue, 0)->closing;
    if (session->stdio == SESS_STDIO_TTY)
        return write_end_of_file(session, request);
    pop(queue, memory_of(session));
    close_pipe(session);
    answer(session, request, 0);
    return false;
}

static void write_items(struct sess_session *session)
{
    struct sess_stdin_queue *queue = session->input.queue;
    uint32_t count = 0;
    while (count < queue->count && count < IOCP_GATHER_MAX &&
           item_at(queue, count)->closing == NULL) {
        const struct item *item = item_at(queue, count);
        queue->vecs[count++] = (struct iocp_vec){item->data, item->size_bytes};
    }
    queue->pending = count;
    iocp_write_start(stream_of(session), queue->vecs, count);
}

static void pump(struct sess_session *session)
{
    for (;;) {
        struct sess_stdin_queue *queue = session->input.queue;
        if (queue == NULL || queue->pending > 0)
            return;
        if (queue->count == 0) {
            free_queue_if_empty(session);
            return;
        }
        if (item_at(queue, 0)->closing == NULL) {
            write_items(session);
            return;
        }
        if (serve_mark(session))
            return;
    }
}

/* Takes so many bytes off the front. */
static void advance(struct sess_session *session, size_t bytes)
{
    struct sess_stdin *input = &session->input;
    struct sess_stdin_queue *queue = input->queue;
    session->record.bytes_in += bytes;
    sess_tally_input(session, bytes);
    input->queued_bytes -= bytes;
    if (bytes > 0)
        queue->since_ns = input->taken_ns = iocp_now_ns(session->host->port);
    queue->written_offset += bytes;
    while (bytes > 0) {
        struct item *item = item_at(queue, 0);
        size_t step = bytes < item->size_bytes ? bytes : item->size_bytes;
        uint8_t last = item->data[step - 1];
        input->line_begun = last != '\n' && last != '\r';
        item->data += step;
        item->size_bytes -= (uint32_t)step;
        bytes -= step;
        if (item->size_bytes == 0)
            pop(queue, memory_of(session));
    }
}

/* The pending write covered a mark: the request to close a terminal is served. */
static void end_mark(struct sess_session *session, int result)
{
    struct sess_stdin_queue *queue = session->input.queue;
    struct sess_request *request = item_at(queue, 0)->closing;
    session->input.line_begun = false;
    pop(queue, memory_of(session));
    if (request != NULL)
        answer(session, request, result);
}

/* Nobody will read it: the program closed its end, or the terminal is open nowhere. */
static void fail(struct sess_session *session)
{
    drop(session, session->state == SESS_RUNNING ? SESS_E_STDIN_CLOSED : SESS_E_EXITED);
    if (session->stdio != SESS_STDIO_TTY)
        close_pipe(session);
}

static void on_written(struct sess_session *session)
{
    struct sess_stdin_queue *queue = session->input.queue;
    struct iocp_stream *stream = stream_of(session);
    bool failed = stream->write.result != 0;
    bool mark = item_at(queue, 0)->data == NULL;
    queue->pending = 0;
    if (mark)
        end_mark(session, failed ? SESS_E_STDIN_CLOSED : 0);
    else
        advance(session, stream->written_bytes);
    if (failed || session->input.phase == SESS_STDIN_CLOSED) {
        fail(session);
    } else {
        answer_waiting(session);
        pump(session);
    }
}

static void on_pipe_write(struct iocp_op *op)
{
    struct sess_session *session = IOCP_OWNER(op, struct sess_session, input.io.write);
    on_written(session);
    sess_session_settle(session);
}

static void on_pipe_close(struct iocp_op *op)
{
    struct sess_session *session = IOCP_OWNER(op, struct sess_session, input.io.close);
    session->input.pipe = SESS_PIPE_CLOSED;
    sess_session_settle(session);
}

void sess_stdin_on_tty_write(struct sess_session *session)
{
    on_written(session);
}

/* ---- Opening, requests, the end ---- */

bool sess_stdin_open_pipe(struct sess_session *session, iocp_handle handle, int *out_os_error)
{
    static const struct iocp_stream_events events = {
        .on_write = on_pipe_write,
        .on_close = on_pipe_close,
    };
    struct sess_stdin *input = &session->input;
    if (iocp_stream_open(&input->io, &session->strand, handle, IOCP_STREAM_PIPE, &events,
                         out_os_error) != 0)
        return false;
    input->pipe = SESS_PIPE_OPEN;
    input->phase = SESS_STDIN_OPEN;
    return true;
}

void sess_stdin_open_tty(struct sess_session *session)
{
    session->input.phase = SESS_STDIN_OPEN;
}

/* 0 if the write may be taken, else its answer. */
static int check_write(const struct sess_session *session, const struct sess_request *request)
{
    const struct sess_stdin *input = &session->input;
    size_t size = request->ask.write.slice.size_bytes;
    if (input->phase != SESS_STDIN_OPEN)
        return SESS_E_STDIN_CLOSED;
    if (size > session->host->options.stdin_write_max_bytes)
        return SESS_E_TOO_LARGE;
    if (!request->ask.write.may_wait && input->queued_bytes + size > input->limit_bytes)
        return SESS_E_STDIN_FULL;
    return 0;
}

void sess_stdin_write(struct sess_session *session, struct sess_request *request)
{
    struct sess_stdin *input = &session->input;
    struct iocp_slice *slice = &request->ask.write.slice;
    size_t size = slice->size_bytes;
    int result = check_write(session, request);
    if (result == 0 && size > 0 && (!ensure_queue(session) || !take_in(session, slice)))
        result = SESS_E_NO_CAPACITY;
    iocp_slice_unref(slice);
    if (result != 0 || size == 0) {
        answer(session, request, result);
        free_queue_if_empty(session);
        return;
    }
    input->queued_bytes += size;
    input->queue->queued_offset += size;
    request->ask.write.end_offset = input->queue->queued_offset;
    if (input->queued_bytes <= input->limit_bytes)
        answer(session, request, 0);
    else
        wait_for_room(input->queue, request);
    pump(session);
}

void sess_stdin_close(struct sess_session *session, struct sess_request *request)
{
    struct sess_stdin *input = &session->input;
    if (input->phase != SESS_STDIN_OPEN) {
        answer(session, request, SESS_E_STDIN_CLOSED);
        return;
    }
    if (!ensure_queue(session)) {
        answer(session, request, SESS_E_NO_CAPACITY);
        free_queue_if_empty(session);
        return;
    }
    push(input->queue, &(struct item){.closing = request});
    if (session->stdio != SESS_STDIO_TTY)
        input->phase = SESS_STDIN_CLOSING;
    pump(session);
}

void sess_stdin_end(struct sess_session *session)
{
    session->input.phase = SESS_STDIN_CLOSED;
    drop(session, SESS_E_EXITED);
    if (session->input.queue != NULL)
        iocp_write_cancel(stream_of(session));
    close_pipe(session);
}

bool sess_stdin_is_over(const struct sess_session *session)
{
    const struct sess_stdin *input = &session->input;
    bool closed = input->pipe == SESS_PIPE_NONE || input->pipe == SESS_PIPE_CLOSED;
    return closed && input->queue == NULL;
}
