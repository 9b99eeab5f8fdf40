/*
 * Makes a child in its group that does what it is told: at SIGUSR1 it leaves for a session of its
 * own, at SIGUSR2 it makes a process there that waits for ever. Prints "child PID", then "ready".
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void obey(const sigset_t *orders)
{
    for (;;) {
        int order = 0;
        if (sigwait(orders, &order) != 0)
            _exit(3);
        if (order == SIGUSR1)
            (void)setsid();
        else if (fork() == 0)
            break;
    }
    for (;;)
        (void)pause();
}

int main(void)
{
    sigset_t orders;
    (void)sigemptyset(&orders);
    (void)sigaddset(&orders, SIGUSR1);
    (void)sigaddset(&orders, SIGUSR2);
    (void)sigprocmask(SIG_BLOCK, &orders, NULL);
    pid_t pid = fork();
    if (pid < 0)
        return 3;
    if (pid == 0)
        obey(&orders);
    printf("child %d\nready\n", (int)pid);
    (void)fflush(stdout);
    for (;;)
        (void)pause();
}
