/*
 * One session of the server under test, as a client sees it: its state, the numbers of its events,
 * and the check of every byte of its streams. It belongs to a client (client.h), which gives it
 * events and frees it.
 *
 *     STARTING --reply--> RUNNING --exited--> EXITED --closed, or all output--> DONE
 *         \--refused--> FAILED                   \--- output may still come ---/
 */
#ifndef EXECPORT_TOOLS_LOAD_SESSION_H
#define EXECPORT_TOOLS_LOAD_SESSION_H

#include "tools/load/check.h"
#include "tools/load/dialect.h"
#include "tools/load/seq.h"

#include <stdbool.h>
#include <stdint.h>

enum load_session_state {
    LOAD_SESSION_STARTING,
    LOAD_SESSION_RUNNING,
    LOAD_SESSION_EXITED,
    LOAD_SESSION_DONE,
    LOAD_SESSION_FAILED,
    LOAD_SESSION_STATES,
};

/* What a session's owner is told. The state has changed already, the output is checked. */
enum load_session_news {
    LOAD_NEWS_STARTED,
    LOAD_NEWS_OUTPUT,
    LOAD_NEWS_EXITED,
    LOAD_NEWS_DONE,
    LOAD_NEWS_FAILED,
};

struct load_session;
typedef void load_session_fn(void *context, struct load_session *session,
                             enum load_session_news news);

enum {
    LOAD_SESSION_ID_SIZE = 64,
    LOAD_EXIT_ANY = INT32_MIN, /* as expected exit code: whatever comes */
};

struct load_client;
struct load_link;

struct load_session {
    struct load_client *client;
    struct load_link *link; /* the connection that it lives on */
    const struct load_dialect *dialect;
    uint32_t number;               /* from 1 within its client */
    char id[LOAD_SESSION_ID_SIZE]; /* as the wire has it; empty until it is known */
    bool on_tty;
    enum load_session_state state;
    struct load_seq seq;
    bool has_closed; /* the last event came; those that it overtook may be missing */
    uint64_t write_count;
    int32_t exit_code;          /* since EXITED */
    int32_t expected_exit_code; /* or LOAD_EXIT_ANY */
    struct load_check out;      /* stdout, or the terminal */
    struct load_check err;
    uint64_t start_ns;   /* when the request went out */
    uint64_t started_ns; /* when its reply came */
    load_session_fn *on_news;
    void *context;
};

/* What load_session_take() has to say to the client. */
enum load_session_result {
    LOAD_SESSION_OK,
    LOAD_SESSION_UNSURE, /* content is wrong or escaped: read the message strictly, take it again */
};

/*
 * Takes one event of the session: checks its number, its stream, its bytes, moves the state and
 * tells the owner. An event that was only scanned and does not fit is not taken: UNSURE. faults is
 * the client's; scratch is memory for decoding.
 */
enum load_session_result load_session_take(struct load_session *session,
                                           const struct load_event *event,
                                           struct load_faults *faults, struct load_buffer *scratch);

/* The reply to the start came: RUNNING, or FAILED and counted as a fault. */
void load_session_take_reply(struct load_session *session, const struct load_event *event,
                             struct load_faults *faults);

/* Time is up: counts an unfinished session and what it still owes as faults. DONE after that. */
void load_session_give_up(struct load_session *session, struct load_faults *faults);

/* The name of a state for messages. */
const char *load_session_state_name(enum load_session_state state);

#endif
