/* Closes standard output and standard error, then waits for the end of standard input. */
#include <unistd.h>

int main(void)
{
    char byte;
    (void)close(1);
    (void)close(2);
    while (read(0, &byte, 1) > 0)
        continue;
    return 4;
}
