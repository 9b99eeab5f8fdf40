/* Waits for a signal, says its name and ends with code 7. */
#include <signal.h>
#include <stdio.h>

int main(void)
{
    sigset_t all;
    int number = 0;
    (void)sigemptyset(&all);
    (void)sigaddset(&all, SIGTERM);
    (void)sigaddset(&all, SIGINT);
    (void)sigaddset(&all, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    (void)puts("ready");
    (void)fflush(stdout);
    (void)sigwait(&all, &number);
    printf("caught %s\n", number == SIGTERM ? "TERM" : number == SIGINT ? "INT" : "USR1");
    return 7;
}
