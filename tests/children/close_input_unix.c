/* Closes standard input, says "ready" and waits for ever. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    (void)close(0);
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;)
        (void)pause();
}
