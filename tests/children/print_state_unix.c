/* Prints what a program inherits: open descriptors, signals, limits, its session. Every line is
 * "word number" or "word text". */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void print_descriptors(void)
{
    for (int fd = 0; fd < 70000; fd++) {
        struct stat status;
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0)
            continue;
        const char *kind = "other";
        if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode))
            kind = "pipe";
        else if (isatty(fd))
            kind = "tty";
        else if (S_ISCHR(status.st_mode))
            kind = "null";
        printf("fd %d %s%s\n", fd, kind, (flags & O_NONBLOCK) ? " nonblocking" : "");
    }
}

static void print_signals(void)
{
    sigset_t mask;
    int blocked = 0, changed = 0;
    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number <= 64; number++) {
        struct sigaction action;
        blocked += sigismember(&mask, number) == 1;
        changed += sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
    }
    printf("blocked %d\nnotdefault %d\n", blocked, changed);
}

int main(void)
{
    struct rlimit limit;
    int death = 0;
    print_descriptors();
    print_signals();
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    (void)prctl(PR_GET_PDEATHSIG, &death);
    printf("soft %llu\nhard %llu\n", (unsigned long long)limit.rlim_cur,
           (unsigned long long)limit.rlim_max);
    printf("death %d\n", death);
    printf("leads %s\n", getsid(0) == getpid() && getpgrp() == getpid() ? "yes" : "no");
    return 0;
}
