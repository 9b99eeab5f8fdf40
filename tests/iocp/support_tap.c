/*
 * Streams that record, for the test's thread to look at. Every completion is checked here against
 * the rules that hold for all of them: once, idle in its callback, never inside the call that
 * started it, nothing after the close. The members are plain on purpose: the strand is all that
 * keeps them whole, and ThreadSanitizer watches it.
 */
#include "support.h"

static struct sup_tap *tap_of_read(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, read);
    return (struct sup_tap *)(void *)stream; /* its first member */
}

static struct sup_tap *tap_of_write(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, write);
    return (struct sup_tap *)(void *)stream;
}

static struct sup_tap *tap_of_close(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, close);
    return (struct sup_tap *)(void *)stream;
}

static void check_completion(const struct sup_tap *tap, const struct iocp_op *op, bool was_started)
{
    SUP_CHECK(was_started);
    SUP_CHECK(!tap->starting);
    SUP_CHECK(!iocp_pending(op));
    SUP_CHECK(op->result <= 0);
    SUP_CHECK(op->result != 0 || op->os_error == 0);
}

static void take_slice(struct sup_tap *tap)
{
    struct iocp_slice *slice = &tap->stream.slice;
    SUP_CHECK(slice->size_bytes > 0);
    SUP_CHECK(slice->size_bytes <= tap->max_bytes);
    tap->size = slice->size_bytes;
    if (tap->flows)
        SUP_CHECK(sup_matches(slice->data, slice->size_bytes, tap->flowed_bytes, tap->pattern));
    else
        memcpy(tap->data, slice->data, slice->size_bytes);
    tap->flowed_bytes += slice->size_bytes;
    tap->flowed_chunks++;
    iocp_slice_unref(slice);
    SUP_CHECK(slice->size_bytes == 0);
}

static void on_tap_read(struct iocp_op *op)
{
    struct sup_tap *tap = tap_of_read(op);
    check_completion(tap, op, tap->reading);
    tap->reading = false;
    tap->read_result = op->result;
    tap->size = 0;
    if (op->result == 0)
        take_slice(tap);
    if (!tap->flows)
        sup_tally_add(&tap->reads, 1);
    else if (op->result == 0)
        sup_tap_read_now(tap, tap->max_bytes);
    else
        sup_tally_add(&tap->flowed, 1);
}

static void on_tap_write(struct iocp_op *op)
{
    struct sup_tap *tap = tap_of_write(op);
    check_completion(tap, op, tap->writing);
    tap->writing = false;
    tap->write_result = op->result;
    tap->written = tap->stream.written_bytes;
    sup_tally_add(&tap->writes, 1);
}

static void on_tap_close(struct iocp_op *op)
{
    struct sup_tap *tap = tap_of_close(op);
    check_completion(tap, op, tap->closing);
    SUP_CHECK(!tap->reading && !tap->writing);
    SUP_CHECK(op->result == 0);
    tap->closing = false;
    sup_tally_add(&tap->closes, 1);
}

/* ---- In a callback of the strand ----------------------------------------------------------- */

void sup_tap_read_now(struct sup_tap *tap, uint32_t max_bytes)
{
    tap->max_bytes = max_bytes;
    tap->reading = true;
    tap->starting = true;
    iocp_read_start(&tap->stream, max_bytes);
    SUP_CHECK(iocp_pending(&tap->stream.read));
    tap->starting = false;
}

void sup_tap_write_now(struct sup_tap *tap, const struct iocp_vec *vecs, unsigned count)
{
    tap->writing = true;
    tap->starting = true;
    iocp_write_start(&tap->stream, vecs, count);
    SUP_CHECK(iocp_pending(&tap->stream.write));
    tap->starting = false;
}

void sup_tap_close_now(struct sup_tap *tap)
{
    tap->closing = true;
    tap->starting = true;
    iocp_close_start(&tap->stream);
    tap->starting = false;
}

/* ---- On the test's thread ------------------------------------------------------------------ */

struct opening {
    struct sup_tap *tap;
    iocp_handle handle;
    enum iocp_stream_kind kind;
    int result;
};

