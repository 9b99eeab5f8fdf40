/*
 * Telling the owner of a session what happened, and then those who watch: see struct sess_events
 * and watch.h. On the session's strand.
 */
#include "sessions/session_struct.h"

static bool tells(const struct sess_session *session)
{
    return session->voice == SESS_VOICE_ALL;
}

void sess_event_start(struct sess_session *session, const struct sess_started *started)
{
    if (tells(session) && session->events->on_start != NULL)
        session->events->on_start(session, session->context, started);
}

void sess_event_output(struct sess_session *session, const struct sess_chunk *chunk)
{
    if (tells(session) && session->events->on_output != NULL)
        session->events->on_output(session, session->context, chunk);
    sess_watches_output(session, chunk);
}

void sess_event_exited(struct sess_session *session)
{
    session->exited_seq = session->next_seq++;
    if (tells(session) && session->events->on_exited != NULL)
        session->events->on_exited(session, session->context, session->exited_seq,
                                   &session->record);
    sess_watches_look(session);
}

void sess_event_closed(struct sess_session *session)
{
    session->closed_seq = session->next_seq++;
    if (tells(session) && session->events->on_closed != NULL)
        session->events->on_closed(session, session->context, session->closed_seq,
                                   session->close_reason, &session->record);
    sess_watches_look(session);
}

void sess_event_gone(struct sess_session *session)
{
    if (session->voice != SESS_VOICE_NONE && session->events->on_gone != NULL)
        session->events->on_gone(session, session->context);
    sess_watches_look(session);
}
