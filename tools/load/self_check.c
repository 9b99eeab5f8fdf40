/*
 * Is the checker any good? Between the client and the bare server stands a proxy that does one kind
 * of damage. Each kind, with bytes of the pattern and with a known text, in both dialects, must be
 * reported, and as a fault that fits it; without damage nothing may be reported.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"
#include "tools/load/proxy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLOOD_BYTES = 1000000,
    LAST_NUMBER = 100000, /* of the known text: seq 1 LAST_NUMBER */
    SILENCE_MS = 2000,    /* of all connections: then it is looked whether anybody works still */
    TURN_MS = 20,
    LAST_TURNS = 10, /* for what is on its way when nobody does: more will never come */
};

#define BIT(kind) (1u << (kind))

enum {
    CONTENT = BIT(LOAD_FAULT_LOST) | BIT(LOAD_FAULT_DUPLICATED) | BIT(LOAD_FAULT_REORDERED) |
              BIT(LOAD_FAULT_CHANGED) | BIT(LOAD_FAULT_SURPLUS),
    NUMBERS = BIT(LOAD_FAULT_SEQ_HOLE) | BIT(LOAD_FAULT_SEQ_REPEAT) | BIT(LOAD_FAULT_OUT_OF_TURN),
    ANYTHING = BIT(LOAD_FAULT_KINDS) - 1,
};

/* One of these faults must be reported for each damage: to the pattern, and to a text. A swap of
 * messages must show in the content even where no number tells of it. */
static const struct {
    unsigned pattern;
    unsigned text;
} wanted[LOAD_SPOIL_KINDS] = {
    [LOAD_SPOIL_DROP_BYTE] = {BIT(LOAD_FAULT_LOST), CONTENT},
    [LOAD_SPOIL_DOUBLE_BYTE] = {BIT(LOAD_FAULT_DUPLICATED), CONTENT},
    [LOAD_SPOIL_SWAP_BYTES] = {BIT(LOAD_FAULT_CHANGED), BIT(LOAD_FAULT_CHANGED)},
    [LOAD_SPOIL_FLIP_BYTE] = {BIT(LOAD_FAULT_CHANGED), BIT(LOAD_FAULT_CHANGED)},
    [LOAD_SPOIL_DROP_RAW] = {ANYTHING, ANYTHING},
    [LOAD_SPOIL_DOUBLE_RAW] = {ANYTHING, ANYTHING},
    [LOAD_SPOIL_SWAP_RAW] = {ANYTHING, ANYTHING},
    [LOAD_SPOIL_FLIP_RAW] = {ANYTHING, ANYTHING},
    [LOAD_SPOIL_DROP_FRAME] = {BIT(LOAD_FAULT_LOST), CONTENT},
    [LOAD_SPOIL_DOUBLE_FRAME] = {BIT(LOAD_FAULT_DUPLICATED), CONTENT},
    [LOAD_SPOIL_SWAP_FRAMES] = {BIT(LOAD_FAULT_REORDERED), BIT(LOAD_FAULT_CHANGED)},
    [LOAD_SPOIL_SEQ] = {NUMBERS, NUMBERS},
    [LOAD_SPOIL_STREAM] = {CONTENT | BIT(LOAD_FAULT_STREAM), CONTENT | BIT(LOAD_FAULT_STREAM)},
    [LOAD_SPOIL_SESSION] = {BIT(LOAD_FAULT_EVENT), BIT(LOAD_FAULT_EVENT)},
    [LOAD_SPOIL_DROP_EXIT] = {NUMBERS | BIT(LOAD_FAULT_STUCK), NUMBERS | BIT(LOAD_FAULT_STUCK)},
    [LOAD_SPOIL_DOUBLE_EXIT] = {BIT(LOAD_FAULT_EVENT), BIT(LOAD_FAULT_EVENT)},
    [LOAD_SPOIL_EXIT_CODE] = {BIT(LOAD_FAULT_EXIT_CODE), BIT(LOAD_FAULT_EXIT_CODE)},
    [LOAD_SPOIL_DROP_CLOSED] = {BIT(LOAD_FAULT_STUCK), BIT(LOAD_FAULT_STUCK)},
    [LOAD_SPOIL_DOUBLE_CLOSED] = {BIT(LOAD_FAULT_EVENT), BIT(LOAD_FAULT_EVENT)},
    [LOAD_SPOIL_DROP_REPLY] = {BIT(LOAD_FAULT_EVENT) | BIT(LOAD_FAULT_STUCK),
                               BIT(LOAD_FAULT_EVENT) | BIT(LOAD_FAULT_STUCK)},
    [LOAD_SPOIL_DOUBLE_REPLY] = {BIT(LOAD_FAULT_EVENT), BIT(LOAD_FAULT_EVENT)},
};

