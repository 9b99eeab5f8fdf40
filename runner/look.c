/*
 * From a view to the wire: see look.h.
 */
#include "runner/look.h"

#include "runner/observer.h"
#include "wire/msg_list.h"
#include "wire/msg_output.h"

#include <assert.h>
#include <string.h>

enum { NS_PER_MS = 1000 * 1000 };

_Static_assert((int)SESS_STDOUT == (int)WIRE_MSG_STDOUT &&
                   (int)SESS_STDERR == (int)WIRE_MSG_STDERR && (int)SESS_PTY == (int)WIRE_MSG_PTY &&
                   (int)SESS_STREAMS == WIRE_MSG_STREAMS,
               "counts by stream are copied as they are");

void run_look_record(const struct sess_view *view, struct wire_msg_record *out)
{
    const struct sess_record *record = &view->record;
    assert(record->exited);
    *out = (struct wire_msg_record){
        .exit_code = record->exit_code,
        .code = record->code,
        .signal = record->signal,
        .ended_by = sess_ender_text(record->ender),
        .close_reason = view->closed_seq != 0 ? sess_close_reason_text(view->close_reason) : NULL,
        .started_at_ms = record->started_wall_ms,
        .exited_at_ms = record->exited_wall_ms,
        .duration_ms = record->duration_ns / NS_PER_MS,
        .has_cpu = record->has_cpu,
        .cpu_user_us = record->cpu_user_us,
        .cpu_system_us = record->cpu_system_us,
        .has_peak_rss = record->has_peak,
        .peak_rss_bytes = record->peak_rss_bytes,
        .bytes_in = record->bytes_in,
    };
    memcpy(out->bytes_out, record->bytes_out, sizeof(out->bytes_out));
}

struct wire_msg_gone run_look_gone(const struct sess_session *session)
{
    struct sess_view view;
    sess_session_view(session, &view);
    if (view.record.exited)
        return (struct wire_msg_gone){.reason = WIRE_MSG_GONE_EXITED,
                                      .exit_code = view.record.exit_code,
                                      .ended_by = sess_ender_text(view.record.ender)};
    return (struct wire_msg_gone){.reason = view.state == SESS_GONE ? WIRE_MSG_GONE_NEVER_EXISTED
                                                                    : WIRE_MSG_GONE_NOT};
}

static const char *state_text(enum sess_state state)
{
    return sess_state_text(state == SESS_GONE ? SESS_CLOSED : state);
}

static size_t labels_of(const struct sess_session *session,
                        struct wire_msg_pair pairs[WIRE_MSG_LABELS_MAX])
{
    struct sess_label label;
    size_t count = 0, cursor = 0;
    while (count < WIRE_MSG_LABELS_MAX && sess_session_label(session, &cursor, &label))
        pairs[count++] = (struct wire_msg_pair){label.name, label.value};
    return count;
}

static uint64_t sum(const uint64_t bytes[SESS_STREAMS])
{
    return bytes[SESS_STDOUT] + bytes[SESS_STDERR] + bytes[SESS_PTY];
}

size_t run_look_entry(const struct run_proc *proc, uint8_t *out, size_t capacity)
{
    const struct sess_session *session = proc->session;
    struct wire_msg_pair pairs[WIRE_MSG_LABELS_MAX];
    struct wire_msg_record record;
    struct sess_view view;
    sess_session_view(session, &view);
    if (view.state == SESS_GONE && !view.record.exited)
        return 0;
    struct wire_msg_list_entry entry = {
        .process_id_json = run_proc_id_json(proc),
        .state = state_text(view.state),
        .labels = {.items = pairs, .count = labels_of(session, pairs)},
        .tty = sess_session_is_tty(session),
        .pid = view.os_pid,
        .started_at_ms = view.record.started_wall_ms,
        .last_activity_at_ms = view.last_activity_wall_ms,
        .next_seq = view.next_seq,
        .bytes_in = view.record.bytes_in,
        .retained_bytes = sum(view.retained_bytes),
        .omitted_bytes = sum(view.omitted_bytes),
        .stdin_queued_bytes = view.stdin_queued_bytes,
        .stdin_waits = view.stdin_waiting_since_ns != 0,
        .stdin_waits_since_ms = view.stdin_waiting_since_wall_ms,
        .window_bytes = proc->window_bytes,
        .unread_bytes = view.owed_bytes,
        .waits_for_client = view.waiting_since_ns != 0,
        .waits_since_ms = view.waiting_since_wall_ms,
    };
    entry.observers = run_observers_count(proc, view.next_seq, &entry.observers_behind);
    memcpy(entry.bytes_out, view.record.bytes_out, sizeof(entry.bytes_out));
    if (view.record.exited) {
        run_look_record(&view, &record);
        entry.exit = &record;
    }
    return wire_msg_list_entry_json(&entry, out, capacity);
}
