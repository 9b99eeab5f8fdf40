/* Uses so many MiB of memory and about so many milliseconds of processor time: "use MIB MS". */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static long used_ms(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 0) * 1024 * 1024;
    long ms = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    volatile char *memory = malloc(bytes + 1);
    if (memory == NULL)
        return 1;
    for (size_t i = 0; i < bytes; i += 1024)
        memory[i] = 1;
    while (used_ms() < ms)
        memory[0]++;
    free((void *)(uintptr_t)memory);
    return 0;
}
