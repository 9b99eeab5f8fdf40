/* Says what terminal it has, then the size again at each change of it, until a line "end" comes. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static volatile sig_atomic_t changed = 1;

static void on_change(int number)
{
    (void)number;
    changed = 1;
}

static void print_size(void)
{
    struct winsize size;
    changed = 0;
    if (ioctl(0, TIOCGWINSZ, &size) == 0)
        printf("size %d x %d\n", size.ws_row, size.ws_col);
    (void)fflush(stdout);
}

int main(void)
{
    char line[256];
    sigset_t blocked, none;
    int control = open("/dev/tty", O_RDWR);
    struct sigaction action = {.sa_handler = on_change};
    (void)sigemptyset(&none);
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGWINCH);
    (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
    (void)sigaction(SIGWINCH, &action, NULL);
    printf("ttys %d%d%d control %s\n", isatty(0), isatty(1), isatty(2),
           control >= 0 ? "yes" : "no");
    printf("foreground %s\n", tcgetpgrp(0) == getpgrp() ? "yes" : "no");
    for (;;) {
        struct pollfd input = {.fd = 0, .events = POLLIN};
        if (changed)
            print_size();
        if (ppoll(&input, 1, NULL, &none) < 0)
            continue;
        ssize_t got = read(0, line, sizeof(line) - 1);
        if (got <= 0)
            return 1;
        line[got] = '\0';
        if (strcmp(line, "end\n") == 0)
            return 0;
    }
}
