/*
 * A child that uses what it is told to: iocp_burn MILLISECONDS MEBIBYTES of processor time and of
 * memory that it touches.
 */
#include <stdint.h>
#include <stdlib.h>
#include <windows.h>

static uint64_t used_ms(void)
{
    FILETIME started, ended, system, user;
    if (!GetProcessTimes(GetCurrentProcess(), &started, &ended, &system, &user))
        exit(124);
    uint64_t system_100ns = (uint64_t)system.dwHighDateTime << 32 | system.dwLowDateTime;
    uint64_t user_100ns = (uint64_t)user.dwHighDateTime << 32 | user.dwLowDateTime;
    return (system_100ns + user_100ns) / 10000;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 125;
    size_t size_bytes = (size_t)atoi(argv[2]) * 1024 * 1024;
    uint64_t until_ms = (uint64_t)atoi(argv[1]);
    volatile char *memory = VirtualAlloc(NULL, size_bytes, MEM_COMMIT, PAGE_READWRITE);
    if (memory == NULL)
        return 126;
    for (size_t i = 0; i < size_bytes; i += 1024)
        memory[i] = 1;
    while (used_ms() < until_ms)
        for (unsigned i = 0; i < 100000; i++)
            memory[0]++;
    return 0;
}
