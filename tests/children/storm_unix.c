/*
 * A storm of processes: each one is in a session of its own and makes others, until there have been
 * as many as the argument says; all of them stay. Prints "ready" when a tenth of them is there.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    unsigned most = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100;
    _Atomic unsigned *count =
        mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (count == MAP_FAILED)
        return 3;
    for (;;) {
        unsigned number = atomic_fetch_add(count, 1) + 1;
        if (number == most / 10 && write(1, "ready\n", 6) != 6)
            return 4;
        if (number > most)
            break;
        if (fork() == 0)
            (void)setsid();
    }
    for (;;)
        (void)pause();
}