/* One damage on its way: a client, the proxy before it, and what the proxy does. */
struct check_case {
    enum load_spoil_kind kind;
    const struct load_dialect *dialect;
    bool with_text;
    bool is_open;  /* the client is connected */
    bool has_gone; /* the gates are open */
    uint64_t seed;
    struct load_spoil spoil;
    struct load_proxy proxy;
    struct load_client client;
};

/* All damages to one kind of bytes in one dialect: they are done at the same time. */
struct check_group {
    struct load_run *run;
    unsigned count;
    struct check_case cases[LOAD_SPOIL_KINDS];
};

struct check_tally {
    unsigned cases;
    unsigned missed;
};

static void start_text(struct load_client *client, bool on_tty)
{
    static const char *const argv[] = {"/usr/bin/seq", "1", "100000", NULL};
    const struct load_start start = {.argv = argv, .on_tty = on_tty, .with_stdin = true};
    struct load_session *session = load_client_start(client, &start);
    struct load_buffer text = {0};

    for (unsigned n = 1; n <= LAST_NUMBER; n++)
        load_buffer_format(&text, on_tty ? "%u\r\n" : "%u\n", n);
    load_check_expect(&session->out, load_buffer_bytes(&text), load_buffer_size(&text));
    load_buffer_deinit(&text);
    session->expected_exit_code = 0;
}

/* Connects through a proxy and starts three sessions, one of them on a terminal. */
static int open_case(struct load_run *run, struct check_case *the_case, unsigned server_port)
{
    struct load_client_options options = {.dialect = the_case->dialect};

    the_case->seed = load_random_seed();
    load_spoil_init(&the_case->spoil, the_case->kind, the_case->dialect, the_case->seed);
    if (load_proxy_open(&the_case->proxy, server_port, &the_case->spoil) != 0) {
        load_spoil_deinit(&the_case->spoil);
        return LOAD_FAILED;
    }
    options.url = the_case->proxy.url;
    the_case->is_open = load_client_open(&the_case->client, &run->loop, &options) == 0;
    for (int i = 0; the_case->is_open && i < 3; i++) {
        if (the_case->with_text)
            start_text(&the_case->client, i == 1);
        else
            load_start_flood(run, &the_case->client, FLOOD_BYTES, i == 1);
    }
    return 0;
}

/* Opens the gates once all stand there. Returns whether the case needs no more time. */
static bool step(struct check_case *the_case)
{
    if (!the_case->is_open || the_case->client.has_ended)
        return true;
    if (!the_case->has_gone && load_are_at_gates(&the_case->client)) {
        the_case->has_gone = true;
        if (!the_case->with_text)
            load_open_gates(&the_case->client);
    }
    return the_case->has_gone && load_client_is_over(&the_case->client);
}

/* Steps through all cases until they are over or nobody has said anything for a while. A server, or
 * a program of its, that waits for a processor says nothing either: it is waited for. */
static void run_group(struct check_group *group)
{
    uint64_t messages_before = 0;
    uint64_t silent_since_ns = load_now_ns();
    unsigned last_turns = 0;
    bool is_over = false;

    while (!is_over && last_turns < LAST_TURNS) {
        uint64_t messages = 0;

        load_loop_run_once(&group->run->loop, TURN_MS);
        is_over = true;
        for (unsigned i = 0; i < group->count; i++) {
            is_over = step(&group->cases[i]) && is_over;
            messages += group->cases[i].client.messages;
        }
        if (messages != messages_before) {
            silent_since_ns = load_now_ns();
            last_turns = 0;
        } else if (last_turns > 0) {
            last_turns++;
        } else if (load_now_ns() - silent_since_ns >= SILENCE_MS * LOAD_NS_PER_MS) {
            last_turns = load_proc_is_at_rest(group->run->server.pid);
        }
        messages_before = messages;
    }
}

static unsigned kinds_of(const struct load_faults *faults)
{
    unsigned kinds = 0;

    for (int kind = 0; kind < LOAD_FAULT_KINDS; kind++)
        if (faults->counts[kind] > 0)
            kinds |= BIT(kind);
    return kinds;
}

static void print_kinds(unsigned kinds)
{
    for (int kind = 0; kind < LOAD_FAULT_KINDS; kind++)
        if (kinds & BIT(kind))
            printf(" %s", load_fault_name((enum load_fault)kind));
    printf("%s\n", kinds == 0 ? " nothing" : "");
}

