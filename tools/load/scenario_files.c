/*
 * Calls about files: one kind after the other, first one under way at a time, then as many as
 * --in-flight says, each asked as soon as the one before it in its slot is answered. How many a
 * second, how long each takes, what the server pays. The first answer of a case is read strictly;
 * later ones are compared with it byte by byte, but for their ids, and read strictly if they
 * differ.
 */
#include "tools/load/scenario.h"

#include "tools/load/bare_files.h"
#include "tools/load/base.h"
#include "tools/load/files.h"
#include "tools/load/stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UP_MS = 200, TICK_MS = 100, INITIALIZE_ID = 0 };

struct files;

/* One call at a time; its number is its requests' id, less one. */
struct slot {
    bool is_busy;
    unsigned step;
    uint64_t sent_ns;
};

struct link {
    struct files *files;
    struct load_conn conn;
    bool is_known; /* initialized */
};

struct files {
    struct load_run *run;
    struct files_tree tree;
    struct load_faults faults;
    struct link *links;
    unsigned link_count, known_count;
    bool has_ended;
    enum files_kind kind;
    struct slot slots[FILES_SLOTS_LIMIT];
    unsigned slot_count, under_way;
    uint64_t count_from_ns, until_ns;
    uint64_t heard_ns; /* when the last message came */
    uint64_t done;     /* calls that count */
    struct load_stats latencies;
    struct load_buffer good[FILES_STEPS_MAX]; /* a right reply, behind its id; empty: none yet */
    struct load_buffer request;
    struct load_message_reader reader;
};

/* ---- Calls ---- */

static void send_step(struct files *files, unsigned number)
{
    struct link *link = &files->links[number % files->link_count];

    load_buffer_clear(&files->request);
    files_put_request(&files->tree, files->kind, files->slots[number].step, number,
                      (int64_t)number + 1, &files->request);
    load_conn_send(&link->conn, load_buffer_bytes(&files->request),
                   load_buffer_size(&files->request));
}

static void begin_call(struct files *files, unsigned number)
{
    struct slot *slot = &files->slots[number];

    slot->is_busy = true;
    slot->step = 0;
    slot->sent_ns = load_now_ns();
    files->under_way++;
    send_step(files, number);
}

static void end_call(struct files *files, unsigned number)
{
    struct slot *slot = &files->slots[number];
    uint64_t now_ns = load_now_ns();

    slot->is_busy = false;
    files->under_way--;
    if (slot->sent_ns >= files->count_from_ns) {
        load_stats_add(&files->latencies, now_ns - slot->sent_ns);
        files->done++;
    }
    if (now_ns < files->until_ns)
        begin_call(files, number);
}

/* ---- Replies ---- */

/* The message behind `{"id":N,`, if it begins so; *out_id is N. Else its size is 0. */
static struct wire_span behind_id(struct wire_span message, int64_t *out_id)
{
    static const char start[] = "{\"id\":";
    size_t at = sizeof start - 1;
    int64_t id = 0;

    if (message.size < at || memcmp(message.data, start, at) != 0)
        return wire_span_of(NULL, 0);
    for (; at < message.size && message.data[at] >= '0' && message.data[at] <= '9'; at++)
        id = id * 10 + (message.data[at] - '0');
    *out_id = id;
    return wire_span_of(message.data + at, message.size - at);
}

static void on_step(struct files *files, uint64_t id)
{
    unsigned number = (unsigned)(id - 1);

    files->slots[number].step++;
    if (files->slots[number].step < files_steps(files->kind))
        send_step(files, number);
    else
        end_call(files, number);
}

static bool is_waited_for(const struct files *files, int64_t id)
{
    return id > 0 && id <= (int64_t)files->slot_count && files->slots[id - 1].is_busy;
}

/* Whether the reply is the same as one that was found right. */
static bool is_known_reply(struct files *files, struct wire_span message, int64_t *out_id)
{
    struct wire_span rest = behind_id(message, out_id);
    const struct load_buffer *good;

    if (rest.size == 0 || !is_waited_for(files, *out_id))
        return false;
    good = &files->good[files->slots[*out_id - 1].step];
    return rest.size == load_buffer_size(good) &&
           memcmp(rest.data, load_buffer_bytes(good), rest.size) == 0;
}

static void check_strictly(struct files *files, const struct load_event *event,
                           struct wire_span message)
{
    unsigned step = files->slots[event->id - 1].step;
    const char *why = files_check_reply(&files->tree, files->kind, step, &files->reader, message);
    struct wire_span rest;
    int64_t id;

    if (why != NULL) {
        load_faults_add(&files->faults, LOAD_FAULT_CHANGED, 1, "%s: %s",
                        files_kind_name(files->kind), why);
        return;
    }
    rest = behind_id(message, &id);
    load_buffer_clear(&files->good[step]);
    load_buffer_append(&files->good[step], rest.data, rest.size);
}

