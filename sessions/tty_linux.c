/*
 * Pseudoterminals on Linux: see pty(7), ioctl_tty(2).
 *
 * Our side is the master. The slave is opened through it (TIOCGPTPEER, Linux 4.13), so no path of a
 * devpts mount has to be right. Settings of the master are those of the slave.
 */
#include "sessions/platform_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int sess_tty_resize(const struct sess_platform *platform, iocp_handle handle, uint16_t rows,
                    uint16_t columns)
{
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return platform->sys->ioctl((int)handle, TIOCSWINSZ, &size) == 0 ? 0 : errno;
}

/* Opens the other side of the master. Returns it, or -1 with errno. */
static int open_slave(const struct sess_sys *sys, int master)
{
    int locked = 0;
    uintptr_t flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
    if (sys->ioctl(master, TIOCSPTLCK, &locked) != 0)
        return -1;
    return sys->ioctl(master, TIOCGPTPEER, (void *)flags); /* an int, passed as the argument is */
}

int sess_tty_open(const struct sess_platform *platform, uint16_t rows, uint16_t columns,
                  iocp_handle *out_ours, iocp_handle *out_theirs)
{
    const struct sess_sys *sys = platform->sys;
    int master = sys->open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0)
        return errno;
    int slave = open_slave(sys, master);
    int error = slave < 0 ? errno : sess_tty_resize(platform, master, rows, columns);
    if (error == 0) {
        *out_ours = master;
        *out_theirs = slave;
        return 0;
    }
    if (slave >= 0)
        (void)sys->close(slave);
    (void)sys->close(master);
    return error;
}

int sess_tty_end_of_file(const struct sess_platform *platform, iocp_handle handle,
                         uint8_t *out_character, int *out_os_error)
{
    struct termios settings;
    /* The kernel's structure is smaller than the C library's, which only its wrapper knows. */
    if (tcgetattr((int)handle, &settings) != 0) {
        *out_os_error = errno;
        return SESS_E_OS;
    }
    (void)platform;
    uint8_t character = settings.c_cc[VEOF];
    if (!(settings.c_lflag & ICANON) || character == _POSIX_VDISABLE)
        return SESS_E_NOT_CANONICAL;
    *out_character = character;
    return 0;
}
