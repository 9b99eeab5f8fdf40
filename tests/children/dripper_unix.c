/*
 * Leaves a child behind that writes a byte to standard output every 20 ms for ever, prints "dripper
 * PID", and ends. Time is what this program is about: it never lets the quiet gap pass.
 */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    pid_t pid = fork();
    if (pid < 0)
        return 3;
    if (pid == 0) {
        (void)close(2);
        while (write(1, ".", 1) == 1)
            (void)poll(NULL, 0, 20);
        _exit(9);
    }
    printf("dripper %d\n", (int)pid);
    (void)fflush(stdout);
    return 0;
}
