/*
 * The resume ring of a process: what it wrote and its client has not acknowledged, in whole chunks,
 * so that a client whose connection was cut can read it by process/read whatever is retained.
 *
 *                   output            bind: the next connection takes over
 *                     | push                |
 *                     v                     v
 *                   sent  ------------->  missed
 *                     | pongs               | the client asks for what is behind it, or has
 *                     v                     v acknowledged a reply that gave it
 */

/*
 * What it holds is owed by the session's consumer (sess_view.owed_bytes), so the window bounds it:
 * a program writes on once its client has read what it missed. Until then nothing that was sent
 * since counts as acknowledged: it lies behind a gap, and a client that is cut again may have
 * thrown it away. A client that does not ask within RUN_MISSED_MS after it has come back, or has
 * got the reply to what it asked, does not want what it missed.
 */

/*
 * Threads: everything belongs to the session's strand, but run_ring_acked, which is for any.
 * Knows no connection. Off (exec-server.v0, connections that nobody resumes) it holds nothing.
 */
#ifndef RUN_RING_H
#define RUN_RING_H

#include "sessions/part.h"
#include "sessions/request.h"

struct run_metrics;

/* The parts of a ring, as they are counted. */
enum run_ring_part { RUN_RING_SENT, RUN_RING_MISSED, RUN_RING_PARTS };

enum {
    /* As many events as Codex's client buffers: with more on the way at once it falls behind
     * itself, reads again what it has acknowledged, and may find it gone. A program that writes
     * faster gets fewer and larger chunks, since its pipe fills meanwhile. */
    RUN_RING_CHUNKS = 256,
    RUN_MISSED_MS = 5 * 1000 /* a client asks right after it has come back */
};

struct run_ring {
    struct run_metrics *metrics;
    uint32_t counted[RUN_RING_PARTS]; /* bytes that the metrics have of it */
    bool is_on;
    bool was_asked;            /* somebody read since the last look */
    _Atomic bool has_missed;   /* then what is acknowledged of sent is not given back */
    uint64_t given_seq;        /* of missed, everything up to it is in replies on their way */
    struct sess_part missed;   /* what connections before did not acknowledge */
    struct sess_part sent;     /* written since the last bind */
    _Atomic uint64_t owed;     /* of sent, with what was charged beside it */
    _Atomic uint64_t acked;    /* of that, acknowledged and not given back yet */
    _Atomic uint64_t read_seq; /* of missed, everything up to it was acknowledged */
};

/* A chunk that it holds. */
struct run_piece {
    uint64_t seq;
    enum sess_stream stream;
    uint32_t size_bytes;
    const uint8_t *data; /* valid until the ring or what is retained changes */
};

/* An empty ring, whose bytes are counted in metrics. Any thread, before the session starts. */
void run_ring_init(struct run_ring *ring, bool is_on, struct run_metrics *metrics);

/* Frees what it holds. When nobody else has it any more; any thread. */
void run_ring_deinit(struct run_ring *ring);

/* Keeps a chunk for which the session is owed so many bytes. Without memory it keeps nothing older
 * either, so that what it has is whole. */
void run_ring_push(struct run_ring *ring, const struct sess_chunk *chunk, uint64_t owed_bytes);

/* Whether it holds so many chunks that its session has to wait. */
bool run_ring_is_crowded(const struct run_ring *ring);

/* The client has acknowledged bytes of what was sent, and, unless 0, what of the missed is numbered
 * up to read_seq. Returns whether run_ring_fit is worth a call. Any thread with the session. */
bool run_ring_acked(struct run_ring *ring, struct sess_session *session, uint64_t bytes,
                    uint64_t read_seq);

/* Gives up what was acknowledged. */
void run_ring_fit(struct run_ring *ring, struct sess_session *session);

/* Another connection takes over: what was sent and not acknowledged is missed now. What the session
 * is owed is from then on what the ring holds. Nothing of the connection before is acknowledged
 * later. */
void run_ring_bind(struct run_ring *ring, struct sess_session *session);

/* The client has everything up to this number. */
void run_ring_known(struct run_ring *ring, struct sess_session *session, uint64_t seq);

/* A reply on its way gives what was missed up to this number. */
void run_ring_gave(struct run_ring *ring, uint64_t seq);

/* RUN_MISSED_MS are over: gives up what was missed if nobody has asked since and no reply is on its
 * way. Returns whether there is still something to wait for. */
bool run_ring_lose_patience(struct run_ring *ring, struct sess_session *session);

/* The first chunk above after_seq; false: there is none. */
bool run_ring_next(const struct run_ring *ring, uint64_t after_seq, struct run_piece *out_piece);

/* Bytes of the chunks with numbers from first_seq to last_seq. */
uint64_t run_ring_bytes(const struct run_ring *ring, uint64_t first_seq, uint64_t last_seq);

#endif
