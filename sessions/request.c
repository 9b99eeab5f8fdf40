/*
 * Requests: see request.h. Posting is for any thread, serving is on the session's strand.
 */
#include "sessions/request.h"

#include "sessions/session_struct.h"

#include <assert.h>
#include <string.h>

void sess_request_init(struct sess_request *request, enum sess_request_kind kind,
                       sess_request_callback *callback, void *context)
{
    assert((unsigned)kind < SESS_REQUESTS && callback != NULL);
    memset(request, 0, sizeof(*request));
    request->kind = kind;
    request->callback = callback;
    request->context = context;
}

void sess_request_answer(struct sess_request *request)
{
    struct sess_session *session = request->session;
    request->callback(request); /* may free it */
    sess_session_unref(session);
}

static void finish(struct sess_request *request, int result, int os_error)
{
    request->result = os_error != 0 ? SESS_E_OS : result;
    request->os_error = os_error;
    sess_request_answer(request);
}

static int resize(struct sess_session *session, const struct sess_request *request,
                  int *out_os_error)
{
    iocp_handle tty = sess_session_tty(session);
    assert(request->ask.resize.rows > 0 && request->ask.resize.columns > 0);
    if (tty == IOCP_NO_HANDLE)
        return SESS_E_NOT_TTY;
    *out_os_error = sess_tty_resize(session->host->platform, tty, request->ask.resize.rows,
                                    request->ask.resize.columns);
    return 0;
}

static void stop(struct sess_session *session, const struct sess_request *request)
{
    if (request->ask.stop.mode != SESS_STOP_NONE)
        sess_stop_ask(session, request->ask.stop.mode, request->ask.stop.timeout_ms,
                      request->ask.stop.ender);
}

static void detach(struct sess_session *session)
{
    session->voice = SESS_VOICE_NONE;
    sess_outputs_unbind(session);
}

static void serve(struct sess_session *session, struct sess_request *request)
{
    int result = 0, os_error = 0;
    switch (request->kind) {
    case SESS_REQUEST_WRITE:
        sess_stdin_write(session, request);
        return;
    case SESS_REQUEST_CLOSE_STDIN:
        sess_stdin_close(session, request);
        return;
    case SESS_REQUEST_WATCH:
        sess_watch_serve(session, sess_watch_of(request));
        return;
    case SESS_REQUEST_INTERRUPT:
        os_error = sess_process_interrupt(session->host->platform, session->os_pid,
                                          sess_session_tty(session));
        break;
    case SESS_REQUEST_RESIZE:
        result = resize(session, request, &os_error);
        break;
    case SESS_REQUEST_STOP:
        stop(session, request);
        break;
    case SESS_REQUEST_DETACH:
        detach(session);
        stop(session, request);
        break;
    case SESS_REQUEST_VIEW:
    case SESS_REQUESTS:
        break;
    }
    finish(request, result, os_error);
}

static void on_request(struct iocp_op *op)
{
    struct sess_request *request = IOCP_OWNER(op, struct sess_request, op);
    struct sess_session *session = request->session;
    int refusal = sess_state_admits(session->state, request->kind);
    request->was_running = session->state <= SESS_RUNNING;
    if (refusal == 0) {
        serve(session, request);
        return;
    }
    if (request->kind == SESS_REQUEST_WRITE)
        iocp_slice_unref(&request->ask.write.slice);
    finish(request, refusal, 0);
}

void sess_request_post(struct sess_request *request, struct sess_session *session)
{
    request->session = sess_session_ref(session);
    if (request->kind == SESS_REQUEST_WATCH)
        sess_watch_prepare(sess_watch_of(request), session);
    iocp_op_init(&request->op, &session->strand, on_request);
    iocp_post(&request->op);
}
