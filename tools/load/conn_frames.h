/*
 * The inside of a connection, shared by its files: framing, which is pure, and opening, which
 * blocks. Not for anyone else.
 */
#ifndef EXECPORT_TOOLS_LOAD_CONN_FRAMES_H
#define EXECPORT_TOOLS_LOAD_CONN_FRAMES_H

#include "tools/load/conn.h"

/*
 * Gives the owner every whole message in conn->in and answers pings. Returns NULL, or a static text
 * saying why nothing more can be read.
 */
const char *load_conn_take_messages(struct load_conn *conn);

/* Appends a message in its frame to conn->out. */
void load_conn_put_message(struct load_conn *conn, const void *message, size_t size_bytes);

/* Makes two open descriptors the connection's and enters the loop. Returns 0 or LOAD_FAILED. */
int load_conn_enter(struct load_conn *conn, int read_fd, int write_fd);

#endif
