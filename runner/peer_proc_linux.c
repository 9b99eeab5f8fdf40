/* The slow way to a loopback peer on Linux: the tables /proc/net/tcp and tcp6 (proc(5)), read line
 * by line. Addresses stand there as 32-bit words in the machine's byte order, in hexadecimal. The
 * same conditions hold as for the fast way: a state that counts, and an inode.
 */
#include "runner/peer_linux.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The longest line has two IPv6 addresses and some twenty columns: under 200 bytes. */
#define LINE_BYTES 512

/* What a line says of one socket; addresses as hexadecimal digits, 8 or 32 of them. */
struct row {
    char local[33];
    char remote[33];
    unsigned local_port;
    unsigned remote_port;
    unsigned state;
    uint32_t uid;
    uint64_t inode;
};

static bool parse_row(const char *text, struct row *out_row)
{
    int fields = sscanf(text,
                        " %*d: %32[0-9A-F]:%4x %32[0-9A-F]:%4x %2x %*x:%*x %*x:%*x %*x %" SCNu32
                        " %*u %" SCNu64,
                        out_row->local, &out_row->local_port, out_row->remote,
                        &out_row->remote_port, &out_row->state, &out_row->uid, &out_row->inode);
    return fields == 7;
}

static void format_address(const struct in6_addr *address, bool as_v4, char out_text[33])
{
    size_t first = as_v4 ? 3 : 0;
    for (size_t i = first; i < 4; i++) {
        uint32_t word;
        memcpy(&word, &address->s6_addr[4 * i], sizeof word);
        (void)snprintf(out_text + 8 * (i - first), 9, "%08" PRIX32, word);
    }
}

static bool row_matches(const struct row *row, const struct run_peer_pair *pair, bool as_v4)
{
    char local[33];
    char remote[33];
    format_address(&pair->local.sin6_addr, as_v4, local);
    format_address(&pair->remote.sin6_addr, as_v4, remote);
    return row->local_port == ntohs(pair->local.sin6_port) &&
           row->remote_port == ntohs(pair->remote.sin6_port) && strcmp(row->local, local) == 0 &&
           strcmp(row->remote, remote) == 0 && run_peer_state_counts(row->state) && row->inode != 0;
}

static int search(const char *path, const struct run_peer_pair *pair, bool as_v4,
                  struct run_peer_owner *out_owner)
{
    char line[LINE_BYTES];
    struct row row;
    int result = RUN_PEER_NOT_FOUND;
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? RUN_PEER_NOT_FOUND : RUN_PEER_UNAVAILABLE;
    while (result != 0 && fgets(line, sizeof line, file)) {
        if (!parse_row(line, &row) || !row_matches(&row, pair, as_v4))
            continue;
        *out_owner = (struct run_peer_owner){(int64_t)row.uid, row.inode};
        result = 0;
    }
    if (result != 0 && ferror(file))
        result = RUN_PEER_UNAVAILABLE;
    (void)fclose(file);
    return result;
}

int run_peer_proc_find(const struct run_peer_pair *pair, struct run_peer_owner *out_owner)
{
    int result = RUN_PEER_NOT_FOUND;
    if (pair->is_v4)
        result = search("/proc/net/tcp", pair, true, out_owner);
    /* A v6 socket that is connected to a mapped v4 address stands in the v6 table. */
    return result == RUN_PEER_NOT_FOUND ? search("/proc/net/tcp6", pair, false, out_owner) : result;
}
