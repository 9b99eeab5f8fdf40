/*
 * A child that uses what it is told to: iocp_burn MILLISECONDS MEBIBYTES of processor time and of
 * memory that it touches.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv)
{
    if (argc != 3)
        return 125;
    size_t size_bytes = (size_t)atoi(argv[2]) * 1024 * 1024;
    char *memory = malloc(size_bytes);
    if (memory == NULL)
        return 126;
    clock_t until = (clock_t)atoi(argv[1]) * (CLOCKS_PER_SEC / 1000);
    volatile char *touched = memory;
    for (size_t i = 0; i < size_bytes; i += 1024)
        touched[i] = 1;
    while (clock() < until)
        touched[0]++;
    free(memory);
    return 0;
}
