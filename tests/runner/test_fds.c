/* Standard descriptors: closed ones are opened, pipes get a description of their own, the rest is
 * told apart. Everything that touches 0 to 2 happens in a child process.
 */
#include "runner/fds.h"
#include "tests/runner/support_process.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int in_child(int (*body)(void))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(body());
    assert_true(support_wait_child(pid, &status));
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool is_null(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

static int body_opens_closed(void)
{
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[1], STDOUT_FILENO) < 0)
        return 1;
    (void)close(STDIN_FILENO);
    (void)close(STDERR_FILENO);
    if (run_fds_open_standard() != 0)
        return 2;
    if (!is_null(STDIN_FILENO) || !is_null(STDERR_FILENO) || is_null(STDOUT_FILENO))
        return 3;
    if (fcntl(STDIN_FILENO, F_GETFD) & FD_CLOEXEC)
        return 4;
    char byte;
    return read(STDIN_FILENO, &byte, 1) == 0 && write(STDERR_FILENO, "x", 1) == 1 ? 0 : 5;
}

static int body_takes_pipe(void)
{
    int ends[2];
    struct run_fds_standard taken;
    char byte = 0;
    if (pipe(ends) != 0 || dup2(ends[0], STDIN_FILENO) < 0)
        return 1;
    (void)close(ends[0]);
    int shared = dup(STDIN_FILENO); /* as a sibling process would hold it */
    if (run_fds_take(STDIN_FILENO, &taken) != 0)
        return 2;
    if (taken.kind != RUN_FDS_PIPE || taken.fd <= STDERR_FILENO)
        return 3;
    if (!(fcntl(taken.fd, F_GETFL) & O_NONBLOCK) || !(fcntl(taken.fd, F_GETFD) & FD_CLOEXEC))
        return 4;
    if (fcntl(shared, F_GETFL) & O_NONBLOCK)
        return 5;
    if (!is_null(STDIN_FILENO))
        return 6;
    if (read(taken.fd, &byte, 1) != -1 || errno != EAGAIN)
        return 7;
    return write(ends[1], "y", 1) == 1 && read(taken.fd, &byte, 1) == 1 && byte == 'y' ? 0 : 8;
}

/* Closing what was taken is what the reader notices, although 1 stays open. */
static int body_taken_output_ends(void)
{
    int ends[2];
    struct run_fds_standard taken;
    char byte;
    if (pipe(ends) != 0 || dup2(ends[1], STDOUT_FILENO) < 0)
        return 1;
    (void)close(ends[1]);
    if (run_fds_take(STDOUT_FILENO, &taken) != 0 || taken.kind != RUN_FDS_PIPE)
        return 2;
    if (write(taken.fd, "z", 1) != 1 || write(STDOUT_FILENO, "lost", 4) != 4)
        return 3;
    (void)close(taken.fd);
    return read(ends[0], &byte, 1) == 1 && byte == 'z' && read(ends[0], &byte, 1) == 0 ? 0 : 4;
}

static int body_takes_socket(void)
{
    int ends[2];
    struct run_fds_standard taken;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || dup2(ends[0], STDIN_FILENO) < 0)
        return 1;
    if (run_fds_take(STDIN_FILENO, &taken) != 0)
        return 2;
    if (taken.kind != RUN_FDS_SOCKET || (fcntl(ends[0], F_GETFL) & O_NONBLOCK))
        return 3;
    return is_null(STDIN_FILENO) && write(ends[1], "x", 1) == 1 ? 0 : 4;
}

static int body_takes_file(void)
{
    struct run_fds_standard taken;
    FILE *file = tmpfile();
    if (!file || dup2(fileno(file), STDOUT_FILENO) < 0)
        return 1;
    if (run_fds_take(STDOUT_FILENO, &taken) != 0 || taken.kind != RUN_FDS_OTHER)
        return 2;
    /* The same description: the offset of what others write is shared. */
    return write(taken.fd, "abc", 3) == 3 && lseek(fileno(file), 0, SEEK_CUR) == 3 ? 0 : 3;
}

static int body_take_of_closed_fails(void)
{
    struct run_fds_standard taken;
    (void)close(STDIN_FILENO);
    return run_fds_take(STDIN_FILENO, &taken) == -1 && errno == EBADF ? 0 : 1;
}

static void test_fds_opens_what_is_closed(void **state)
{
    (void)state;
    assert_int_equal(in_child(body_opens_closed), 0);
}

static void test_fds_takes_a_pipe_without_touching_the_shared_description(void **state)
{
    (void)state;
    assert_int_equal(in_child(body_takes_pipe), 0);
}

static void test_fds_closing_taken_output_is_its_end(void **state)
{
    (void)state;
    assert_int_equal(in_child(body_taken_output_ends), 0);
}

static void test_fds_takes_a_socket(void **state)
{
    (void)state;
    assert_int_equal(in_child(body_takes_socket), 0);
}

static void test_fds_takes_a_file_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(in_child(body_takes_file), 0);
}

static void test_fds_take_of_a_closed_one_fails(void **state)
{
    (void)state;
    assert_int_equal(in_child(body_take_of_closed_fails), 0);
}

static void test_fds_reopen_refuses_what_is_no_pipe(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(run_fds_reopen_pipe(fd), -1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(run_fds_reopen_pipe(fd), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fds_opens_what_is_closed),
        cmocka_unit_test(test_fds_takes_a_pipe_without_touching_the_shared_description),
        cmocka_unit_test(test_fds_closing_taken_output_is_its_end),
        cmocka_unit_test(test_fds_takes_a_socket),
        cmocka_unit_test(test_fds_takes_a_file_as_it_is),
        cmocka_unit_test(test_fds_take_of_a_closed_one_fails),
        cmocka_unit_test(test_fds_reopen_refuses_what_is_no_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
