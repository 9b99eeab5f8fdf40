/*
 * Closes its terminal everywhere and waits for SIGUSR1; then opens /dev/tty again, says "back", and
 * waits for a line. "reopen_tty exit": ends at once instead, with nothing open.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const char back[] = "back\n";
    char byte;
    sigset_t wanted;
    int number = 0;
    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL);
    if (write(1, "gone\n", 5) != 5)
        return 2;
    for (int fd = 0; fd < 3; fd++)
        (void)close(fd);
    (void)sigwait(&wanted, &number);
    if (argc > 1 && strcmp(argv[1], "exit") == 0)
        return 5;
    int fd = open("/dev/tty", O_RDWR);
    if (fd < 0)
        return 3;
    if (write(fd, back, sizeof(back) - 1) != (ssize_t)sizeof(back) - 1)
        return 4;
    while (read(fd, &byte, 1) == 1 && byte != '\n')
        continue;
    return 6;
}
