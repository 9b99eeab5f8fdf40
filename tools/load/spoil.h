/*
 * The ways in which the self-check's proxy spoils what a server says. Pure: frames in, frames out.
 * Each way is done once, to an output message in the middle of a session's stream, or to its exit.
 */
#ifndef EXECPORT_TOOLS_LOAD_SPOIL_H
#define EXECPORT_TOOLS_LOAD_SPOIL_H

#include "tools/load/buffer.h"
#include "tools/load/dialect.h"

#include <stdbool.h>
#include <stdint.h>

enum load_spoil_kind {
    LOAD_SPOIL_NOTHING,
    LOAD_SPOIL_DROP_BYTE, /* of a chunk's decoded bytes, as the next three */
    LOAD_SPOIL_DOUBLE_BYTE,
    LOAD_SPOIL_SWAP_BYTES,
    LOAD_SPOIL_FLIP_BYTE,
    LOAD_SPOIL_DROP_RAW, /* a byte of the WebSocket stream, as the next three */
    LOAD_SPOIL_DOUBLE_RAW,
    LOAD_SPOIL_SWAP_RAW,
    LOAD_SPOIL_FLIP_RAW,
    LOAD_SPOIL_DROP_FRAME, /* a whole output message, as the next two */
    LOAD_SPOIL_DOUBLE_FRAME,
    LOAD_SPOIL_SWAP_FRAMES,
    LOAD_SPOIL_SEQ,     /* another number */
    LOAD_SPOIL_STREAM,  /* stderr instead of stdout, or the other way round */
    LOAD_SPOIL_SESSION, /* another session's id */
    LOAD_SPOIL_DROP_EXIT,
    LOAD_SPOIL_DOUBLE_EXIT,
    LOAD_SPOIL_EXIT_CODE,
    LOAD_SPOIL_DROP_CLOSED,
    LOAD_SPOIL_DOUBLE_CLOSED,
    LOAD_SPOIL_DROP_REPLY, /* to a start, as the next one */
    LOAD_SPOIL_DOUBLE_REPLY,
    LOAD_SPOIL_KINDS,
};

struct load_spoil {
    enum load_spoil_kind kind;
    const struct load_dialect *dialect;
    uint64_t random;
    bool is_done;  /* the damage is in the stream */
    unsigned seen; /* output messages of the session that is spoilt */
    unsigned replies;
    char session[80];           /* its id; empty until the first output */
    struct load_buffer held;    /* a frame that waits for the one that overtakes it */
    struct load_buffer payload; /* of the frame that is being made */
    struct load_message_reader reader;
};

/* A spoiler that does this kind once. random must not be 0. */
void load_spoil_init(struct load_spoil *spoil, enum load_spoil_kind kind,
                     const struct load_dialect *dialect, uint64_t random);
void load_spoil_deinit(struct load_spoil *spoil);

/* Takes one text message of the server and appends to out the frames that the client shall get. */
void load_spoil_message(struct load_spoil *spoil, struct wire_span message,
                        struct load_buffer *out);

/* What the kind does, in words. */
const char *load_spoil_name(enum load_spoil_kind kind);

/* Whether there is such a thing in the dialect. */
bool load_spoil_applies(enum load_spoil_kind kind, const struct load_dialect *dialect);

#endif