static void open_stream(void *argument)
{
    static const struct iocp_stream_events events = {on_tap_read, on_tap_write, on_tap_close};
    struct opening *opening = argument;
    int os_error = 0;
    opening->result = iocp_stream_open(&opening->tap->stream, &opening->tap->box->strand,
                                       opening->handle, opening->kind, &events, &os_error);
}

struct sup_tap *sup_tap_open(struct sup_box *box, iocp_handle handle, enum iocp_stream_kind kind)
{
    struct sup_tap *tap = sup_new(sizeof *tap);
    struct opening opening = {tap, handle, kind, IOCP_E_OS};
    tap->box = box;
    sup_box_call(box, open_stream, &opening);
    assert_int_equal(opening.result, IOCP_OK);
    return tap;
}

struct sup_tap *sup_tap_open_pair(struct sup_box *box, const struct sup_pair *pair)
{
    return sup_tap_open(box, pair->ours, pair->kind);
}

struct reading {
    struct sup_tap *tap;
    uint32_t max_bytes;
};

static void start_read(void *argument)
{
    struct reading *reading = argument;
    sup_tap_read_now(reading->tap, reading->max_bytes);
}

void sup_tap_read(struct sup_tap *tap, uint32_t max_bytes)
{
    struct reading reading = {tap, max_bytes};
    sup_box_call(tap->box, start_read, &reading);
}

void sup_tap_flow(struct sup_tap *tap, uint32_t max_bytes, uint32_t pattern)
{
    tap->flows = true;
    tap->pattern = pattern;
    sup_tap_read(tap, max_bytes);
}

static void cancel_read(void *argument)
{
    struct sup_tap *tap = argument;
    tap->starting = true;
    iocp_read_cancel(&tap->stream);
    tap->starting = false;
}

void sup_tap_read_cancel(struct sup_tap *tap)
{
    sup_box_call(tap->box, cancel_read, tap);
}

int sup_tap_read_result(struct sup_tap *tap)
{
    sup_tally_await(&tap->reads, ++tap->reads_seen);
    return tap->read_result;
}

int sup_tap_get(struct sup_tap *tap, uint32_t max_bytes)
{
    sup_tap_read(tap, max_bytes);
    return sup_tap_read_result(tap);
}

struct waiting {
    struct sup_tap *tap;
    bool is;
};

static void look_whether_waiting(void *argument)
{
    struct waiting *waiting = argument;
    waiting->is = iocp_read_is_waiting(&waiting->tap->stream);
}

void sup_tap_await_waiting(struct sup_tap *tap)
{
    struct waiting waiting = {tap, false};
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    while (!waiting.is) {
        assert_true(sup_now_ms() < deadline_ms);
        sup_box_call(tap->box, look_whether_waiting, &waiting);
    }
}

struct writing {
    struct sup_tap *tap;
    const struct iocp_vec *vecs;
    unsigned count;
};

static void start_write(void *argument)
{
    struct writing *writing = argument;
    sup_tap_write_now(writing->tap, writing->vecs, writing->count);
}

void sup_tap_write(struct sup_tap *tap, const struct iocp_vec *vecs, unsigned count)
{
    struct writing writing = {tap, vecs, count};
    sup_box_call(tap->box, start_write, &writing);
}

static void cancel_write(void *argument)
{
    struct sup_tap *tap = argument;
    tap->starting = true;
    iocp_write_cancel(&tap->stream);
    tap->starting = false;
}

void sup_tap_write_cancel(struct sup_tap *tap)
{
    sup_box_call(tap->box, cancel_write, tap);
}

int sup_tap_write_result(struct sup_tap *tap)
{
    sup_tally_await(&tap->writes, ++tap->writes_seen);
    return tap->write_result;
}

static void start_close(void *argument)
{
    sup_tap_close_now(argument);
}

void sup_tap_close(struct sup_tap *tap)
{
    sup_box_call(tap->box, start_close, tap);
    sup_tally_await(&tap->closes, 1);
    free(tap);
}
