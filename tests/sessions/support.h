/*
 * What the tests of sessions/ stand on: a port with a host, a tap that records what a session's
 * owner hears, requests that the test's thread waits for, and what the system can tell about leaks.
 *
 * Callbacks run on workers and only record. The test's own thread waits, with a deadline, and
 * asserts.
 */
#ifndef TESTS_SESSIONS_SUPPORT_H
#define TESTS_SESSIONS_SUPPORT_H

#include "sessions/request.h"
#include "sessions/session.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SUP_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SUP_SANITIZED 1
#endif
#endif
#ifndef SUP_SANITIZED
#define SUP_SANITIZED 0
#endif

enum { SUP_DEADLINE_MS = SUP_SANITIZED ? 60000 : 20000 }; /* of every wait */

/* Chooses a count: sanitizers cost a factor of five and more. */
#define SUP_COUNT(normal, sanitized) (SUP_SANITIZED ? (sanitized) : (normal))

/* The path of a test child. */
#define CHILD(name) CHILD_DIR "/child-" name

/* ---- World ------------------------------------------------------------------------------------
 */

struct sup_world {
    struct iocp_port *port;
    struct sess_host *host;
    uint64_t descriptors_before;
};

/* Opens a port with four workers and a host; asserts. options may be NULL. */
void sup_open(struct sup_world *world, const struct sess_host_options *options);

/* The same with port options. */
void sup_open_with(struct sup_world *world, const struct iocp_port_options *port_options,
                   const struct sess_host_options *options);

/* Waits until every session is freed, closes both; asserts that no descriptor, no child and no
 * counted resource is left. */
void sup_close(struct sup_world *world);

/* The host's part of it alone; without the check for leaks. */
void sup_close_host(struct sup_world *world);

struct sess_host_stats sup_stats(const struct sup_world *world);

/* Waits until a condition holds for the host's counters; fails at the deadline. */
typedef bool sup_stats_condition(const struct sess_host_stats *stats, uint64_t argument);
void sup_wait_stats(const struct sup_world *world, sup_stats_condition *condition,
                    uint64_t argument);

/* Keeps the helpers that start programs busy until the release: nothing is started meanwhile. */
enum { SUP_START_HELPERS = 2 };
struct sup_jam {
    struct iocp_strand strand;
    struct iocp_op end;
    struct sup_jam_call {
        struct iocp_help help;
        struct sup_jam *jam;
    } calls[SUP_START_HELPERS];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int entered, done;
    bool released, ended;
};
void sup_jam(struct sup_jam *jam, struct sup_world *world);
void sup_jam_release(struct sup_jam *jam);

/* ---- Tap: one session and what was heard of it -------------------------------------------------
 */

struct sup_bytes {
    uint8_t *data;
    size_t size, capacity;
};

struct sup_tap {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct sess_session *session; /* the test's reference; NULL after sup_free */
    bool hold;                    /* nothing is given back by itself */

    bool started, exited, closed, gone;
    int result, os_error;
    char text[512];
    struct sess_shortage shortage;
    int64_t os_pid;
    uint64_t last_seq, chunks, exited_seq, closed_seq;
    uint32_t largest_chunk;
    enum sess_close_reason reason;
    struct sess_record exit_record, close_record;
    struct sup_bytes out[SESS_STREAMS];
    size_t held_bytes; /* delivered while hold, not given back */
    char mistake[200]; /* what a callback found wrong; "" */
};

/* A spec of "argv" with an empty environment and stdin at its end. */
struct sess_spec sup_spec(const char *const *argv, enum sess_stdio stdio);

/* Starts a session with a new tap; asserts that the call succeeds. */
struct sup_tap *sup_start(struct sup_world *world, const struct sess_spec *spec);

/* The same with hold set from the beginning. */
struct sup_tap *sup_start_held(struct sup_world *world, const struct sess_spec *spec);

