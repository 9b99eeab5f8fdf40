/*
 * fs/watchMissing: tells once when one of the paths that are not there may have come, or when the
 * path that is there was changed or has gone. A connection has one watch; a new one takes the place
 * of the old one, as with Codex's server.
 *
 *   made on a helper -> begin -> reading -> told | replaced | over -> closing -> freed
 */
#ifndef RUN_FILES_WATCH_H
#define RUN_FILES_WATCH_H

#include "runner/files_call.h"

/* Begins to listen, in place of the connection's watch; or ends it at once if the connection is
 * over. Takes the watch over. On the connection's strand. */
void run_file_watch_begin(struct run_file_watch *watch, struct run_conn *conn);

/* Ends it: nothing is told any more. On the connection's strand. */
void run_file_watch_end(struct run_file_watch *watch);

/* Its number, the client's. */
uint64_t run_file_watch_id(const struct run_file_watch *watch);

/* Looks at the paths and makes a watch of them. *out_watch is NULL if there is nothing to wait for:
 * a path is there already, one leads through a symlink, or the system has no watch left. On a
 * helper. */
RUN_MUST_CHECK int run_file_watch_make(struct run_file_work *work, const struct wire_msg_fs *asked,
                                       struct run_file_watch **out_watch);

/* Frees one that has not begun. Any thread. */
void run_file_watch_drop(struct run_file_watch *watch);

#endif
