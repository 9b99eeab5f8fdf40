/*
 * The words of exit records, as they appear in answers and logs. Plain data, any thread.
 */
#include "sessions/record.h"

#include <assert.h>

const char *sess_ender_text(enum sess_ender ender)
{
    static const char *const texts[SESS_ENDERS] = {
        [SESS_ENDER_NOBODY] = "nobody",
        [SESS_ENDER_ITSELF] = "itself",
        [SESS_ENDER_CLIENT] = "client",
        [SESS_ENDER_DISCONNECT] = "disconnect",
        [SESS_ENDER_TIME_LIMIT] = "time_limit",
        [SESS_ENDER_IDLE_LIMIT] = "idle_limit",
        [SESS_ENDER_NO_OUTPUT_LIMIT] = "no_output_limit",
        [SESS_ENDER_OUTPUT_LIMIT] = "output_limit",
        [SESS_ENDER_SHUTDOWN] = "shutdown",
    };
    assert((unsigned)ender < SESS_ENDERS);
    return texts[ender];
}

const char *sess_stream_text(enum sess_stream stream)
{
    static const char *const texts[SESS_STREAMS] = {"stdout", "stderr", "pty"};
    assert((unsigned)stream < SESS_STREAMS);
    return texts[stream];
}

const char *sess_close_reason_text(enum sess_close_reason reason)
{
    return reason == SESS_CLOSE_EOF ? "eof" : "drain_timeout";
}
