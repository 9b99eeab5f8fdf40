/* Says "ready" and waits for ever. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;)
        (void)pause();
}
