/* Whether a connection comes out of a sandbox (peer.h). A process in one has a user namespace of
 * its own, and no process of ours can be made to hold its socket; so somebody who has it open and
 * lives in our namespace is the proof that it is outside. Whoever hides from us proves nothing.
 */
#include "runner/peer.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINK_BYTES = 64 }; /* "socket:[INODE]", "user:[INODE]" */

/* What the link at name in the directory says; "" if it cannot be read. */
static void read_link(int directory, const char *name, char out[LINK_BYTES])
{
    ssize_t size = readlinkat(directory, name, out, LINK_BYTES - 1);
    out[size > 0 ? size : 0] = '\0';
}

static bool has_open(int process, const char *wanted)
{
    char link[LINK_BYTES];
    bool found = false;
    int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (folder == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    for (struct dirent *entry; !found && (entry = readdir(folder)) != NULL;) {
        read_link(fd, entry->d_name, link);
        found = strcmp(link, wanted) == 0;
    }
    (void)closedir(folder);
    return found;
}

static bool is_holder(int proc, const char *pid, const char *own, const char *wanted)
{
    char namespace[LINK_BYTES];
    int process = openat(proc, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process < 0)
        return false;
    read_link(process, "ns/user", namespace);
    bool holds = strcmp(namespace, own) == 0 && has_open(process, wanted);
    (void)close(process);
    return holds;
}

bool run_peer_is_outside(uint64_t inode)
{
    char own[LINK_BYTES], wanted[LINK_BYTES];
    bool found = false;
    DIR *proc = opendir("/proc");
    if (proc == NULL)
        return false;
    (void)snprintf(wanted, sizeof(wanted), "socket:[%" PRIu64 "]", inode);
    read_link(dirfd(proc), "self/ns/user", own);
    for (struct dirent *entry; own[0] != '\0' && !found && (entry = readdir(proc)) != NULL;)
        found = isdigit((unsigned char)entry->d_name[0]) &&
                is_holder(dirfd(proc), entry->d_name, own, wanted);
    (void)closedir(proc);
    return found;
}
