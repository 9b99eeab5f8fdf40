/* Leaves a child behind that floods standard output for ever, prints "flooder PID", and ends. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    static char data[65536];
    pid_t pid = fork();
    if (pid < 0)
        return 3;
    if (pid == 0) {
        memset(data, 'f', sizeof(data));
        (void)close(2);
        while (write(1, data, sizeof(data)) > 0)
            continue;
        _exit(9);
    }
    printf("flooder %d\n", (int)pid);
    (void)fflush(stdout);
    return 0;
}
