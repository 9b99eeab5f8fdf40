/*
 * Leaves a process behind that has forked twice and called setsid, and ends. "double_fork HOLD":
 * what is left behind keeps standard output open if HOLD is 1, else it closes everything. Prints
 * "daemon PID".
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int hold = argc > 1 && atoi(argv[1]) == 1, ready[2];
    char byte;
    if (pipe(ready) != 0)
        return 3;
    pid_t middle = fork();
    if (middle < 0)
        return 3;
    if (middle == 0) {
        (void)setsid();
        pid_t daemon_pid = fork();
        if (daemon_pid < 0)
            _exit(3);
        if (daemon_pid > 0) {
            if (read(ready[0], &byte, 1) != 1)
                _exit(4);
            printf("daemon %d\n", (int)daemon_pid);
            (void)fflush(stdout);
            _exit(0);
        }
        (void)signal(SIGHUP, SIG_IGN);
        (void)close(0);
        if (!hold) {
            (void)close(1);
            (void)close(2);
        }
        if (write(ready[1], "", 1) != 1)
            _exit(5);
        for (;;)
            (void)pause();
    }
    return waitpid(middle, NULL, 0) == middle ? 0 : 4;
}
