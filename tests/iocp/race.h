/*
 * The actors of test_random.c: everything that the engine can do, at random and at once, with each
 * operation counted and each byte accounted for.
 *
 * A lane is a connection that lives for a while, ends in a random way and is made anew. Its sides
 * are strands that start, cancel, restart and close what a stream has, and use timers, helpers and
 * children beside it; the other side of a pipe's lane is a thread with blocking calls. Posters are
 * threads that post numbered mail to strands.
 *
 * Members without _Atomic belong to a strand, or to whoever the lane's parts counter has handed
 * them to; ThreadSanitizer watches that the engine keeps it so.
 */
#ifndef TESTS_IOCP_RACE_H
#define TESTS_IOCP_RACE_H

#include "support.h"

enum race_kind {
    RACE_READ,
    RACE_WRITE,
    RACE_CLOSE,
    RACE_CANCEL,
    RACE_TIMER,
    RACE_POST,
    RACE_KICK,
    RACE_HELP,
    RACE_EXIT,
    RACE_KINDS
};

enum {
    RACE_LANES = 8,
    RACE_TIMERS = 2,
    RACE_HELD = 3,
    RACE_VECS = 8,
    RACE_BUFFER_BYTES = 48 * 1024,
    RACE_POSTERS = 2,
    RACE_BOXES = 3,
    RACE_LETTERS = 32, /* for each poster and box */
    RACE_SLABS = 5     /* few: reads have to wait for slabs, too */
};

struct race {
    struct sup_world *world;
    uint64_t seed, target;
    _Atomic uint64_t total;
    _Atomic uint64_t started[RACE_KINDS], completed[RACE_KINDS];
    _Atomic bool over; /* enough was started: everybody comes to an end */
    _Atomic int children_left;
    bool resets_last; /* see sup_resets_last */
    struct race_lane *lanes;
    struct sup_tally lanes_done;
};

/* Counts a start; the target is reached here. Any thread. */
void race_count_start(struct race *race, enum race_kind kind);
/* The same with the operation's own mark: it must not be pending. On its strand. */
void race_arm(struct race *race, enum race_kind kind, bool *armed);
/* Counts a completion; the operation must have been pending. On its strand. */
void race_disarm(struct race *race, enum race_kind kind, bool *armed);
bool race_is_over(struct race *race);

/* ---- Sides ----------------------------------------------------------------------------------- */

struct race_timer {
    struct iocp_timer timer;
    struct race_side *side;
    bool armed, cancelled;
    bool wakes; /* its completion drives the side on */
};

struct race_held {
    struct iocp_slice slice;
    uint64_t offset;
    uint32_t pattern;
};

struct race_side {
    struct race *race;
    struct race_lane *lane;
    struct sup_box *box;
    struct sup_random random;
    bool starting; /* inside a call that starts something: no callback may come now */

    struct iocp_op begin; /* posted by who made a new connection */
    struct iocp_op drive; /* does one random thing and posts itself again */
    bool driving, resting, finishing;
    struct iocp_op nudge; /* kicked by the other sides */
    _Atomic uint64_t nudges_taken;
    uint64_t nudges_seen;

    struct iocp_stream stream;
    iocp_handle handle;
    enum iocp_stream_kind kind;
    bool may_read, may_write;
    bool open, closing, leaving, shut;
    bool reading, writing, closing_armed;
    int read_end; /* 0 while more may come, else the result that ended the reading */
    bool write_ended;
    uint32_t in_pattern, out_pattern;
    uint64_t got_bytes, wrote_bytes, offered_bytes;
    uint32_t read_max_bytes;
    unsigned budget; /* things to do before this connection ends */
    struct iocp_vec vecs[RACE_VECS];
    uint8_t data[RACE_BUFFER_BYTES];
    struct race_held held[RACE_HELD];

    struct race_timer timers[RACE_TIMERS];
    struct iocp_help help;
    bool helping, help_spawns;
    _Atomic unsigned works;
    struct iocp_exit exit;
    struct sup_child child;
    bool spawned, waiting, exit_cancelled;
};

/* Once. */
void race_side_init(struct race_side *side, struct race_lane *lane, uint64_t number);
/* A new generation of the lane: drives the side until it has closed its connection, or, if the lane
 * finishes, until timers, helper and child have ended; then tells race_lane_part_done and rests.
 * Any thread, side at rest. */
void race_side_begin(struct race_side *side);

/* Timers, helpers, children (race_extras): one random thing; all ended? On the side's strand. */
void race_extras_init(struct race_side *side);
void race_extras_act(struct race_side *side);
/* Drives the side on a little later. False: its timer is in use. */
bool race_extras_sleep(struct race_side *side);
/* Asks all to end; whether they have. */
bool race_extras_ended(struct race_side *side);
/* Posts the side's drive, unless it is posted or the side rests. On its strand. */
void race_side_drive_on(struct race_side *side);

/* ---- Lanes ----------------------------------------------------------------------------------- */

struct race_lane {
    struct race *race;
    unsigned number;
    enum sup_pair_kind kind;
    struct race_side sides[2]; /* the second one not for pipes */
    iocp_handle handles[2];    /* of the next connection, for the sides to take */
    unsigned generation;
    _Atomic unsigned parts; /* of the two, those that are done with this generation */
    bool finishing;
    /* Pipes: the other side is a thread. */
    struct sup_thread *thread;
    struct sup_tally go; /* generations, and the end */
    struct sup_end theirs;
    uint64_t their_bytes;
    bool their_end_seen;
};

/* Makes sides and thread; after that of all lanes, the first connection. On the test's thread. */
void race_lane_start(struct race_lane *lane);
void race_lane_go(struct race_lane *lane);
/* Checks and frees, when all lanes are done. On the test's thread. */
void race_lane_end(struct race_lane *lane);

bool race_lane_has_thread(const struct race_lane *lane);
/* The pattern of the bytes that the side (or, as side 1, the thread) sends. */
uint32_t race_lane_pattern(const struct race_lane *lane, unsigned side);
/* A part of the lane is done: the last one checks the accounts and begins anew. Any thread. */
void race_lane_part_done(struct race_lane *lane);

/* ---- Posters --------------------------------------------------------------------------------- */

struct race_mail;
/* Starts the posters' threads; they end when the race is over. */
struct race_mail *race_mail_start(struct race *race);
/* Joins them and checks that all letters came, in order. */
void race_mail_end(struct race_mail *mail);

#endif
