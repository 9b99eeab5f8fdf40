/*
 * What the contract suite of the engine stands on. The tests know nothing of the system but this:
 * threads and waiting, the other ends of streams, children, and what the system can count. One
 * support_*_unix.c or support_*_win.c family implements the first half; support_world.c and
 * support_tap.c are the same everywhere.
 *
 * Callbacks run on workers and only record: SUP_CHECK notes a failure, a tally counts what came.
 * The test's own thread waits with a deadline and asserts.
 */
#ifndef TESTS_IOCP_SUPPORT_H
#define TESTS_IOCP_SUPPORT_H

#include "iocp/iocp.h"

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

/* Where everything costs a factor of five and more: sanitizers, and Wine, where a pipe or a child
 * is dozens of requests to one server (CMake tells; not where full counts were asked for). */
#if SUP_SANITIZED || defined(EXECPORT_SLOW_TESTS)
#define SUP_SLOW 1
#else
#define SUP_SLOW 0
#endif

/* A second build for the same system, whose first has run the full counts of a slow one. */
#ifdef EXECPORT_REPEATED_TESTS
#define SUP_REPEATED 1
#else
#define SUP_REPEATED 0
#endif

enum { SUP_DEADLINE_MS = SUP_SLOW ? 60000 : 20000 }; /* of every wait, if nothing else is said */

/* Chooses a count. */
#define SUP_COUNT(normal, slow) (SUP_SLOW ? (slow) : (normal))

/* Chooses a count of repetitions that only make a rare event likelier. */
#define SUP_STRESS(normal, slow) (SUP_REPEATED ? (slow) / 5 : SUP_COUNT(normal, slow))

/* ---- The program --------------------------------------------------------------------------- */

/* First call of main: raises the limit of handles, keeps a write to a broken pipe from killing. */
void sup_begin(void);

/* Lets a write to a broken pipe kill this thread's process again (where the system does that);
 * threads that are started after it inherit that. */
void sup_let_broken_pipes_kill(void);

/* Whether a loop that began then has gone on for long enough, whatever its count: of those that
 * only make a rare event likelier, on a machine that is too busy for it. Never if the full counts
 * are asked for. */
bool sup_enough_since(uint64_t began_ms);

/* The seed of this program's run, from EXECPORT_SEED or new; prints it. */
uint64_t sup_seed(void);

/* How many randomised operations to make: EXECPORT_OPS, else 1,000,000 or 100,000. */
uint64_t sup_operations(void);

struct sup_random {
    uint64_t state;
};
/* A generator of its own for each stream number. */
void sup_random_init(struct sup_random *random, uint64_t seed, uint64_t stream);
uint32_t sup_random_below(struct sup_random *random, uint32_t bound);

