/*
 * Links and the loop around them. What is said on a link is in storm_messages.c.
 */
#include "tools/load/storm.h"

#include "tools/load/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 60000, TICK_MS = 50, QUIET_BYTES = 200, FLOODS_EVERY = 10 };

#define ENDLESS_BYTES (UINT64_C(1) << 50)

static void init_session(struct storm_link *link, unsigned index)
{
    struct storm *storm = link->storm;
    struct storm_session *session = &link->sessions[index];
    uint64_t seed = (uint64_t)(link - storm->links) * storm->sessions_each + index + 1;
    char text[QUIET_BYTES];

    session->link = link;
    session->floods = index % FLOODS_EVERY == 0;
    snprintf(session->id, sizeof session->id, "s%u", index);
    if (session->floods) {
        load_check_init_pattern(&session->out, session->id, &storm->faults, storm->run->pattern,
                                seed, ENDLESS_BYTES);
        return;
    }
    memset(text, 'i', sizeof text);
    load_check_init_text(&session->out, session->id, &storm->faults);
    load_check_expect(&session->out, text, sizeof text);
}

void storm_init(struct storm *storm, struct load_run *run, unsigned links, unsigned sessions_each)
{
    memset(storm, 0, sizeof *storm);
    storm->run = run;
    storm->link_count = links;
    storm->sessions_each = sessions_each;
    storm->in_state[STORM_CLOSED] = links;
    storm->links = load_alloc(links, sizeof *storm->links);
    load_message_reader_init(&storm->reader);
    for (unsigned i = 0; i < links; i++) {
        storm->links[i].storm = storm;
        storm->links[i].sessions = load_alloc(sessions_each, sizeof *storm->links[i].sessions);
        for (unsigned j = 0; j < sessions_each; j++)
            init_session(&storm->links[i], j);
    }
}

void storm_deinit(struct storm *storm)
{
    storm_cut_all(storm);
    for (unsigned i = 0; i < storm->link_count; i++) {
        for (unsigned j = 0; j < storm->sessions_each; j++) {
            load_check_deinit(&storm->links[i].sessions[j].out);
            load_buffer_deinit(&storm->links[i].sessions[j].held);
        }
        free(storm->links[i].sessions);
    }
    free(storm->links);
    load_message_reader_deinit(&storm->reader);
    load_buffer_deinit(&storm->request);
    load_buffer_deinit(&storm->decoded);
    load_stats_deinit(&storm->resumed);
    load_stats_deinit(&storm->caught_up);
}

void storm_move(struct storm_link *link, enum storm_state state)
{
    link->storm->in_state[link->state]--;
    link->storm->in_state[state]++;
    link->state = state;
}

static void close_link(struct storm_link *link)
{
    if (link->state == STORM_CLOSED)
        return;
    load_conn_close(&link->conn);
    link->waiting = 0;
    link->is_broken = false;
    for (unsigned i = 0; i < link->storm->sessions_each; i++) {
        link->sessions[i].is_waiting = false;
        link->sessions[i].first_told = 0;
        load_buffer_clear(&link->sessions[i].held);
    }
    storm_move(link, STORM_CLOSED);
}

void storm_cut_all(struct storm *storm)
{
    storm->cut_ns = load_now_ns();
    for (unsigned i = 0; i < storm->link_count; i++)
        close_link(&storm->links[i]);
}

static void on_end(void *context, const char *why)
{
    struct storm_link *link = context;

    link->is_broken = true;
    if (link->state != STORM_GREETING)
        load_faults_add(&link->storm->faults, LOAD_FAULT_SERVER, 1, "a connection broke: %s", why);
}

static int open_link(struct storm_link *link)
{
    const struct load_conn_owner owner = {
        .on_message = storm_on_message, .on_end = on_end, .context = link};
    struct load_run *run = link->storm->run;

    if (load_conn_open_url(&link->conn, &run->loop, run->target.url, run->options->token, &owner) !=
        0)
        return LOAD_FAILED;
    link->conn.wants_quick_ack = run->options->wants_quick_ack;
    storm_move(link, STORM_GREETING);
    storm_greet(link);
    return 0;
}

