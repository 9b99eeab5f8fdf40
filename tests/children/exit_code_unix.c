/* Ends as its arguments say: "code N", or "signal N" by its own hand. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int number = argc > 2 ? atoi(argv[2]) : 0;
    if (argc > 1 && strcmp(argv[1], "signal") == 0) {
        (void)raise(number);
        return 99; /* it was ignored */
    }
    return number;
}
