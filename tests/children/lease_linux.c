/*
 * Takes a lease on the file argv[1] and says "leased": whoever opens it waits until standard input
 * has ended, or for as long as the system lets anybody wait for a lease (45 s). So a file system
 * that does not answer is had without one.
 */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char byte;
    int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    (void)signal(SIGIO, SIG_IGN); /* the wish that it be given up */
    if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) != 0)
        return 1;
    if (write(STDOUT_FILENO, "leased\n", 7) != 7)
        return 1;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    return 0;
}