/* The same, but NULL if the call refuses. */
struct sup_tap *sup_try_start(struct sup_world *world, const struct sess_spec *spec);

/* Gives the test's reference up, waits until it is gone, frees the tap; asserts that no callback
 * found a mistake. */
void sup_free(struct sup_tap *tap);

/* Waits; each fails at the deadline. */
void sup_wait_started(struct sup_tap *tap);
void sup_wait_exited(struct sup_tap *tap);
void sup_wait_closed(struct sup_tap *tap);
void sup_wait_gone(struct sup_tap *tap);
void sup_wait_bytes(struct sup_tap *tap, enum sess_stream stream, size_t bytes);
/* The same, or until the program has exited. Whether the bytes were heard. */
bool sup_hears(struct sup_tap *tap, enum sess_stream stream, size_t bytes);
void sup_wait_text(struct sup_tap *tap, enum sess_stream stream, const char *text);

/* Whether the text was heard up to now. */
bool sup_heard(struct sup_tap *tap, enum sess_stream stream, const char *text);

/* What was heard, as a string that is valid until more is heard. Call after closed. */
const char *sup_text(struct sup_tap *tap, enum sess_stream stream);

/* Bytes of a stream that were heard. */
size_t sup_size(struct sup_tap *tap, enum sess_stream stream);

/* Gives held bytes back. */
void sup_give_back(struct sup_tap *tap, size_t bytes);

/* Starts, waits until it is gone; the caller frees the tap. */
struct sup_tap *sup_run(struct sup_world *world, const struct sess_spec *spec);

/* ---- Requests that are waited for --------------------------------------------------------------
 */

struct sup_ask {
    struct sess_request request;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool answered;
    struct sess_view view;       /* of the moment of the answer; retained is not valid */
    struct sup_bytes head, tail; /* of VIEW: what is retained */
    uint64_t omitted_bytes, omitted_chunks, held_bytes;
};

/* Posts; fill ask->request.ask between begin and post. */
void sup_ask_begin(struct sup_ask *ask, enum sess_request_kind kind);
void sup_ask_post(struct sup_ask *ask, struct sup_tap *tap);

/* Waits for the answer and returns its result. The ask may be begun again. */
int sup_ask_wait(struct sup_ask *ask);
bool sup_ask_is_answered(struct sup_ask *ask);
void sup_ask_end(struct sup_ask *ask);

/* begin, post, wait, end in one. */
int sup_write(struct sup_world *world, struct sup_tap *tap, const void *data, size_t size);
int sup_close_stdin(struct sup_tap *tap);
int sup_interrupt(struct sup_tap *tap);
int sup_resize(struct sup_tap *tap, uint16_t rows, uint16_t columns);
bool sup_stop(struct sup_tap *tap, enum sess_stop_mode mode, unsigned timeout_ms);
void sup_detach(struct sup_tap *tap, enum sess_stop_mode mode);
struct sess_view sup_view(struct sup_tap *tap);

/* Fills the write of an ask; asserts that there is memory. */
void sup_fill_write(struct sup_world *world, struct sup_ask *ask, const void *data, size_t size,
                    bool may_wait);

/* ---- The system --------------------------------------------------------------------------------
 */

uint64_t sup_now_ms(void);
uint64_t sup_open_descriptors(void);

/* Whether a process of that id exists and is no zombie. */
bool sup_is_alive(int64_t pid);

/* Waits until no such process is alive; fails at the deadline. */
void sup_wait_dead(int64_t pid);

/* The number behind the word in what was heard, e.g. "child 123". Waits for the line's end. */
int64_t sup_wait_number(struct sup_tap *tap, enum sess_stream stream, const char *word);

/* The seed of this program's run, from EXECPORT_SEED or new; prints it. */
uint64_t sup_seed(void);
uint64_t sup_random(uint64_t *state);
uint64_t sup_below(uint64_t *state, uint64_t limit);

#endif
