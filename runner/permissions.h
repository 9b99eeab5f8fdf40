/*
 * What a client lets a program read and write, as a list of paths: the words of the member
 * `sandbox` made into grants, and whether a path may be read or written by them. For starts in a
 * sandbox and for requests about files.
 *
 *    run_permissions_new       the message's words as absolute paths; any thread
 *    run_permissions_resolve   the same without symbolic links, looked up through a callback that
 *                              waits for disks: on a helper
 *    run_permissions_access    of a path without symbolic links; any thread
 *
 * Pure logic: it knows no system, only paths of the form "/a/b". A grant holds for its path and
 * all below it, until a longer one says something else. Plain data of one owner at a time.
 */
#ifndef RUN_PERMISSIONS_H
#define RUN_PERMISSIONS_H

#include "runner/options_why.h"
#include "wire/msg_sandbox.h"

enum run_access { RUN_ACCESS_NONE, RUN_ACCESS_READ, RUN_ACCESS_WRITE };

struct run_grant {
    char *said; /* private to resolving: the path before links were followed */
    char *path; /* absolute, without ".", "..", empty components and slash at the end; heap */
    enum run_access access;
    bool is_implied;   /* nobody named it: it holds only if there is something at its path */
    bool is_missing;   /* resolved: there is nothing at the path, and nothing may come there */
    bool is_directory; /* resolved, if not missing */
};

struct run_permissions {
    struct run_grant *grants; /* resolved: what contains another before it, no path twice */
    size_t count, capacity;
    bool has_network;
};

/* Grants for the special words besides what the message says. */
struct run_permissions_asked {
    const struct wire_msg_sandbox *sandbox; /* managed (asserted) */
    const char *tmpdir; /* TMPDIR of the program's environment, NULL: it has none */
};

/*
 * Makes grants of what was asked. Everything is copied. Below each directory that may be written,
 * metadata of tools that run outside of the sandbox (.git, .agents, .codex, .aws) is protected
 * unless the message names it. Returns NULL with the reason, to stand behind "the sandbox that was
 * asked for:", if it is not understood or there is no memory.
 */
struct run_permissions *run_permissions_new(const struct run_permissions_asked *asked,
                                            struct run_why *out_why);
/* The memory of its paths. */
size_t run_permissions_bytes(const struct run_permissions *permissions);
void run_permissions_free(struct run_permissions *permissions); /* NULL is taken */

/* What there is at a path. */
enum run_place { RUN_PLACE_NOTHING, RUN_PLACE_FILE, RUN_PLACE_DIRECTORY };

/* Called for each symbolic link that is followed: the directory that it is in, without links. */
typedef void run_link_seen(void *context, const char *directory);

/*
 * Follows path, without "..", to what it names. *out_path becomes a heap string without symbolic
 * links: of what is there, or of the first component that is not. Returns 0, or -1 with errno's
 * text as the reason. May wait for disks.
 */
typedef int run_look_up(const char *path, run_link_seen *seen, void *context, char **out_path,
                        enum run_place *out_place, struct run_why *out_why);

/*
 * Follows the grants' paths in place. What may be written and is not there is dropped; what must
 * not be written and is not there stays, marked, if it could come into being. Fails with the reason
 * if a path leads through a symbolic link that the program could replace: no mount can hold it. The
 * permissions are then good for nothing but run_permissions_free. Once.
 */
RUN_MUST_CHECK int run_permissions_resolve(struct run_permissions *permissions,
                                           run_look_up *look_up, struct run_why *out_why);

/* Adds that path, without symbolic links and existing, may be read and not written, to grants that
 * are resolved; what they say of this very path stays. Returns 0 or -1: no memory. */
RUN_MUST_CHECK int run_permissions_protect(struct run_permissions *permissions, const char *path,
                                           bool is_directory);

/* What is granted for path, absolute and without symbolic links, by grants that are resolved. */
enum run_access run_permissions_access(const struct run_permissions *permissions, const char *path);

/* What holds at the path of a resolved grant without it: what the one that contains it says. */
enum run_access run_permissions_outer(const struct run_permissions *permissions, size_t index);

/* Whether path is directory or below it. */
bool run_path_is_in(const char *path, const char *directory);

#endif
