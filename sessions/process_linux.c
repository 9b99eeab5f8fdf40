/*
 * Signals to a session's leader and its group on Linux, and what it used. The leader is a child of
 * ours that nobody has reaped, so its process id and its group's id cannot belong to a stranger.
 */
#include "sessions/platform_linux.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#ifndef TIOCSIG
#define TIOCSIG _IOW('T', 0x36, int)
#endif

/* Lets the kernel signal the foreground group: asking for its id first could hit a successor. */
static bool interrupt_foreground(const struct sess_sys *sys, iocp_handle tty)
{
    pid_t group = 0;
    uintptr_t number = SIGINT;
    if (tty == IOCP_NO_HANDLE || sys->ioctl((int)tty, TIOCGPGRP, &group) != 0 || group <= 0)
        return false;
    return sys->ioctl((int)tty, TIOCSIG, (void *)number) == 0;
}

int sess_process_interrupt(const struct sess_platform *platform, int64_t leader, iocp_handle tty)
{
    if (interrupt_foreground(platform->sys, tty))
        return 0;
    return platform->sys->kill((pid_t)-leader, SIGINT) == 0 ? 0 : errno;
}

void sess_process_kill_group(const struct sess_platform *platform, int64_t leader)
{
    (void)platform->sys->kill((pid_t)-leader, SIGKILL);
    (void)platform->sys->kill((pid_t)leader, SIGKILL);
}

static uint64_t microseconds(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

void sess_process_usage(const struct sess_platform *platform, iocp_handle process,
                        struct iocp_usage *out_usage)
{
    struct rusage usage;
    siginfo_t info;
    memset(&usage, 0, sizeof(usage));
    memset(&info, 0, sizeof(info));
    *out_usage = (struct iocp_usage){0};
    int options = WEXITED | WNOHANG | WNOWAIT;
    if (platform->sys->wait_pidfd((int)process, &info, options, &usage) != 0 || info.si_pid == 0)
        return;
    out_usage->user_us = microseconds(&usage.ru_utime);
    out_usage->system_us = microseconds(&usage.ru_stime);
    out_usage->peak_rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
}