static bool judge(const struct check_case *the_case, unsigned kinds)
{
    unsigned fitting =
        the_case->with_text ? wanted[the_case->kind].text : wanted[the_case->kind].pattern;

    if (the_case->kind == LOAD_SPOIL_NOTHING)
        return the_case->is_open && kinds == 0;
    return the_case->is_open && the_case->spoil.is_done && (kinds & fitting) != 0;
}

static void show(struct load_run *run, const struct check_case *the_case, bool is_good,
                 unsigned kinds)
{
    char title[48];

    snprintf(title, sizeof title, "%s", load_spoil_name(the_case->kind));
    if (run->options->style == LOAD_REPORT_JSON) {
        char json[128];

        snprintf(json, sizeof json, "\"dialect\":\"%s\",\"bytes\":\"%s\",\"damage\":\"%s\"",
                 the_case->dialect->name, the_case->with_text ? "text" : "pattern", title);
        load_report_begin(&run->report, "bare loop", "self-check", title, json);
        load_report_add(&run->report, "good", "good", is_good);
        load_report_end(&run->report);
        return;
    }
    printf("%-7s %-10s %-8s %-34s reported:", is_good ? "ok" : "MISSED", the_case->dialect->name,
           the_case->with_text ? "text" : "pattern", title);
    print_kinds(kinds);
}

/* Ends the case: what is missing now is missing for good. */
static void close_case(struct load_run *run, struct check_case *the_case, struct check_tally *tally)
{
    struct load_faults faults;
    unsigned kinds;
    bool is_good;

    load_client_give_up(&the_case->client);
    faults = the_case->client.faults;
    load_client_close(&the_case->client);
    load_proxy_close(&the_case->proxy);
    kinds = kinds_of(&faults);
    is_good = judge(the_case, kinds);
    load_progress("%s", "");
    show(run, the_case, is_good, kinds);
    if (!is_good) {
        load_faults_say(&faults, load_spoil_name(the_case->kind));
        load_say("missed, with seed %" PRIu64 "%s", the_case->seed,
                 the_case->spoil.is_done ? "" : "; no damage was done");
    }
    tally->cases++;
    tally->missed += !is_good;
    load_spoil_deinit(&the_case->spoil);
}

static int check_group(struct check_group *group, const struct load_dialect *dialect,
                       bool with_text, unsigned server_port, struct check_tally *tally)
{
    int result = 0;

    load_progress("self-check: %s, %s", dialect->name, with_text ? "text" : "pattern");
    for (int kind = 0; kind < LOAD_SPOIL_KINDS && result == 0; kind++) {
        struct check_case *the_case = &group->cases[group->count];

        if (!load_spoil_applies((enum load_spoil_kind)kind, dialect))
            continue;
        the_case->kind = (enum load_spoil_kind)kind;
        the_case->dialect = dialect;
        the_case->with_text = with_text;
        result = open_case(group->run, the_case, server_port);
        group->count += result == 0;
    }
    run_group(group);
    for (unsigned i = 0; i < group->count; i++)
        close_case(group->run, &group->cases[i], tally);
    return result;
}

static int run_all(struct load_run *run, unsigned server_port, struct check_tally *tally)
{
    static const struct load_dialect *const dialects[] = {&load_dialect_process, &load_dialect_v0};
    int result = 0;

    for (unsigned i = 0; i < 4 && result == 0; i++) {
        struct check_group *group = load_alloc(1, sizeof *group);

        group->run = run;
        result = check_group(group, dialects[i / 2], i % 2 == 1, server_port, tally);
        free(group);
    }
    return result;
}

int load_self_check(struct load_run *run)
{
    char command[sizeof run->self + 32];
    struct load_target target = {.name = "bare loop", .command = command};
    struct check_tally tally = {0};
    int result;

    snprintf(command, sizeof command, "'%s' serve-bare", run->self);
    if (load_run_open_target(run, &target) != 0)
        return LOAD_FAILED;
    result = run_all(run, (unsigned)strtoul(strrchr(run->target.url, ':') + 1, NULL, 10), &tally);
    load_run_close_target(run);
    if (run->options->style != LOAD_REPORT_JSON)
        printf("%u of %u cases: %s\n", tally.cases - tally.missed, tally.cases,
               tally.missed == 0 && result == 0 ? "every damage was noticed"
                                                : "NOT every damage was noticed");
    return tally.missed == 0 ? result : LOAD_FAILED;
}
