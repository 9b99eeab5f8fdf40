/*
 * What one process/read gives: see reading.h.
 */
#include "runner/reading.h"

#include <assert.h>
#include <string.h>

_Static_assert(SESS_BYTES_UNKNOWN == WIRE_MSG_BEFORE_UNKNOWN, "a cursor carries it as it is");

static void source_init(struct run_source *source, const struct run_reading *reading)
{
    run_source_init(source, reading->view, reading->ring, reading->start_seq,
                    reading->ask.from.before_bytes);
}

/* ---- Where the client stands ---- */

void run_reading_start(struct wire_msg_cursor *out_from, uint64_t after_seq)
{
    for (int i = 0; i < WIRE_MSG_STREAMS; i++) {
        out_from->streams[i].seq = after_seq < UINT64_MAX ? after_seq + 1 : after_seq;
        out_from->streams[i].offset_bytes = 0;
    }
    out_from->before_bytes = WIRE_MSG_BEFORE_UNKNOWN;
}

uint64_t run_reading_after(const struct wire_msg_cursor *from)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < WIRE_MSG_STREAMS; i++)
        least = from->streams[i].seq < least ? from->streams[i].seq : least;
    return least > 0 ? least - 1 : 0;
}

/* Everything below the least position was given, and the number below the greatest was seen. */
static void find_start(struct run_reading *reading)
{
    const struct wire_msg_position *streams = reading->ask.from.streams;
    uint64_t greatest = 0;
    for (int i = 0; i < WIRE_MSG_STREAMS; i++)
        greatest = streams[i].seq > greatest ? streams[i].seq : greatest;
    reading->start_seq = run_reading_after(&reading->ask.from);
    reading->known_seq = greatest > 0 ? greatest - 1 : 0;
}

/* What of a chunk the client does not have yet. */
static struct wire_span rest_of(const struct run_reading *reading, const struct run_piece *piece)
{
    const struct wire_msg_position *from = &reading->ask.from.streams[piece->stream];
    uint32_t offset = 0;
    if (piece->seq < from->seq)
        offset = piece->size_bytes;
    else if (piece->seq == from->seq)
        offset = from->offset_bytes;
    if (offset > piece->size_bytes)
        offset = piece->size_bytes;
    return wire_span_of(piece->data + offset, piece->size_bytes - offset);
}

/* ---- The look ---- */

struct look {
    struct wire_msg_align align[WIRE_MSG_STREAMS];
    uint64_t bytes, json_bytes;
    uint32_t count;
};

/* Whether any of what was seen can go. */
static bool can_go(const struct look *look)
{
    for (int i = 0; i < WIRE_MSG_STREAMS; i++) {
        if (wire_msg_align_bytes(&look->align[i]) > 0)
            return true;
    }
    return false;
}

/* What a chunk costs of the reply: as much as msg_read.c writes, for tiny ones are nearly nothing
 * else, and a client that gets no whole answer after a cut may give up. */
static uint64_t json_bytes_of(const struct run_piece *piece, size_t bytes)
{
    uint64_t size_bytes = (bytes + 2) / 3 * 4 + RUN_READ_CHUNK_JSON_BYTES;
    for (uint64_t seq = piece->seq; seq > 0; seq /= 10)
        size_bytes++;
    return size_bytes + (bytes < piece->size_bytes ? RUN_READ_OFFSET_JSON_BYTES : 0);
}

/* Whether the reply takes no more. Where nothing can go yet it does, until a line is no line any
 * more (msg_align.h): else its reader would ask the same again and again. */
static bool is_full(const struct run_reading *reading, const struct look *look,
                    const struct run_piece *piece, size_t bytes, bool *out_is_crowded)
{
    uint64_t json_bytes = json_bytes_of(piece, bytes);
    *out_is_crowded = look->json_bytes + json_bytes > RUN_READ_MESSAGE_BYTES;
    if (look->count == 0)
        return false;
    return *out_is_crowded || (look->bytes + bytes > reading->ask.max_bytes && can_go(look));
}

static void show(struct look *look, const struct run_piece *piece, struct wire_span bytes)
{
    wire_msg_align_push(&look->align[piece->stream], bytes);
    look->bytes += bytes.size;
    look->json_bytes += json_bytes_of(piece, bytes.size);
    look->count++;
}

/* Goes over the output until the reply is full. Returns whether all of it goes: nothing that could
 * complete a character or a line will come. */
static bool see(struct run_reading *reading, struct look *look)
{
    struct run_source source;
    struct run_piece piece;
    struct sess_skipped skipped;
    bool is_crowded;
    source_init(&source, reading);
    for (;;) {
        bool has = run_source_next(&source, &piece, &skipped);
        if (skipped.first_seq != 0 && (look->count > 0 || reading->skipped.first_seq != 0))
            return true; /* the next read begins with this gap */
        if (skipped.first_seq != 0) {
            reading->skipped = skipped;
            reading->end_seq = skipped.last_seq;
        }
        if (!has)
            break;
        struct wire_span rest = rest_of(reading, &piece);
        if (rest.size > 0 && is_full(reading, look, &piece, rest.size, &is_crowded))
            return is_crowded && !can_go(look);
        if (rest.size > 0)
            show(look, &piece, rest);
        reading->end_seq = piece.seq;
    }
    reading->is_complete = true;
    reading->end_seq = reading->view->next_seq - 1;
    return reading->view->closed_seq != 0;
}