/* Records a failed check of a callback; any thread. */
#define SUP_CHECK(condition)                                                                       \
    ((condition) ? (void)0 : sup_note_failure(#condition, __FILE__, __LINE__))
void sup_note_failure(const char *what, const char *file, int line);
/* Fails the test if a check has failed; on the test's thread. */
void sup_assert_no_failures(void);

/* Zeroed memory; a failed test leaves it to the workers that may still use it. */
void *sup_new(size_t size_bytes);

/* Bytes that tell their place: each depends on its offset in the stream and on the stream. */
void sup_fill(void *data, size_t size_bytes, uint64_t offset, uint32_t stream);
bool sup_matches(const void *data, size_t size_bytes, uint64_t offset, uint32_t stream);

/* ---- Threads and waiting ------------------------------------------------------------------- */

struct sup_thread;
struct sup_thread *sup_thread_start(void (*run)(void *argument), void *argument);
void sup_thread_join(struct sup_thread *thread);
uint64_t sup_thread_id(void);

/* Counts events; zeroed memory is a tally. It orders memory, so a test that looks for missing
 * order touches it only when all is over. */
struct sup_tally {
    uint64_t count;
};
void sup_tally_add(struct sup_tally *tally, uint64_t n);
uint64_t sup_tally_count(struct sup_tally *tally);
/* Waits until the tally has reached at_least; false after timeout_ms. */
bool sup_tally_wait(struct sup_tally *tally, uint64_t at_least, unsigned timeout_ms);
/* The same with the usual deadline, asserted; on the test's thread. */
#define sup_tally_await(tally, at_least)                                                           \
    assert_true(sup_tally_wait(tally, at_least, SUP_DEADLINE_MS))

/* Monotonic. */
uint64_t sup_now_ms(void);
/* Uses the processor for about n hundred nanoseconds: shifts races. */
void sup_spin(uint32_t n);
/* Lets other threads have the processor: in loops that look for something again and again. */
void sup_yield(void);
/* Lets time pass while nothing is expected to happen; never used to wait for something. */
void sup_observe_ms(unsigned duration_ms);

/* ---- What the system can count; -1: it cannot ---------------------------------------------- */

int sup_handles(void);
/* How many of the wanted handles the process has room for. */
unsigned sup_handles_room(unsigned wanted);
int sup_threads(void);
/* Waits until the process has no more than this number of threads: an ended one goes late. */
bool sup_threads_settle(int count);
/* Makes every new handle fail, until restored; false if the system knows no such limit. */
bool sup_handles_exhaust(void);
void sup_handles_restore(void);
/* An OS error code and what the engine must call it; false when index is past the last. */
bool sup_os_error(unsigned index, int *out_os_error, int *out_expected);
/* Whether a reset is told to a read, whoever looked at the socket before; says so if not. */
bool sup_resets_last(void);
/* Whether the system tells what processor time another process used. */
bool sup_tells_usage(void);

/* ---- The other ends of streams: plain, blocking -------------------------------------------- */

struct sup_end {
    iocp_handle handle;
    bool is_socket;
};
/* 1 to size_bytes bytes, 0 at the end, -1 if it was cut. */
long sup_end_read(struct sup_end *end, void *data, size_t size_bytes);
/* Writes all; returns less if the other side has gone. */
size_t sup_end_write(struct sup_end *end, const void *data, size_t size_bytes);
void sup_end_close(struct sup_end *end);
/* Sockets: closes so that the other side sees a reset. */
void sup_end_reset(struct sup_end *end);
/* Sockets: no more bytes will come from this end. */
void sup_end_shutdown(struct sup_end *end);
/* Reads size_bytes or up to the end; returns how many came. */
size_t sup_end_read_all(struct sup_end *end, void *data, size_t size_bytes);

enum sup_pair_kind { SUP_PIPE_IN, SUP_PIPE_OUT, SUP_TCP, SUP_LOCAL, SUP_TERMINAL, SUP_PAIR_KINDS };

struct sup_pair {
    iocp_handle ours;
    enum iocp_stream_kind kind;
    struct sup_end theirs;
};
/* A connected pair; a terminal's other side is raw: bytes pass unchanged. False: the system has no
 * such thing. */
bool sup_pair_open(const struct iocp_port *port, enum sup_pair_kind kind, struct sup_pair *out);
/* Both ends of a connection (SUP_TCP or SUP_LOCAL), to be opened as streams. */
bool sup_pair_sockets(enum sup_pair_kind kind, iocp_handle out_handles[2]);
/* Opens the program's side of a terminal once more. */
bool sup_terminal_attach(iocp_handle ours, struct sup_end *out_end);
/* Connects to a literal address. */
bool sup_tcp_connect(const char *address, uint16_t tcp_port, struct sup_end *out_end);

/* ---- Children ------------------------------------------------------------------------------ */

/* What children wait for; all of them go on when it is released. */
struct sup_gate {
    iocp_handle wait, release;
};
bool sup_gate_open(struct sup_gate *gate);
void sup_gate_release(struct sup_gate *gate);

struct sup_child {
    iocp_handle handle; /* for iocp_exit_start */
    int64_t id;
};
/* Starts tests/children/PROGRAM.c with two arguments; its input is the gate, or nothing. False: the
 * system has no room for more processes. Any thread. */
bool sup_child_start(const char *program, const char *const arguments[2],
                     const struct sup_gate *gate, struct sup_child *out_child);
/* Waits for the end of the child and does not reap it; false: it is no child of ours any more. */
bool sup_child_await(const struct sup_child *child);
/* Whether its id is taken still. */
bool sup_child_exists(const struct sup_child *child);
void sup_child_kill(const struct sup_child *child);
void sup_child_reap(const struct sup_child *child);
/* The number of a signal that kills, 0 where processes know none. */
int sup_kill_signal(void);

/* ---- A port, strands to call into, streams that record ------------------------------------- */

struct sup_world {
    struct iocp_port *port;
    int handles, threads; /* before the port was opened */
};
struct sup_world *sup_world_open(const struct iocp_port_options *options);
/* Closes the port and asserts that no check failed and that nothing of it is left. */
void sup_world_close(struct sup_world *world);
void sup_stats(const struct sup_world *world, struct iocp_stats *out_stats);
/* Waits until the kernel counters stand still for a moment. A thread that gets no processor may
 * move them once more later. */
void sup_world_settle(const struct sup_world *world);
/* Lets time pass in which nothing may happen on the port, and asserts that; what was on its way
 * when that time began makes it begin anew, but whoever goes on and on never leaves so much. */
void sup_world_assert_silence(const struct sup_world *world);

/* A strand that the test's thread can call into. */
struct sup_box {
    struct iocp_strand strand;
    struct iocp_op op;
    void (*call)(void *argument);
    void *argument;
    struct sup_tally done;
    uint64_t calls;
};
struct sup_box *sup_box_new(const struct sup_world *world);
/* Runs call(argument) in a callback of the strand and waits for its return. */
void sup_box_call(struct sup_box *box, void (*call)(void *argument), void *argument);
/* Ends the strand and frees the box. */
void sup_box_end(struct sup_box *box);

/* A stream that checks the rules at each completion and records it. */
struct sup_tap {
    struct iocp_stream stream;
    struct sup_box *box;
    struct sup_tally reads, writes, closes; /* completions */
    uint64_t reads_seen, writes_seen;       /* of them: by the test's thread */
    bool starting, reading, writing, closing;
    int read_result, write_result;
    size_t written;
    uint8_t data[IOCP_READ_MAX]; /* of the last read */
    size_t size;
    uint32_t max_bytes;
    /* Flowing: the next read starts in the callback, until one fails; then `flowed` is told. */
    bool flows;
    uint32_t pattern;
    uint64_t flowed_bytes;
    uint64_t flowed_chunks;
    struct sup_tally flowed;
};
/* Opens the stream on the box's strand; the handle is the tap's then. */
struct sup_tap *sup_tap_open(struct sup_box *box, iocp_handle handle, enum iocp_stream_kind kind);
struct sup_tap *sup_tap_open_pair(struct sup_box *box, const struct sup_pair *pair);
/* In a callback of the strand: */
void sup_tap_read_now(struct sup_tap *tap, uint32_t max_bytes);
void sup_tap_write_now(struct sup_tap *tap, const struct iocp_vec *vecs, unsigned count);
void sup_tap_close_now(struct sup_tap *tap);
/* On the test's thread: */
void sup_tap_read(struct sup_tap *tap, uint32_t max_bytes);
void sup_tap_read_cancel(struct sup_tap *tap);
/* Waits for the next read that completes, and returns its result. */
int sup_tap_read_result(struct sup_tap *tap);
/* Starts a read and waits for its result. */
int sup_tap_get(struct sup_tap *tap, uint32_t max_bytes);
/* Waits until the pending read has looked and found nothing. */
void sup_tap_await_waiting(struct sup_tap *tap);
/* Reads on and on; checks the bytes against sup_fill's of this pattern. */
void sup_tap_flow(struct sup_tap *tap, uint32_t max_bytes, uint32_t pattern);
void sup_tap_write(struct sup_tap *tap, const struct iocp_vec *vecs, unsigned count);
void sup_tap_write_cancel(struct sup_tap *tap);
int sup_tap_write_result(struct sup_tap *tap);
/* Closes, waits for the end, frees. */
void sup_tap_close(struct sup_tap *tap);

#endif
