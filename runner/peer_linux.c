/* Peers on Linux (peer.h): SO_PEERCRED for Unix sockets; for TCP one exact request to the kernel's
 * socket diagnosis (sock_diag(7)), and /proc/net where that is missing or forbidden. The exact
 * request may find a listener or a socket in TIME_WAIT in place of a connection; those report user
 * 0 or somebody else's, so state, inode and all four addresses of the answer are checked.
 */
#include "runner/peer_linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One answer with its attributes; more than the kernel sends when none are asked for. */
#define ANSWER_BYTES 4096

#define STATE_ESTABLISHED 1
#define STATE_FIN_WAIT1   4
#define STATE_FIN_WAIT2   5
#define STATE_CLOSE_WAIT  8

struct question {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
};

bool run_peer_state_counts(unsigned state)
{
    return state == STATE_ESTABLISHED || state == STATE_FIN_WAIT1 || state == STATE_FIN_WAIT2 ||
           state == STATE_CLOSE_WAIT;
}

static int map_address(const struct sockaddr_storage *from, struct sockaddr_in6 *out)
{
    if (from->ss_family == AF_INET6) {
        memcpy(out, from, sizeof *out);
        return 0;
    }
    if (from->ss_family != AF_INET)
        return RUN_PEER_NOT_LOCAL;
    struct sockaddr_in v4;
    memcpy(&v4, from, sizeof v4);
    memset(out, 0, sizeof *out);
    out->sin6_family = AF_INET6;
    out->sin6_port = v4.sin_port;
    out->sin6_addr.s6_addr[10] = 0xff;
    out->sin6_addr.s6_addr[11] = 0xff;
    memcpy(&out->sin6_addr.s6_addr[12], &v4.sin_addr, 4);
    return 0;
}

static bool is_loopback(const struct in6_addr *address)
{
    if (IN6_IS_ADDR_V4MAPPED(address))
        return address->s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(address);
}

int run_peer_pair_of(int socket, struct run_peer_pair *out_pair)
{
    struct sockaddr_storage ours;
    struct sockaddr_storage theirs;
    socklen_t ours_size = sizeof ours;
    socklen_t theirs_size = sizeof theirs;
    if (getsockname(socket, (struct sockaddr *)&ours, &ours_size) != 0)
        return RUN_PEER_UNAVAILABLE;
    if (getpeername(socket, (struct sockaddr *)&theirs, &theirs_size) != 0)
        return errno == ENOTCONN ? RUN_PEER_NOT_FOUND : RUN_PEER_UNAVAILABLE;
    if (map_address(&theirs, &out_pair->local) != 0 || map_address(&ours, &out_pair->remote) != 0)
        return RUN_PEER_NOT_LOCAL;
    if (!is_loopback(&out_pair->local.sin6_addr) || !is_loopback(&out_pair->remote.sin6_addr))
        return RUN_PEER_NOT_LOCAL;
    out_pair->is_v4 = IN6_IS_ADDR_V4MAPPED(&out_pair->local.sin6_addr) &&
                      IN6_IS_ADDR_V4MAPPED(&out_pair->remote.sin6_addr);
    return 0;
}

static void copy_address(const struct run_peer_pair *pair, const struct in6_addr *from, void *to)
{
    if (pair->is_v4)
        memcpy(to, &from->s6_addr[12], 4);
    else
        memcpy(to, from, 16);
}

