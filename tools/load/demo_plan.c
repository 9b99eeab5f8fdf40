/*
 * The commands of the demo. Expected output is made here from the same numbers, by other means than
 * the commands use; a terminal turns each newline into carriage return and newline.
 */
#include "tools/load/demo_plan.h"

#include "tools/load/base.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

static void script(struct load_demo_plan *plan, const char *text)
{
    snprintf(plan->script, sizeof plan->script, "%s", text);
}

static void put_numbers(struct load_buffer *out, unsigned from, unsigned to, int step)
{
    for (unsigned n = from; n != to; n = (unsigned)((int)n + step))
        load_buffer_format(out, "%u\n", n);
}

static void plan_seq(struct load_demo_plan *plan, unsigned number)
{
    unsigned last = 200000 + number * 101;

    snprintf(plan->script, sizeof plan->script, "exec seq 1 %u", last);
    put_numbers(&plan->out, 1, last + 1, 1);
}

static void plan_sort(struct load_demo_plan *plan, unsigned number)
{
    unsigned last = 20000 + number;

    snprintf(plan->script, sizeof plan->script, "seq 1 %u | sort -rn", last);
    put_numbers(&plan->out, last, 0, -1);
}

static void plan_sha256(struct load_demo_plan *plan, unsigned number)
{
    struct sha256_ctx sha256;
    uint8_t digest[SHA256_DIGEST_SIZE];
    char text[32];

    snprintf(text, sizeof text, "execport %u", number);
    snprintf(plan->script, sizeof plan->script, "printf '%s' | sha256sum", text);
    sha256_init(&sha256);
    sha256_update(&sha256, strlen(text), (const uint8_t *)text);
    sha256_digest(&sha256, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        load_buffer_format(&plan->out, "%02x", digest[i]);
    load_buffer_text(&plan->out, "  -\n");
}

static void plan_exit(struct load_demo_plan *plan, unsigned number)
{
    plan->exit_code = (int32_t)(number % 100);
    snprintf(plan->script, sizeof plan->script, "echo to-stdout %u; echo to-stderr %u >&2; exit %d",
             number, number, plan->exit_code);
    load_buffer_format(&plan->out, "to-stdout %u\n", number);
    load_buffer_format(&plan->err, "to-stderr %u\n", number);
}

static void plan_zeros(struct load_demo_plan *plan, unsigned number)
{
    size_t size_bytes = 1000000 + number;

    snprintf(plan->script, sizeof plan->script, "head -c %zu /dev/zero", size_bytes);
    memset(load_buffer_reserve(&plan->out, size_bytes), 0, size_bytes);
    load_buffer_commit(&plan->out, size_bytes);
}

static void plan_ticks(struct load_demo_plan *plan, unsigned number)
{
    (void)number;
    plan->is_slow = true;
    script(plan, "for i in 1 2 3 4 5 6 7 8 9 10; do printf '\\033[3%dmtick %s\\033[0m\\n' "
                 "$((i % 8)) $i; sleep 0.2; done");
    for (unsigned i = 1; i <= 10; i++)
        load_buffer_format(&plan->out, "\033[3%umtick %u\033[0m\n", i % 8, i);
}

static void plan_environment(struct load_demo_plan *plan, unsigned number)
{
    (void)number;
    script(plan, "pwd; echo \"$DEMO\" | tr a-z A-Z; echo \"$#\"; umask >/dev/null && echo good");
    load_buffer_text(&plan->out, "/\nA DEMO \303\204\n0\ngood\n");
}

static void plan_bytes(struct load_demo_plan *plan, unsigned number)
{
    static const unsigned char bytes[] = {0, 1, 2, 0x7f, 0x80, 0xc3, 0xfe, 0xff, '\r', 0x1b};

    (void)number;
    script(plan, "for i in 1 2 3 4 5; do printf '\\000\\001\\002\\177\\200\\303\\376\\377\\r\\033';"
                 " done");
    for (unsigned i = 0; i < 5; i++)
        load_buffer_append(&plan->out, bytes, sizeof bytes);
}

static void plan_terminal(struct load_demo_plan *plan, unsigned number)
{
    (void)number;
    script(plan, "stty size; test -t 0 && test -t 1 && test -t 2 && echo three terminals");
    load_buffer_text(&plan->out, "24 80\nthree terminals\n");
}

static void plan_lines(struct load_demo_plan *plan, unsigned number)
{
    (void)number;
    plan->is_interactive = true;
    script(plan, "while read l; do echo \"$l\"; test \"$l\" = end && exit 0; done");
}

/* What a program writes to a terminal passes through its output processing. */
static void add_carriage_returns(struct load_buffer *out)
{
    struct load_buffer with = {0};
    const unsigned char *bytes = load_buffer_bytes(out);
    size_t size_bytes = load_buffer_size(out);

    load_buffer_reserve(&with, size_bytes * 2 + 1);
    for (size_t i = 0; i < size_bytes; i++)
        load_buffer_append(&with, bytes[i] == '\n' ? "\r\n" : (const char *)&bytes[i],
                           bytes[i] == '\n' ? 2 : 1);
    load_buffer_deinit(out);
    *out = with;
}

void load_demo_plan_init(struct load_demo_plan *plan, unsigned number, bool has_pipe_stdin)
{
    static const struct {
        void (*make)(struct load_demo_plan *plan, unsigned number);
        bool on_tty;
    } kinds[] = {
        {plan_seq, false},         {plan_lines, true},  {plan_lines, false},
        {plan_terminal, true},     {plan_sort, false},  {plan_seq, true},
        {plan_sha256, false},      {plan_ticks, true},  {plan_exit, false},
        {plan_sort, true},         {plan_zeros, false}, {plan_lines, true},
        {plan_ticks, false},       {plan_sha256, true}, {plan_bytes, false},
        {plan_environment, true},  {plan_lines, false}, {plan_seq, true},
        {plan_environment, false}, {plan_ticks, true},
    };
    size_t kind = number % (sizeof kinds / sizeof *kinds);

    memset(plan, 0, sizeof *plan);
    plan->on_tty = kinds[kind].on_tty || (kinds[kind].make == plan_lines && !has_pipe_stdin);
    kinds[kind].make(plan, number);
    if (plan->on_tty)
        add_carriage_returns(&plan->out);
}

void load_demo_plan_deinit(struct load_demo_plan *plan)
{
    load_buffer_deinit(&plan->out);
    load_buffer_deinit(&plan->err);
}

void load_demo_line(unsigned number, unsigned index, char *text, size_t size_bytes)
{
    if (index + 1 == LOAD_DEMO_LINES)
        snprintf(text, size_bytes, "end");
    else
        snprintf(text, size_bytes, "session %u says line %u of %d", number, index + 1,
                 LOAD_DEMO_LINES);
}