void run_reading_look(struct run_reading *reading, const struct sess_view *view,
                      const struct run_ring *ring)
{
    struct run_reading_ask ask = reading->ask;
    struct look look = {.bytes = 0};
    memset(reading, 0, sizeof(*reading));
    reading->ask = ask;
    reading->view = view;
    reading->ring = ring;
    find_start(reading);
    reading->end_seq = reading->start_seq;
    for (int i = 0; i < WIRE_MSG_STREAMS; i++)
        wire_msg_align_init(&look.align[i], ask.align);
    bool all_goes = see(reading, &look);
    for (int i = 0; i < WIRE_MSG_STREAMS; i++) {
        uint64_t seen_bytes = look.align[i].size_bytes;
        reading->given[i] = all_goes ? seen_bytes : wire_msg_align_bytes(&look.align[i]);
        reading->holds_back[i] = reading->given[i] < seen_bytes;
    }
}

bool run_reading_is_ready(const struct run_reading *reading)
{
    const struct sess_view *view = reading->view;
    for (int i = 0; i < WIRE_MSG_STREAMS; i++) {
        if (reading->given[i] > 0)
            return true;
    }
    return reading->skipped.first_seq != 0 || view->closed_seq != 0 ||
           view->exited_seq > reading->known_seq;
}

/* ---- The reply ---- */

/* What the reply has given so far, and where the client stands behind it. */
struct reply {
    struct wire_json_writer *writer;
    const struct wire_base64_codec *codec;
    uint64_t left[WIRE_MSG_STREAMS];
    bool is_behind[WIRE_MSG_STREAMS]; /* its position is inside of what was seen */
    struct wire_msg_cursor to;
    uint64_t given_seq; /* 0: none */
};

static void add(struct reply *reply, const struct run_piece *piece, struct wire_span rest)
{
    enum sess_stream stream = piece->stream;
    uint32_t offset = piece->size_bytes - (uint32_t)rest.size;
    size_t take = rest.size < reply->left[stream] ? rest.size : (size_t)reply->left[stream];
    struct wire_msg_read_chunk chunk = {
        .seq = piece->seq,
        .stream = (enum wire_msg_stream)stream,
        .bytes = wire_span_of(rest.data, take),
        .offset_bytes = offset,
    };
    if (take > 0) {
        wire_msg_read_add(reply->writer, reply->codec, &chunk);
        reply->given_seq = piece->seq;
    }
    reply->left[stream] -= take;
    if (take == rest.size || reply->is_behind[stream])
        return;
    reply->is_behind[stream] = true;
    reply->to.streams[stream] = (struct wire_msg_position){piece->seq, offset + (uint32_t)take};
}

static void add_all(const struct run_reading *reading, struct reply *reply)
{
    struct run_source source;
    struct run_piece piece;
    struct sess_skipped skipped;
    source_init(&source, reading);
    while (run_source_next(&source, &piece, &skipped) && piece.seq <= reading->end_seq) {
        struct wire_span rest = rest_of(reading, &piece);
        if (rest.size > 0)
            add(reply, &piece, rest);
    }
}

/* Where streams of which nothing is held back go on. */
static void move_on(const struct run_reading *reading, struct reply *reply)
{
    for (int i = 0; i < WIRE_MSG_STREAMS; i++) {
        struct wire_msg_position *to = &reply->to.streams[i];
        assert(reply->left[i] == 0 && reply->is_behind[i] == reading->holds_back[i]);
        if (!reply->is_behind[i] && to->seq <= reading->end_seq)
            *to = (struct wire_msg_position){reading->end_seq + 1, 0};
    }
}

/* How much comes before where the client goes on, for when what is between is lost by then. */
static void count_before(const struct run_reading *reading, struct wire_msg_cursor *to)
{
    uint64_t start_seq = run_reading_after(to);
    struct run_source source;
    bool has_moved = start_seq != reading->start_seq;
    run_source_init(&source, reading->view, reading->ring, start_seq,
                    has_moved ? SESS_BYTES_UNKNOWN : to->before_bytes);
    to->before_bytes = source.reader.before_bytes;
}

static uint64_t next_seq(const struct run_reading *reading, const struct reply *reply)
{
    if (reply->given_seq != 0 && (reading->ask.has_max || !reading->is_complete))
        return reply->given_seq + 1;
    return reading->is_complete ? reading->view->next_seq : reading->end_seq + 1;
}

uint64_t run_reading_write(const struct run_reading *reading, struct wire_json_writer *writer,
                           const struct wire_base64_codec *codec, struct wire_span id)
{
    struct reply reply = {.writer = writer, .codec = codec, .to = reading->ask.from};
    memcpy(reply.left, reading->given, sizeof(reply.left));
    wire_msg_read_begin(writer, id);
    add_all(reading, &reply);
    move_on(reading, &reply);
    if (reading->ask.wants_cursor)
        count_before(reading, &reply.to);
    struct wire_msg_read_end end = {
        .next_seq = next_seq(reading, &reply),
        .has_exited = reading->view->exited_seq != 0,
        .exit_code = reading->view->record.exit_code,
        .is_closed = reading->view->closed_seq != 0,
        .skipped_first_seq = reading->skipped.first_seq,
        .skipped_last_seq = reading->skipped.last_seq,
        .skipped_bytes = reading->skipped.bytes,
        .skipped_is_at_most = !reading->skipped.is_exact,
        .cursor = reading->ask.wants_cursor ? &reply.to : NULL,
    };
    wire_msg_read_end(writer, &end);
    uint64_t known_seq = reading->end_seq;
    for (int i = 0; i < WIRE_MSG_STREAMS; i++) {
        if (reply.is_behind[i] && reply.to.streams[i].seq - 1 < known_seq)
            known_seq = reply.to.streams[i].seq - 1;
    }
    return known_seq;
}
