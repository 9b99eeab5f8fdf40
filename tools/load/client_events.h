/*
 * The receiving half of a client, for client.c only.
 */
#ifndef EXECPORT_TOOLS_LOAD_CLIENT_EVENTS_H
#define EXECPORT_TOOLS_LOAD_CLIENT_EVENTS_H

#include "tools/load/client.h"

enum { LOAD_SLOT_BITS = 24 }; /* of a request's id: its slot; the rest counts up */

/* A connection's callbacks; the context is its load_link. */
void load_client_on_message(void *context, struct wire_span message);
void load_client_on_end(void *context, const char *why);

/* Sends what waits in the link's backlog, as far as the pipeline allows. */
void load_client_send_backlog(struct load_link *link);

#endif
