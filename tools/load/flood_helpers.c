/*
 * Flooding children for the scenarios that need them. Each gets a seed of its own, so that bytes
 * of one session that turn up in another are wrong there.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    CALIBRATE_PIPE_BYTES = 33554432,
    CALIBRATE_TTY_BYTES = 8388608,
};

#define CASE_LIMIT_BYTES (UINT64_C(16) << 30)

bool load_flood_has_gate(const struct load_client *client, bool on_tty)
{
    return on_tty || client->options.dialect->has_pipe_stdin;
}

struct load_session *load_start_flood(struct load_run *run, struct load_client *client,
                                      uint64_t bytes, bool on_tty)
{
    char total[24];
    char seed[24];
    uint64_t seed_number = client->session_count + 1;
    bool has_gate = load_flood_has_gate(client, on_tty);
    const char *argv[] = {run->self, "child", "flood", total, seed, has_gate ? "gate" : NULL, NULL};
    const struct load_start start = {.argv = argv, .on_tty = on_tty, .with_stdin = true};
    struct load_session *session;

    snprintf(total, sizeof total, "%" PRIu64, bytes);
    snprintf(seed, sizeof seed, "%" PRIu64, seed_number);
    session = load_client_start(client, &start);
    session->expected_exit_code = 0;
    load_check_init_pattern(&session->out, session->id, &client->faults, run->pattern, seed_number,
                            bytes);
    return session;
}

bool load_are_at_gates(const struct load_client *client)
{
    for (uint32_t i = 0; i < client->session_count; i++) {
        const struct load_session *session = client->sessions[i];

        if (session->state == LOAD_SESSION_STARTING ||
            (session->state == LOAD_SESSION_RUNNING && session->out.received == 0))
            return false;
    }
    return true;
}

static bool are_at_gates(void *context)
{
    return load_are_at_gates(context);
}

int load_start_floods(struct load_run *run, struct load_client *client, unsigned sessions,
                      uint64_t bytes_each, bool on_tty)
{
    for (unsigned i = 0; i < sessions; i++)
        load_start_flood(run, client, bytes_each, on_tty);
    if (!load_flood_has_gate(client, on_tty))
        return 0;
    return load_client_wait(client, are_at_gates, client);
}

void load_open_gates(struct load_client *client)
{
    for (uint32_t i = 0; i < client->session_count; i++)
        if (client->sessions[i]->state == LOAD_SESSION_RUNNING &&
            load_flood_has_gate(client, client->sessions[i]->on_tty))
            load_client_write(client->sessions[i], "g", 1);
}

uint64_t load_calibrate_flood(struct load_run *run, unsigned sessions, bool on_tty)
{
    uint64_t try_bytes = on_tty ? CALIBRATE_TTY_BYTES : CALIBRATE_PIPE_BYTES;
    struct load_client client;
    uint64_t duration_ns = 0;
    uint64_t bytes = 0;

    if (load_run_open_client(run, &client, run->options->connections) == 0 &&
        load_start_floods(run, &client, sessions, try_bytes / sessions, on_tty) == 0) {
        duration_ns = load_now_ns();
        load_open_gates(&client);
        load_client_wait_for_all(&client);
        duration_ns = load_now_ns() - duration_ns;
        bytes = (uint64_t)((double)try_bytes * run->options->seconds * 1e9 / (double)duration_ns);
    }
    if (load_faults_total(&client.faults) > 0) {
        load_faults_say(&client.faults, "calibration");
        load_faults_merge(&run->faults, &client.faults);
        bytes = try_bytes;
    }
    load_client_close(&client);
    return bytes < CASE_LIMIT_BYTES ? bytes : CASE_LIMIT_BYTES;
}
