/*
 * Streams: what is the same on every system. Starting and gathering writes, the expected size of
 * the next read, and the order of closing. The backend's stream_*.c does the rest.
 *
 * Everything here runs on the stream's strand.
 */
#include "iocp/port.h"

enum {
    HINT_LEAST = 11, /* IOCP_READ_MIN */
    HINT_START = 12,
    HINT_MOST = 16 /* IOCP_READ_MAX */
};

void iocp_stream_prepare(struct iocp_stream *stream, struct iocp_strand *strand, iocp_handle handle,
                         enum iocp_stream_kind kind, const struct iocp_stream_events *events)
{
    *stream = (struct iocp_stream){
        .handle = handle, .kind = (uint8_t)kind, .hint = HINT_START, .phase = IOCP_OPEN};
    iocp_op_prepare(&stream->read, strand, IOCP_OP_READ, events->on_read);
    iocp_op_prepare(&stream->write, strand, IOCP_OP_WRITE, events->on_write);
    iocp_op_prepare(&stream->close, strand, IOCP_OP_CLOSE, events->on_close);
}

/* ---- Reading ---- */

void iocp_stream_begin_read(struct iocp_stream *stream, uint32_t max_bytes)
{
    assert(stream->phase == IOCP_OPEN && max_bytes > 0);
    iocp_op_begin(&stream->read);
    stream->read_max_bytes = max_bytes < IOCP_READ_MAX ? max_bytes : IOCP_READ_MAX;
}

uint32_t iocp_stream_want(const struct iocp_stream *stream)
{
    uint32_t want = UINT32_C(1) << stream->hint;
    return want < stream->read_max_bytes ? want : stream->read_max_bytes;
}

void iocp_stream_learn(struct iocp_stream *stream, uint32_t got_bytes, uint32_t room_bytes)
{
    if (got_bytes == room_bytes && stream->hint < HINT_MOST)
        stream->hint = stream->hint + 2 < HINT_MOST ? (uint8_t)(stream->hint + 2) : HINT_MOST;
    else if (got_bytes < (UINT32_C(1) << stream->hint) / 4 && stream->hint > HINT_LEAST)
        stream->hint--;
}

/* ---- Writing ---- */

void iocp_write_start(struct iocp_stream *stream, const struct iocp_vec *vecs, unsigned count)
{
    assert(stream->phase == IOCP_OPEN && count > 0 && count <= UINT16_MAX);
    iocp_op_begin(&stream->write);
    stream->vecs = vecs;
    stream->vec_count = (uint16_t)count;
    stream->vec_offset_bytes = 0;
    stream->written_bytes = 0;
    iocp_strand_push(&stream->write);
}

unsigned iocp_stream_gather(const struct iocp_stream *stream, struct iocp_vec *out_vecs,
                            size_t most_bytes, size_t *out_bytes)
{
    size_t skip = stream->vec_offset_bytes, total = 0;
    unsigned count = 0;
    for (unsigned i = 0; i < stream->vec_count && count < IOCP_GATHER_MAX && total < most_bytes;
         i++) {
        const struct iocp_vec *vec = &stream->vecs[i];
        if (vec->size_bytes > skip) {
            size_t size = vec->size_bytes - skip, left = most_bytes - total;
            size = size < left ? size : left;
            out_vecs[count++] = (struct iocp_vec){(const char *)vec->data + skip, size};
            total += size;
        }
        skip = 0;
    }
    *out_bytes = total;
    return count;
}

void iocp_stream_advance(struct iocp_stream *stream, size_t written_bytes)
{
    stream->written_bytes += written_bytes;
    written_bytes += stream->vec_offset_bytes;
    while (stream->vec_count > 0 && written_bytes >= stream->vecs[0].size_bytes) {
        written_bytes -= stream->vecs[0].size_bytes;
        stream->vecs++;
        stream->vec_count--;
    }
    stream->vec_offset_bytes = written_bytes;
}

enum iocp_outcome iocp_stream_fail_write(struct iocp_stream *stream, int result, int os_error)
{
    stream->write.result = result;
    stream->write.os_error = os_error;
    return IOCP_DONE;
}

/* ---- Closing ---- */

void iocp_stream_settle(struct iocp_op *op)
{
    struct iocp_stream *stream =
        op->kind == IOCP_OP_READ ? iocp_stream_of_read(op) : iocp_stream_of_write(op);
    if (stream->phase == IOCP_CLOSING && !iocp_pending(&stream->read) &&
        !iocp_pending(&stream->write))
        iocp_strand_push(&stream->close);
}

void iocp_close_start(struct iocp_stream *stream)
{
    assert(stream->phase == IOCP_OPEN);
    iocp_op_begin(&stream->close);
    stream->phase = IOCP_CLOSING;
    bool waits = iocp_pending(&stream->read) || iocp_pending(&stream->write);
    iocp_read_cancel(stream);
    iocp_write_cancel(stream);
    if (!waits)
        iocp_strand_push(&stream->close);
}
