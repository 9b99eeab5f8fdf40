/*
 * A child that ends as it is told: iocp_exit code|signal NUMBER. It first reads its input to the
 * end, so a parent that holds the input open has it wait.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc != 3)
        return 125;
    int number = atoi(argv[2]);
    while (getchar() != EOF)
        continue;
    if (strcmp(argv[1], "signal") == 0)
        (void)raise(number);
    return number;
}
