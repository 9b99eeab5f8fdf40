/* Listening Unix sockets: their modes, stale and living ones in their place, and what is left. */
#include "runner/unix_path.h"
#include "tests/runner/support_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BACKLOG 16

struct place {
    char directory[64];
    char path[96];
    char lock[112];
};

static int set_up(void **state)
{
    static struct place place;
    (void)snprintf(place.directory, sizeof place.directory, "/tmp/execport-unix-XXXXXX");
    if (!mkdtemp(place.directory))
        return -1;
    (void)snprintf(place.path, sizeof place.path, "%s/sock", place.directory);
    (void)snprintf(place.lock, sizeof place.lock, "%s.lock", place.path);
    *state = &place;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    struct place *place = *state;
    return nftw(place->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct run_unix_path open_at(const char *path)
{
    struct run_unix_path listener = {.fd = -1};
    struct run_why why = {""};
    if (run_unix_path_open(path, BACKLOG, &listener, &why) != 0)
        fail_msg("%s", why.text);
    assert_true(listener.fd >= 0);
    return listener;
}

static void assert_refused(const char *path, const char *wanted)
{
    struct run_unix_path listener;
    struct run_why why = {""};
    assert_int_equal(run_unix_path_open(path, BACKLOG, &listener, &why), -1);
    if (!strstr(why.text, wanted))
        fail_msg("%s", why.text);
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    return address;
}

/* 0 or the errno of the attempt. */
static int try_connect(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(client >= 0);
    int result = connect(client, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    (void)close(client);
    return result;
}

/* A socket as a server leaves it that was killed: at the path, without a listener. */
static void leave_stale(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    (void)close(fd);
    assert_int_equal(try_connect(path), ECONNREFUSED);
}

static int count_entries(const char *directory)
{
    int count = 0;
    DIR *stream = opendir(directory);
    assert_non_null(stream);
    while (readdir(stream))
        count++;
    (void)closedir(stream);
    return count - 2;
}

static void test_unix_path_listens_privately(void **state)
{
    const struct place *place = *state;
    struct stat status;
    mode_t mask = umask(0);
    struct run_unix_path listener = open_at(place->path);
    (void)umask(mask);
    assert_int_equal(stat(place->path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_true(fcntl(listener.fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(listener.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(try_connect(place->path), 0);
    int accepted = accept4(listener.fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    (void)close(accepted);
    assert_int_equal(count_entries(place->directory), 2); /* the socket and its lock */
    run_unix_path_close(&listener);
    assert_int_equal(count_entries(place->directory), 0);
}

static void test_unix_path_longest_fits_and_longer_names_the_limit(void **state)
{
    const struct place *place = *state;
    char path[256];
    size_t length = strlen(place->directory);
    memcpy(path, place->directory, length);
    path[length] = '/';
    memset(path + length + 1, 's', sizeof path - length - 1);
    path[RUN_UNIX_PATH_MAX] = '\0';
    struct run_unix_path listener = open_at(path);
    assert_int_equal(try_connect(path), 0);
    run_unix_path_close(&listener);
    assert_int_equal(count_entries(place->directory), 0);
    path[RUN_UNIX_PATH_MAX] = 's';
    path[RUN_UNIX_PATH_MAX + 1] = '\0';
    assert_refused(path, "has 108 bytes and may have at most 107");
}

static void test_unix_path_replaces_a_stale_socket(void **state)
{
    const struct place *place = *state;
    leave_stale(place->path);
    struct run_unix_path listener = open_at(place->path);
    assert_int_equal(try_connect(place->path), 0);
    run_unix_path_close(&listener);
    assert_int_equal(count_entries(place->directory), 0);
}

/* A killed server's lock is free, its file stays. */
static void test_unix_path_replaces_what_a_killed_server_left(void **state)
{
    const struct place *place = *state;
    int ready[2];
    int status = 0;
    char byte;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct run_unix_path listener;
        if (run_unix_path_open(place->path, BACKLOG, &listener, NULL) != 0 ||
            write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_true(support_read(ready[0], &byte, 1));
    assert_refused(place->path, "another server listens there");
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(support_wait_child(pid, &status));
    assert_int_equal(count_entries(place->directory), 2);
    struct run_unix_path listener = open_at(place->path);
    assert_int_equal(try_connect(place->path), 0);
    run_unix_path_close(&listener);
    assert_int_equal(count_entries(place->directory), 0);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void test_unix_path_in_use_is_left_alone(void **state)
{
    const struct place *place = *state;
    struct run_unix_path first = open_at(place->path);
    assert_refused(place->path, "another server listens there");
    assert_int_equal(try_connect(place->path), 0);
    assert_int_equal(count_entries(place->directory), 2);
    run_unix_path_close(&first);
}

/* A listener that knows nothing of our lock, with its queue of connections full. */
static void test_unix_path_of_another_program_is_left_alone(void **state)
{
    const struct place *place = *state;
    struct sockaddr_un address = address_of(place->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 0), 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(try_connect(place->path), EAGAIN);
    assert_refused(place->path, "another program listens there");
    assert_int_equal(count_entries(place->directory), 1);
    (void)close(client);
    (void)close(fd);
}

static void test_unix_path_that_is_no_socket_is_left_alone(void **state)
{
    const struct place *place = *state;
    int fd = open(place->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_refused(place->path, "no socket is there");
    assert_int_equal(count_entries(place->directory), 1);
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(symlink("elsewhere", place->path), 0);
    assert_refused(place->path, "no socket is there");
    assert_int_equal(count_entries(place->directory), 1);
}

static void test_unix_path_of_another_user_is_left_alone(void **state)
{
    const struct place *place = *state;
    if (geteuid() != 0)
        skip(); /* only root can give a socket away */
    leave_stale(place->path);
    assert_int_equal(chown(place->path, 65534, (gid_t)-1), 0);
    assert_refused(place->path, "another user's socket is there");
    assert_int_equal(count_entries(place->directory), 1);
}

static void test_unix_path_close_removes_only_its_own(void **state)
{
    const struct place *place = *state;
    struct run_unix_path listener = open_at(place->path);
    assert_int_equal(unlink(place->path), 0);
    leave_stale(place->path);
    run_unix_path_close(&listener);
    struct stat status;
    assert_int_equal(lstat(place->path, &status), 0);
    assert_int_equal(count_entries(place->directory), 1);
}

/* The engine may have closed the descriptor itself. */
static void test_unix_path_close_without_the_descriptor(void **state)
{
    const struct place *place = *state;
    struct run_unix_path listener = open_at(place->path);
    assert_int_equal(close(listener.fd), 0);
    listener.fd = -1;
    run_unix_path_close(&listener);
    assert_int_equal(count_entries(place->directory), 0);
}

static void test_unix_path_directories_are_judged(void **state)
{
    const struct place *place = *state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/none/sock", place->directory);
    assert_refused(path, "make it first");
    assert_int_equal(chmod(place->directory, 0777), 0);
    assert_refused(place->path, "everybody may replace files");
    assert_int_equal(chmod(place->directory, 01777), 0);
    struct run_unix_path listener = open_at(place->path);
    run_unix_path_close(&listener);
    assert_int_equal(chmod(place->directory, 0700), 0);
    assert_refused("relative", "must be absolute");
}

static void test_unix_path_many_compete_and_one_wins(void **state)
{
    enum { COMPETITORS = 8 };
    const struct place *place = *state;
    int go[2];
    int result[2];
    char results[COMPETITORS];
    pid_t pids[COMPETITORS];
    leave_stale(place->path);
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    assert_int_equal(pipe2(result, O_CLOEXEC), 0);
    for (int i = 0; i < COMPETITORS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            struct run_unix_path listener;
            char byte;
            (void)close(go[1]);
            (void)support_read(go[0], &byte, 1);
            byte = run_unix_path_open(place->path, BACKLOG, &listener, NULL) == 0 ? 'w' : 'l';
            if (write(result[1], &byte, 1) != 1)
                _exit(1);
            for (;;)
                (void)pause();
        }
    }
    (void)close(go[0]);
    (void)close(go[1]);
    assert_true(support_read(result[0], results, sizeof results));
    int winners = 0;
    for (int i = 0; i < COMPETITORS; i++)
        winners += results[i] == 'w';
    assert_int_equal(winners, 1);
    assert_int_equal(try_connect(place->path), 0);
    for (int i = 0; i < COMPETITORS; i++) {
        int status;
        assert_int_equal(kill(pids[i], SIGKILL), 0);
        assert_true(support_wait_child(pids[i], &status));
    }
    (void)close(result[0]);
    (void)close(result[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_unix_path_listens_privately, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unix_path_longest_fits_and_longer_names_the_limit,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unix_path_replaces_a_stale_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unix_path_replaces_what_a_killed_server_left, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_unix_path_in_use_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unix_path_of_another_program_is_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_unix_path_that_is_no_socket_is_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_unix_path_of_another_user_is_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_unix_path_close_removes_only_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_unix_path_close_without_the_descriptor, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_unix_path_directories_are_judged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unix_path_many_compete_and_one_wins, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