static void on_initialized(struct link *link, const struct load_event *event)
{
    static const char text[] = "{\"method\":\"initialized\",\"params\":{}}";

    if (event->is_error) {
        load_faults_add(&link->files->faults, LOAD_FAULT_REFUSED, 1, "initialize refused: %.*s",
                        (int)event->error_text.size, (const char *)event->error_text.data);
        link->files->has_ended = true;
        return;
    }
    load_conn_send(&link->conn, text, sizeof text - 1);
    link->is_known = true;
    link->files->known_count++;
}

static void on_reply(struct link *link, const struct load_event *event, struct wire_span message)
{
    struct files *files = link->files;

    if (!link->is_known && event->has_id && event->id == INITIALIZE_ID) {
        on_initialized(link, event);
        return;
    }
    if (!event->has_id || !is_waited_for(files, event->id)) {
        load_faults_add(&files->faults, LOAD_FAULT_EVENT, 1, "a reply to no request");
        return;
    }
    if (event->is_error)
        load_faults_add(&files->faults, LOAD_FAULT_REFUSED, 1, "%s: %.*s",
                        files_kind_name(files->kind), (int)event->error_text.size,
                        (const char *)event->error_text.data);
    else
        check_strictly(files, event, message);
    on_step(files, (uint64_t)event->id);
}

static void on_message(void *context, struct wire_span message)
{
    struct link *link = context;
    struct files *files = link->files;
    struct load_event event;
    const char *why = "?";
    int64_t id;

    files->heard_ns = load_now_ns();
    if (is_known_reply(files, message, &id))
        on_step(files, (uint64_t)id);
    else if (load_dialect_process.read_strictly(&files->reader, message, &event, &why) != 0)
        load_faults_add(&files->faults, LOAD_FAULT_MESSAGE, 1, "%s in a message", why);
    else if (event.kind == LOAD_EVENT_REPLY)
        on_reply(link, &event, message);
}

static void on_end(void *context, const char *why)
{
    struct link *link = context;

    link->files->has_ended = true;
    load_faults_add(&link->files->faults, LOAD_FAULT_SERVER, 1, "a connection broke: %s", why);
}

/* ---- The loop ---- */

/* Runs the loop until is_done. Returns 0 or LOAD_FAILED, counted. */
static int wait_until(struct files *files, bool (*is_done)(const struct files *))
{
    files->heard_ns = load_now_ns();
    while (!is_done(files) && !files->has_ended) {
        load_loop_run_once(&files->run->loop, TICK_MS);
        if (load_now_ns() - files->heard_ns > LOAD_CLIENT_PATIENCE_MS * LOAD_NS_PER_MS) {
            load_faults_add(&files->faults, LOAD_FAULT_STUCK, files->under_way,
                            "%u calls have no answer", files->under_way);
            files->has_ended = true;
        }
    }
    return files->has_ended ? LOAD_FAILED : 0;
}

static bool are_all_known(const struct files *files)
{
    return files->known_count == files->link_count;
}

static bool are_all_answered(const struct files *files)
{
    return files->under_way == 0;
}

static int open_link(struct files *files, struct link *link)
{
    const struct load_conn_owner owner = {on_message, on_end, link};
    struct load_run *run = files->run;

    link->files = files;
    if (load_conn_open_url(&link->conn, &run->loop, run->target.url, run->options->token, &owner) !=
        0)
        return LOAD_FAILED;
    link->conn.wants_quick_ack = run->options->wants_quick_ack;
    files->link_count++;
    load_buffer_clear(&files->request);
    load_dialect_process.put_initialize(&files->request, INITIALIZE_ID);
    load_conn_send(&link->conn, load_buffer_bytes(&files->request),
                   load_buffer_size(&files->request));
    return 0;
}

static int open_links(struct files *files)
{
    unsigned count = files->run->options->connections == 0 ? 1 : files->run->options->connections;

    files->links = load_alloc(count, sizeof *files->links);
    for (unsigned i = 0; i < count; i++)
        if (open_link(files, &files->links[i]) != 0)
            return LOAD_FAILED;
    return wait_until(files, are_all_known);
}

/* ---- Cases ---- */

static void report(struct files *files, const struct load_measure *measure)
{
    struct load_report *out = &files->run->report;

    load_report_add(out, "calls", NULL, (double)files->done);
    load_report_add(out, "calls_per_s", "calls/s",
                    (double)files->latencies.count * 1e9 / (double)measure->ns);
    load_report_add(out, "p50_us", "p50, us",
                    (double)load_stats_percentile(&files->latencies, 500) / 1e3);
    load_report_add(out, "p99_us", "p99, us",
                    (double)load_stats_percentile(&files->latencies, 990) / 1e3);
    load_run_add_cpu_each(files->run, measure, files->done);
}