/* Whether one more may begin now. New clients wait for the starts of those before, too: thousands
 * of programs that start at once would leave the server no processor. */
static bool may_open(const struct storm *storm)
{
    unsigned begun = storm->in_state[STORM_GREETING];

    if (storm->links[storm->link_count - 1].session_id[0] == '\0')
        begun += storm->in_state[STORM_READING];
    return begun < STORM_GREETINGS;
}

/* Opens what is closed, as far as the server lets so many greet at once. */
static int open_some(struct storm *storm)
{
    for (unsigned i = 0; i < storm->link_count; i++) {
        struct storm_link *link = &storm->links[i];

        if (link->is_broken) {
            storm->retries++;
            close_link(link);
        }
        if (link->state == STORM_CLOSED && may_open(storm) && open_link(link) != 0)
            return LOAD_FAILED;
    }
    return 0;
}

static void sample(struct storm *storm)
{
    uint64_t now_bytes = load_proc_private_bytes(&storm->run->set);

    if (now_bytes > storm->peak_bytes)
        storm->peak_bytes = now_bytes;
}

/* Runs the loop until the deadline, or until is_done. */
static bool run_until(struct storm *storm, uint64_t deadline_ns, bool (*is_done)(struct storm *))
{
    uint64_t next_sample_ns = 0;

    while (!is_done(storm)) {
        uint64_t now_ns = load_now_ns();

        if (now_ns >= deadline_ns)
            return false;
        if (now_ns >= next_sample_ns) {
            next_sample_ns = now_ns + TICK_MS * LOAD_NS_PER_MS;
            sample(storm);
        }
        load_loop_run_once(&storm->run->loop, TICK_MS);
    }
    return true;
}

static bool are_ready_or_can_go_on(struct storm *storm)
{
    unsigned closed = storm->in_state[STORM_CLOSED];
    bool can_open = closed > 0 && may_open(storm);

    for (unsigned i = 0; i < storm->link_count && !can_open; i++)
        can_open = storm->links[i].is_broken;
    return can_open || storm->in_state[STORM_READY] == storm->link_count;
}

int storm_open_all(struct storm *storm)
{
    uint64_t deadline_ns = load_now_ns() + PATIENCE_MS * LOAD_NS_PER_MS;

    while (storm->in_state[STORM_READY] < storm->link_count) {
        if (open_some(storm) != 0)
            return LOAD_FAILED;
        if (!run_until(storm, deadline_ns, are_ready_or_can_go_on))
            return load_say("%u of %u clients are not back after %d s",
                            storm->link_count - storm->in_state[STORM_READY], storm->link_count,
                            PATIENCE_MS / 1000);
    }
    return 0;
}

static bool never(struct storm *storm)
{
    (void)storm;
    return false;
}

void storm_run_for(struct storm *storm, uint64_t duration_ns)
{
    run_until(storm, load_now_ns() + duration_ns, never);
}

static bool are_all_answered(struct storm *storm)
{
    return storm->replies == storm->link_count * storm->sessions_each;
}

int storm_end_all(struct storm *storm)
{
    uint64_t deadline_ns = load_now_ns() + PATIENCE_MS * LOAD_NS_PER_MS;

    storm->is_ending = true;
    for (unsigned i = 0; i < storm->link_count; i++)
        for (unsigned j = 0; j < storm->sessions_each; j++)
            storm_terminate(&storm->links[i].sessions[j]);
    if (!run_until(storm, deadline_ns, are_all_answered))
        return load_say("%u of %u sessions could not be ended",
                        storm->link_count * storm->sessions_each - storm->replies,
                        storm->link_count * storm->sessions_each);
    return 0;
}
