/*
 * Soak: thousands of sessions, every second one on a terminal, all alive at once. Each gives back
 * random lines, one after the other, and ends; then nothing of them may be left in the server: no
 * descriptor and no zombie.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STARTS_AT_ONCE = 32,
    LINES_EACH = 8,
    LONGEST_LINE = 400, /* far below what a terminal takes in one line */
    FLOOD_BYTES = 50000,
    LEFTOVER_LIMIT_MS = 10000,
};

struct soak {
    struct load_run *run;
    struct load_client client;
    unsigned *lines; /* by session: how many have been sent */
    unsigned wanted;
    unsigned started;
    unsigned most_alive;
    uint64_t random;
};

static void show(void *context)
{
    const struct soak *soak = context;
    const uint32_t *counts = soak->client.live_counts;

    load_progress("soak: %u of %u started, %u running, %u done", soak->started, soak->wanted,
                  counts[LOAD_SESSION_RUNNING],
                  counts[LOAD_SESSION_EXITED] + counts[LOAD_SESSION_DONE]);
}

static void expect_line(struct load_session *session, const char *line)
{
    load_check_expect(&session->out, line, strlen(line));
    load_check_expect(&session->out, session->on_tty ? "\r\n" : "\n", session->on_tty ? 2 : 1);
}

/* Sends a line that must come back: once through a pipe, twice through a terminal. */
static void send_line(struct load_session *session, char *line)
{
    expect_line(session, line);
    if (session->on_tty)
        expect_line(session, line);
    strcat(line, "\n");
    load_client_write(session, line, strlen(line));
}

static void send_next(struct soak *soak, struct load_session *session)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .";
    char line[LONGEST_LINE + 2] = "end";
    size_t length = 1 + load_random_next(&soak->random) % LONGEST_LINE;
    unsigned *sent = &soak->lines[session->number - 1];

    if (*sent > LINES_EACH)
        return;
    for (size_t i = 0; *sent < LINES_EACH && i < length; i++)
        line[i] = letters[load_random_next(&soak->random) % (sizeof letters - 1)];
    if (*sent < LINES_EACH)
        line[length] = '\0';
    ++*sent;
    send_line(session, line);
}

static void start_next(struct soak *soak);

static void on_news(void *context, struct load_session *session, enum load_session_news news)
{
    struct soak *soak = context;

    if (news == LOAD_NEWS_STARTED || news == LOAD_NEWS_FAILED)
        start_next(soak);
    if (news == LOAD_NEWS_OUTPUT && soak->lines[session->number - 1] > 0 &&
        load_check_is_complete(&session->out))
        send_next(soak, session);
}

static void start_next(struct soak *soak)
{
    const char *const argv[] = {soak->run->self, "child", "echo", NULL};
    struct load_start start = {.argv = argv, .with_stdin = true};
    struct load_session *session;

    if (soak->started == soak->wanted)
        return;
    start.on_tty = soak->run->options->tty == LOAD_TTY_ALL ||
                   (soak->run->options->tty != LOAD_TTY_NONE && soak->started % 2 == 1);
    soak->started++;
    if (load_flood_has_gate(&soak->client, start.on_tty)) {
        session = load_client_start(&soak->client, &start);
        session->expected_exit_code = 0;
    } else {
        session = load_start_flood(soak->run, &soak->client, FLOOD_BYTES, false);
    }
    session->on_news = on_news;
    session->context = soak;
}

static bool all_have_started(void *context)
{
    const struct soak *soak = context;

    return soak->started == soak->wanted && soak->client.live_counts[LOAD_SESSION_STARTING] == 0;
}

/* Waits until the server has given back what the sessions took; counts what it has not. */
static void check_leftovers(struct soak *soak, unsigned descriptors_before)
{
    struct load_client *client = &soak->client;
    uint64_t deadline_ns = load_now_ns() + LEFTOVER_LIMIT_MS * LOAD_NS_PER_MS;
    struct load_usage usage;
    unsigned zombies;

    do {
        load_client_run_for(client, 50 * LOAD_NS_PER_MS);
        load_proc_usage(&soak->run->set, &usage);
        zombies = load_proc_zombies(&soak->run->set);
    } while ((usage.descriptors > descriptors_before || zombies > 0) &&
             load_now_ns() < deadline_ns && !client->has_ended);
    if (usage.descriptors > descriptors_before)
        load_faults_add(&client->faults, LOAD_FAULT_SERVER, usage.descriptors - descriptors_before,
                        "the server has %u descriptors, before it had %u", usage.descriptors,
                        descriptors_before);
    load_faults_add(&client->faults, LOAD_FAULT_SERVER, zombies,
                    "the server has %u zombies as children", zombies);
    load_report_add(&soak->run->report, "descriptors_left", "descriptors left",
                    (double)usage.descriptors - (double)descriptors_before);
    load_report_add(&soak->run->report, "zombies", "zombies", zombies);
}

static void talk(struct soak *soak)
{
    struct load_client *client = &soak->client;

    soak->most_alive = load_client_live(client);
    for (uint32_t i = 0; i < client->session_count; i++)
        if (client->sessions[i]->state == LOAD_SESSION_RUNNING &&
            client->sessions[i]->out.kind == LOAD_CHECK_TEXT)
            send_next(soak, client->sessions[i]);
    load_client_wait_for_all(client);
}

static void measure(struct load_run *run, struct soak *soak)
{
    struct load_usage before;
    uint64_t bytes = 0;

    load_proc_usage(&run->set, &before);
    for (unsigned i = 0; i < STARTS_AT_ONCE; i++)
        start_next(soak);
    if (load_client_wait(&soak->client, all_have_started, soak) != 0)
        return;
    talk(soak);
    for (uint32_t i = 0; i < soak->client.session_count; i++)
        bytes += soak->client.sessions[i]->out.received;
    load_report_add(&run->report, "sessions", "sessions", soak->started);
    load_report_add(&run->report, "alive", "alive at once", soak->most_alive);
    load_report_add(&run->report, "bytes", "bytes checked", (double)bytes);
    if (run->set.count > 0)
        check_leftovers(soak, before.descriptors);
    else
        load_say("the server's processes are not known: descriptors and zombies are not checked "
                 "(--server-pid PID)");
}

int load_scenario_soak(struct load_run *run)
{
    unsigned wanted = run->options->sessions_count > 0 ? run->options->sessions[0] : 2000;
    struct soak soak = {.run = run, .wanted = wanted};
    enum load_tty_choice tty = run->options->tty;
    unsigned ptys = tty == LOAD_TTY_NONE ? 0 : tty == LOAD_TTY_ALL ? wanted : wanted / 2;

    if (load_run_check_room(ptys, wanted) != 0)
        return LOAD_FAILED;
    if (load_run_open_client(run, &soak.client, run->options->connections) != 0) {
        load_client_close(&soak.client);
        return LOAD_FAILED;
    }
    soak.lines = load_alloc(wanted, sizeof *soak.lines);
    soak.random = load_random_seed();
    soak.client.on_tick = show;
    soak.client.tick_context = &soak;
    load_report_begin(&run->report, run->target.name, "soak", "", "");
    measure(run, &soak);
    load_run_close_client(run, &soak.client, "soak");
    free(soak.lines);
    return 0;
}
