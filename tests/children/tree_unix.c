/*
 * Makes a tree of processes and waits for ever: a child in its group, one in a group of its own,
 * one in a session of its own, and a child of that one. Each ignores SIGTERM if an argument is
 * given. Prints "NAME PID" for each, then "ready".
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_for_ever(void)
{
    for (;;)
        (void)pause();
}

/* Returns in the child only. */
static int make(const char *name, int ready)
{
    char byte;
    int pipe_fds[2];
    if (pipe(pipe_fds) != 0)
        exit(3);
    pid_t pid = fork();
    if (pid < 0)
        exit(3);
    if (pid == 0) {
        (void)close(pipe_fds[0]);
        return pipe_fds[1];
    }
    (void)close(pipe_fds[1]);
    if (read(pipe_fds[0], &byte, 1) != 1)
        exit(4);
    (void)close(pipe_fds[0]);
    printf("%s %d\n", name, (int)pid);
    (void)fflush(stdout);
    return ready;
}

static void tell(int fd)
{
    if (write(fd, "", 1) != 1)
        exit(5);
    (void)close(fd);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        (void)signal(SIGTERM, SIG_IGN);
    int fd = make("child", -1);
    if (fd >= 0) {
        tell(fd);
        wait_for_ever();
    }
    fd = make("group", -1);
    if (fd >= 0) {
        (void)setpgid(0, 0);
        tell(fd);
        wait_for_ever();
    }
    fd = make("session", -1);
    if (fd >= 0) {
        (void)setsid();
        int inner = make("grandchild", -1);
        tell(inner >= 0 ? inner : fd);
        wait_for_ever();
    }
    (void)puts("ready");
    (void)fflush(stdout);
    wait_for_ever();
}
