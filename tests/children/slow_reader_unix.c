/*
 * Says "ready" and reads nothing until SIGUSR1 comes; then reads standard input to its end and
 * prints "read BYTES SUM", the sum being that of all bytes times their place, modulo 2^32.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    static unsigned char data[65536];
    unsigned long long bytes = 0;
    uint32_t sum = 0;
    sigset_t wanted;
    int number = 0;
    ssize_t got;
    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL);
    (void)puts("ready");
    (void)fflush(stdout);
    (void)sigwait(&wanted, &number);
    while ((got = read(0, data, sizeof(data))) > 0) {
        for (ssize_t i = 0; i < got; i++)
            sum += data[i] * (uint32_t)(++bytes);
    }
    printf("read %llu %lu\n", bytes, (unsigned long)sum);
    return 0;
}
