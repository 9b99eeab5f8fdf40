/* Ignores SIGTERM and SIGHUP, says so, and waits for ever. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;)
        (void)pause();
}
