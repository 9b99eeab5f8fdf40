/* The user at the other end of real connections: over IPv4, IPv6, IPv4 inside IPv6 in each
 * combination, Unix sockets, by both ways of asking; and that ends without an owner are not taken
 * for somebody's.
 */
#include "runner/peer.h"
#include "tests/runner/support_process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534
#define ROUNDS 200

struct connection {
    int client;
    int server;
};

static socklen_t make_address(int family, const char *ip, uint16_t port,
                              struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (family == AF_INET) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        assert_int_equal(inet_pton(AF_INET, ip, &v4.sin_addr), 1);
        memcpy(out, &v4, sizeof v4);
        return sizeof v4;
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET6, ip, &v6.sin6_addr), 1);
    memcpy(out, &v6, sizeof v6);
    return sizeof v6;
}

static uint16_t port_of(int socket)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    assert_int_equal(getsockname(socket, (struct sockaddr *)&address, &size), 0);
    uint16_t port;
    memcpy(&port, (char *)&address + 2, sizeof port); /* the same place in both families */
    return ntohs(port);
}

/* A listener of one family that takes both where it can. */
static int listen_at(int family, const char *ip)
{
    struct sockaddr_storage address;
    int off = 0;
    int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    if (family == AF_INET6)
        (void)setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    socklen_t size = make_address(family, ip, 0, &address);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 8), 0);
    return listener;
}

/* From an address of its own, if one is given. */
static struct connection connect_from(const char *own_ip, int listener, int family, const char *ip)
{
    struct sockaddr_storage address;
    struct connection c = {.client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(c.client >= 0);
    if (own_ip != NULL) {
        socklen_t own_size = make_address(family, own_ip, 0, &address);
        assert_int_equal(bind(c.client, (struct sockaddr *)&address, own_size), 0);
    }
    socklen_t size = make_address(family, ip, port_of(listener), &address);
    assert_int_equal(connect(c.client, (struct sockaddr *)&address, size), 0);
    c.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(c.server >= 0);
    return c;
}

static struct connection connect_to(int listener, int family, const char *ip)
{
    return connect_from(NULL, listener, family, ip);
}

static void close_both(struct connection *c)
{
    (void)close(c->client);
    (void)close(c->server);
}

static void assert_uid(int socket, int64_t wanted)
{
    int64_t uid = -1;
    assert_int_equal(run_peer_uid(socket, &uid), 0);
    assert_int_equal(uid, wanted);
    uid = -1;
    assert_int_equal(run_peer_uid_from_proc(socket, &uid), 0);
    assert_int_equal(uid, wanted);
}

static void assert_not_found(int socket)
{
    int64_t uid = -5;
    assert_int_equal(run_peer_uid(socket, &uid), RUN_PEER_NOT_FOUND);
    assert_int_equal(run_peer_uid_from_proc(socket, &uid), RUN_PEER_NOT_FOUND);
    assert_int_equal(uid, -5);
}

static void check_pair(int listen_family, const char *listen_ip, int family, const char *ip)
{
    int listener = listen_at(listen_family, listen_ip);
    struct connection c = connect_to(listener, family, ip);
    assert_uid(c.server, (int64_t)geteuid());
    assert_uid(c.client, (int64_t)geteuid());
    close_both(&c);
    (void)close(listener);
}

static void test_peer_uid_over_v4(void **state)
{
    (void)state;
    check_pair(AF_INET, "127.0.0.1", AF_INET, "127.0.0.1");
    check_pair(AF_INET, "0.0.0.0", AF_INET, "127.0.0.7");
}

static bool has_v6(void)
{
    struct sockaddr_storage address;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    socklen_t size = make_address(AF_INET6, "::1", 0, &address);
    bool works = bind(fd, (struct sockaddr *)&address, size) == 0;
    (void)close(fd);
    return works;
}

static void test_peer_uid_over_v6(void **state)
{
    (void)state;
    if (!has_v6())
        skip();
    check_pair(AF_INET6, "::1", AF_INET6, "::1");
    check_pair(AF_INET6, "::", AF_INET6, "::1");
}

static void test_peer_uid_of_v4_inside_v6(void **state)
{
    (void)state;
    if (!has_v6())
        skip();
    check_pair(AF_INET6, "::", AF_INET, "127.0.0.1");
    check_pair(AF_INET6, "::", AF_INET6, "::ffff:127.0.0.1");
    check_pair(AF_INET, "127.0.0.1", AF_INET6, "::ffff:127.0.0.1");
}

static void test_peer_uid_of_a_unix_socket(void **state)
{
    (void)state;
    int ends[2];
    int64_t uid = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(run_peer_uid(ends[0], &uid), 0);
    assert_int_equal(uid, (int64_t)geteuid());
    assert_int_equal(run_peer_uid_from_proc(ends[0], &uid), RUN_PEER_NOT_LOCAL);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* The other end is closed; while ours is open it lives on in the kernel without an owner, for which
 * the kernel may report user 0.
 */
static void test_peer_uid_of_a_closed_end_is_not_found(void **state)
{
    (void)state;
    char byte;
    int listener = listen_at(AF_INET, "127.0.0.1");
    struct connection c = connect_to(listener, AF_INET, "127.0.0.1");
    (void)close(c.client);
    assert_int_equal(recv(c.server, &byte, 1, 0), 0); /* the end has arrived */
    assert_not_found(c.server);
    (void)close(c.server);
    (void)close(listener);
}

/* The exact look-up falls back to a listener of the peer's port if there is no connection. The
 * client's end is made to vanish without a word, so that the server's still takes itself for
 * connected. Its address is nobody else's, so that the port is free then.
 */
static void test_peer_uid_of_a_listener_in_the_peers_place_is_not_found(void **state)
{
    (void)state;
    struct sockaddr_storage address;
    int on = 1;
    if (geteuid() != 0)
        skip(); /* only root can take a connection away silently */
    int listener = listen_at(AF_INET, "127.0.0.1");
    static const char own_ip[] = "127.81.43.7";
    struct connection c = connect_from(own_ip, listener, AF_INET, "127.0.0.1");
    uint16_t port = port_of(c.client);
    assert_uid(c.server, (int64_t)geteuid());
    assert_int_equal(setsockopt(c.client, IPPROTO_TCP, TCP_REPAIR, &on, sizeof on), 0);
    (void)close(c.client);
    assert_not_found(c.server);
    int squatter = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = make_address(AF_INET, own_ip, port, &address);
    assert_int_equal(bind(squatter, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(squatter, 1), 0);
    assert_not_found(c.server);
    (void)close(squatter);
    (void)close(c.server);
    (void)close(listener);
}

static void test_peer_uid_of_another_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can connect as somebody else */
    int done[2];
    int status = 0;
    assert_int_equal(pipe2(done, O_CLOEXEC), 0);
    int listener = listen_at(AF_INET, "127.0.0.1");
    uint16_t port = port_of(listener);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char byte;
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        (void)close(done[1]);
        if (setuid(NOBODY) != 0)
            _exit(1);
        int client = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(client, (struct sockaddr *)&to, sizeof to) != 0)
            _exit(2);
        (void)support_read(done[0], &byte, 1);
        _exit(0);
    }
    struct pollfd poll_fd = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, DEADLINE_MS), 1);
    int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(server >= 0);
    assert_uid(server, NOBODY);
    (void)close(done[0]);
    (void)close(done[1]);
    assert_true(support_wait_child(pid, &status));
    assert_int_equal(status, 0);
    (void)close(server);
    (void)close(listener);
}

