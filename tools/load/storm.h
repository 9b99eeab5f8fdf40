/*
 * Clients whose connections are all cut at once, and that all come back at once: what the scenario
 * detach-storm is made of. Each link is one connection with sessions of its own, some of which
 * write as fast as they can; it resumes by the id that the server gave it, and reads what it missed
 * until notifications go on where the replies end.
 *
 *     CLOSED --open--> GREETING --initialized--> READING --all sessions read--> READY
 *        ^                 |                        |                             |
 *        +-----------------+------------------------+--- storm_cut ---------------+
 *
 * Single-threaded. The dialect is `process`: the other one has nothing to resume.
 */
#ifndef EXECPORT_TOOLS_LOAD_STORM_H
#define EXECPORT_TOOLS_LOAD_STORM_H

#include "tools/load/check.h"
#include "tools/load/run.h"
#include "tools/load/stats.h"

enum {
    STORM_ID_SIZE = 64,
    STORM_GREETINGS = 48, /* at once: execport closes what is more than 64 */
};

enum storm_state { STORM_CLOSED, STORM_GREETING, STORM_READING, STORM_READY };

struct storm_session {
    struct storm_link *link;
    char id[16];
    bool floods;
    bool is_started;
    bool is_waiting;     /* for the reply to its start, or for what it missed */
    bool is_lost;        /* the server does not know it any more */
    uint64_t seq;        /* the last event taken */
    uint64_t first_told; /* on this connection; 0: none yet */
    uint64_t read_seq;   /* the last that a reply to a read gave */
    struct load_check out;
    struct load_buffer held; /* output told while what is older is being read */
};

struct storm_link {
    struct storm *storm;
    struct load_conn conn;
    enum storm_state state;
    bool is_broken;                 /* ended by the server: opened again */
    char session_id[STORM_ID_SIZE]; /* empty: a new client */
    struct storm_session *sessions;
    unsigned waiting; /* sessions that are */
};

struct storm {
    struct load_run *run;
    struct load_faults faults;
    struct storm_link *links;
    unsigned link_count, sessions_each;
    unsigned in_state[STORM_READY + 1]; /* links */
    unsigned replies;                   /* to terminates */
    bool is_ending;
    uint64_t cut_ns; /* when the last storm began */
    struct load_stats resumed, caught_up;
    uint64_t missed_bytes, retries, sessions_lost, peak_bytes;
    struct load_message_reader reader;
    struct load_buffer request, decoded;
};

/* Makes links that are all closed. Borrows run. */
void storm_init(struct storm *storm, struct load_run *run, unsigned links, unsigned sessions_each);

/* Closes and frees everything. */
void storm_deinit(struct storm *storm);

/*
 * Opens every link that is closed and waits until all are ready: the first time with their sessions
 * started, then with everything read that was missed. Returns 0, or LOAD_FAILED, said.
 */
int storm_open_all(struct storm *storm);

/* Runs the loop for this long, and samples the server's memory. */
void storm_run_for(struct storm *storm, uint64_t duration_ns);

/* Cuts all connections without a farewell. */
void storm_cut_all(struct storm *storm);

/* Ends the sessions. Returns 0, or LOAD_FAILED, said. */
int storm_end_all(struct storm *storm);

/* ---- Between the two files ---- */

/* A message of the server. context: the link. */
void storm_on_message(void *context, struct wire_span message);

/* Greets the server and takes up what the link had. */
void storm_greet(struct storm_link *link);

/* The link's state changes, and is counted. */
void storm_move(struct storm_link *link, enum storm_state state);

/* Asks to end a session. */
void storm_terminate(struct storm_session *session);

#endif
