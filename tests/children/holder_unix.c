/*
 * Leaves a child behind that holds standard output, prints "holder PID", and ends at once. The
 * child answers each SIGUSR1 by writing so many bytes: "holder BYTES". A write that fails ends it
 * with code 9; SIGPIPE is at its default.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char data[65536];

static void serve(size_t bytes, const sigset_t *wanted)
{
    memset(data, 'h', sizeof(data));
    (void)close(2);
    for (;;) {
        int number = 0;
        (void)sigwait(wanted, &number);
        for (size_t left = bytes; left > 0;) {
            ssize_t put = write(1, data, left < sizeof(data) ? left : sizeof(data));
            if (put <= 0)
                _exit(9);
            left -= (size_t)put;
        }
    }
}

int main(int argc, char **argv)
{
    size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    sigset_t wanted;
    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL);
    (void)signal(SIGHUP, SIG_IGN);
    pid_t pid = fork();
    if (pid < 0)
        return 3;
    if (pid == 0)
        serve(bytes, &wanted);
    printf("holder %d\n", (int)pid);
    (void)fflush(stdout);
    return 0;
}
