/* Writes to standard output and standard error in turn, so many lines of each. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int lines = argc > 1 ? atoi(argv[1]) : 1;
    for (int i = 0; i < lines; i++) {
        if (printf("out %d\n", i) < 0 || fflush(stdout) != 0)
            return 1;
        if (fprintf(stderr, "err %d\n", i) < 0)
            return 1;
    }
    return 0;
}