static void fill_question(const struct run_peer_pair *pair, struct question *out)
{
    memset(out, 0, sizeof *out);
    out->header.nlmsg_len = sizeof *out;
    out->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    out->header.nlmsg_flags = NLM_F_REQUEST;
    out->request.sdiag_family = pair->is_v4 ? AF_INET : AF_INET6;
    out->request.sdiag_protocol = IPPROTO_TCP;
    out->request.idiag_states = ~0u;
    struct inet_diag_sockid *id = &out->request.id;
    id->idiag_sport = pair->local.sin6_port;
    id->idiag_dport = pair->remote.sin6_port;
    copy_address(pair, &pair->local.sin6_addr, id->idiag_src);
    copy_address(pair, &pair->remote.sin6_addr, id->idiag_dst);
    id->idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

/* A socket of either family reports a v4 connection: as v4, or as v6 with mapped addresses. */
static bool address_matches(const struct inet_diag_msg *answer, const void *field,
                            const struct in6_addr *wanted)
{
    if (answer->idiag_family == AF_INET)
        return IN6_IS_ADDR_V4MAPPED(wanted) && memcmp(field, &wanted->s6_addr[12], 4) == 0;
    return answer->idiag_family == AF_INET6 && memcmp(field, wanted, 16) == 0;
}

static int judge(const struct inet_diag_msg *answer, const struct run_peer_pair *pair,
                 struct run_peer_owner *out_owner)
{
    const struct inet_diag_sockid *id = &answer->id;
    if (id->idiag_sport != pair->local.sin6_port || id->idiag_dport != pair->remote.sin6_port ||
        !address_matches(answer, id->idiag_src, &pair->local.sin6_addr) ||
        !address_matches(answer, id->idiag_dst, &pair->remote.sin6_addr))
        return RUN_PEER_NOT_FOUND;
    if (!run_peer_state_counts(answer->idiag_state) || answer->idiag_inode == 0)
        return RUN_PEER_NOT_FOUND;
    *out_owner = (struct run_peer_owner){(int64_t)answer->idiag_uid, answer->idiag_inode};
    return 0;
}

static int kernel_error(struct nlmsghdr *header)
{
    const struct nlmsgerr *error = NLMSG_DATA(header);
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof *error)) {
        errno = EPROTO;
        return RUN_PEER_UNAVAILABLE;
    }
    errno = -error->error;
    return errno == ENOENT ? RUN_PEER_NOT_FOUND : RUN_PEER_UNAVAILABLE;
}

static int read_answer(int netlink, const struct run_peer_pair *pair,
                       struct run_peer_owner *out_owner)
{
    union {
        struct nlmsghdr header;
        char bytes[ANSWER_BYTES];
    } answer;
    ssize_t size = recv(netlink, &answer, sizeof answer, 0);
    if (size < 0)
        return RUN_PEER_UNAVAILABLE;
    if (!NLMSG_OK(&answer.header, (size_t)size)) {
        errno = EPROTO;
        return RUN_PEER_UNAVAILABLE;
    }
    if (answer.header.nlmsg_type == NLMSG_ERROR)
        return kernel_error(&answer.header);
    if (answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        answer.header.nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg))) {
        errno = EPROTO;
        return RUN_PEER_UNAVAILABLE;
    }
    return judge(NLMSG_DATA(&answer.header), pair, out_owner);
}

static int ask_kernel(const struct run_peer_pair *pair, struct run_peer_owner *out_owner)
{
    struct question question;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink < 0)
        return RUN_PEER_UNAVAILABLE;
    fill_question(pair, &question);
    int result = RUN_PEER_UNAVAILABLE;
    if (sendto(netlink, &question, sizeof question, 0, (struct sockaddr *)&kernel, sizeof kernel) ==
        (ssize_t)sizeof question)
        result = read_answer(netlink, pair, out_owner);
    int error = errno;
    (void)close(netlink);
    errno = error;
    return result;
}

static int unix_owner(int socket, struct run_peer_owner *out_owner)
{
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return RUN_PEER_UNAVAILABLE;
    *out_owner = (struct run_peer_owner){(int64_t)credentials.uid, 0};
    return 0;
}

static int take_uid(int result, const struct run_peer_owner *owner, int64_t *out_uid)
{
    if (result == 0)
        *out_uid = owner->uid;
    return result;
}

int run_peer_uid_from_proc(int socket, int64_t *out_uid)
{
    struct run_peer_pair pair;
    struct run_peer_owner owner;
    int result = run_peer_pair_of(socket, &pair);
    return take_uid(result == 0 ? run_peer_proc_find(&pair, &owner) : result, &owner, out_uid);
}

int run_peer_owner(int socket, struct run_peer_owner *out_owner)
{
    struct run_peer_pair pair;
    int domain = 0;
    socklen_t size = sizeof domain;
    if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0)
        return RUN_PEER_UNAVAILABLE;
    if (domain == AF_UNIX)
        return unix_owner(socket, out_owner);
    int result = run_peer_pair_of(socket, &pair);
    if (result == 0)
        result = ask_kernel(&pair, out_owner);
    return result == RUN_PEER_UNAVAILABLE ? run_peer_proc_find(&pair, out_owner) : result;
}

int run_peer_uid(int socket, int64_t *out_uid)
{
    struct run_peer_owner owner = {0};
    return take_uid(run_peer_owner(socket, &owner), &owner, out_uid);
}