/* We hold our end, and are where we are; nobody holds a socket that there is not. */
static void test_peer_is_outside(void **state)
{
    (void)state;
    struct run_peer_owner owner;
    int listener = listen_at(AF_INET, "127.0.0.1");
    struct connection c = connect_to(listener, AF_INET, "127.0.0.1");
    assert_int_equal(run_peer_owner(c.server, &owner), 0);
    assert_true(owner.inode > 0);
    assert_true(run_peer_is_outside(owner.inode));
    assert_false(run_peer_is_outside(UINT64_MAX));
    close_both(&c);
    (void)close(listener);
}

static void test_peer_uid_of_an_unconnected_socket(void **state)
{
    (void)state;
    int64_t uid;
    int listener = listen_at(AF_INET, "127.0.0.1");
    assert_int_equal(run_peer_uid(listener, &uid), RUN_PEER_NOT_FOUND);
    (void)close(listener);
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(run_peer_uid(file, &uid), RUN_PEER_UNAVAILABLE);
    (void)close(file);
}

static double micros_of(int (*find)(int, int64_t *), int socket)
{
    struct timespec begin;
    struct timespec end;
    int64_t uid;
    int failures = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < ROUNDS; i++)
        failures += find(socket, &uid) != 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    assert_int_equal(failures, 0);
    return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) /
           1000.0 / ROUNDS;
}

static void test_peer_uid_costs(void **state)
{
    (void)state;
    int listener = listen_at(AF_INET, "127.0.0.1");
    struct connection c = connect_to(listener, AF_INET, "127.0.0.1");
    double fast = micros_of(run_peer_uid, c.server);
    double slow = micros_of(run_peer_uid_from_proc, c.server);
    print_message("a look-up takes %.1f us, by /proc %.1f us\n", fast, slow);
    close_both(&c);
    (void)close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peer_uid_over_v4),
        cmocka_unit_test(test_peer_uid_over_v6),
        cmocka_unit_test(test_peer_uid_of_v4_inside_v6),
        cmocka_unit_test(test_peer_uid_of_a_unix_socket),
        cmocka_unit_test(test_peer_uid_of_a_closed_end_is_not_found),
        cmocka_unit_test(test_peer_uid_of_a_listener_in_the_peers_place_is_not_found),
        cmocka_unit_test(test_peer_uid_of_another_user),
        cmocka_unit_test(test_peer_is_outside),
        cmocka_unit_test(test_peer_uid_of_an_unconnected_socket),
        cmocka_unit_test(test_peer_uid_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