/* Keeps all slots busy until the time. Returns 0 or LOAD_FAILED, counted. */
static int run_calls(struct files *files, uint64_t count_from_ns, uint64_t until_ns)
{
    files->count_from_ns = count_from_ns;
    files->until_ns = until_ns;
    files->done = 0;
    load_stats_clear(&files->latencies);
    for (unsigned i = 0; i < files->slot_count; i++)
        begin_call(files, i);
    return wait_until(files, are_all_answered);
}

static void measure_case(struct files *files)
{
    struct load_measure measure;

    if (run_calls(files, UINT64_MAX, load_now_ns() + WARM_UP_MS * LOAD_NS_PER_MS) != 0)
        return;
    load_measure_begin(files->run, &measure);
    if (run_calls(files, 0, measure.ns + files->run->options->seconds * LOAD_NS_PER_S) != 0)
        return;
    load_measure_end(files->run, &measure);
    report(files, &measure);
    for (unsigned i = 0; files->kind == FILES_WRITE && i < files->slot_count; i++)
        if (!files_is_written(&files->tree, i))
            load_faults_add(&files->faults, LOAD_FAULT_CHANGED, 1, "file %u has other bytes", i);
}

static void run_case(struct files *files, enum files_kind kind, unsigned at_once)
{
    struct load_run *run = files->run;
    char title[48];
    char json[64];

    snprintf(title, sizeof title, "%s, %u in flight", files_kind_name(kind), at_once);
    snprintf(json, sizeof json, "\"call\":\"%s\",\"in_flight\":%u", files_kind_name(kind), at_once);
    load_progress("%s: files %s", run->target.name, title);
    files->kind = kind;
    files->slot_count = at_once;
    memset(&files->faults, 0, sizeof files->faults);
    for (int i = 0; i < FILES_STEPS_MAX; i++)
        load_buffer_clear(&files->good[i]);
    load_report_begin(&run->report, run->target.name, "files", title, json);
    measure_case(files);
    load_report_add_faults(&run->report, &files->faults);
    load_report_end(&run->report);
    load_faults_say(&files->faults, title);
    load_faults_merge(&run->faults, &files->faults);
}

static void run_cases(struct files *files, const bool *wanted)
{
    unsigned at_once = files->run->options->in_flight;

    if (at_once > FILES_SLOTS_LIMIT)
        at_once = FILES_SLOTS_LIMIT;
    for (unsigned kind = 0; kind < FILES_KINDS && !files->has_ended; kind++) {
        if (!wanted[kind])
            continue;
        run_case(files, (enum files_kind)kind, 1);
        if (at_once > 1 && !files->has_ended)
            run_case(files, (enum files_kind)kind, at_once);
    }
}

static void deinit(struct files *files)
{
    for (unsigned i = 0; i < files->link_count; i++)
        load_conn_close(&files->links[i].conn);
    free(files->links);
    files_tree_deinit(&files->tree);
    load_stats_deinit(&files->latencies);
    for (int i = 0; i < FILES_STEPS_MAX; i++)
        load_buffer_deinit(&files->good[i]);
    load_buffer_deinit(&files->request);
    load_message_reader_deinit(&files->reader);
    free(files);
}

int load_files_wanted(const struct load_options *options, bool out_wanted[FILES_KINDS])
{
    bool is_own = options->only != NULL && strcmp(options->subcommand, "files") == 0;
    char copy[256];
    char *rest = copy;
    const char *item;

    for (unsigned i = 0; i < FILES_KINDS; i++)
        out_wanted[i] = !is_own;
    if (!is_own)
        return 0;
    snprintf(copy, sizeof copy, "%s", options->only);
    while ((item = strsep(&rest, ",")) != NULL) {
        enum files_kind kind = files_kind_named(item);

        if (kind == FILES_KINDS)
            return load_say("--only: `%s` is no call of files: metadata, read-1k, read-64k, "
                            "block-1k, write-1k, list-100, canonicalize, walk-1000",
                            item);
        out_wanted[kind] = true;
    }
    return 0;
}

int load_scenario_files(struct load_run *run)
{
    bool wanted[FILES_KINDS];
    struct files *files;
    int result;

    if (run->target.url == NULL || run->target.dialect != &load_dialect_process)
        return load_say("files needs a ws:// URL and the dialect process");
    if (load_files_wanted(run->options, wanted) != 0)
        return LOAD_FAILED;
    files = load_alloc(1, sizeof *files);
    files->run = run;
    load_message_reader_init(&files->reader);
    result = files_tree_init(&files->tree);
    if (result == 0)
        result = open_links(files);
    load_faults_say(&files->faults, "files");
    if (result == 0)
        run_cases(files, wanted);
    deinit(files);
    return result;
}
