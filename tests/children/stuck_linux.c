/*
 * Mounts a file system on the directory argv[1] that never answers, and says "stuck": whoever looks
 * into it waits, until standard input has ended and the mount has gone. It is FUSE's, of which
 * nobody reads what it is asked. Needs the right to mount.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char byte, options[128];
    int fd = argc == 2 ? open("/dev/fuse", O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return 1;
    snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%u,group_id=%u", fd,
             (unsigned)getuid(), (unsigned)getgid());
    if (mount("stuck", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) != 0)
        return 1;
    if (write(STDOUT_FILENO, "stuck\n", 6) == 6) {
        while (read(STDIN_FILENO, &byte, 1) > 0)
            continue;
    }
    (void)close(fd); /* whoever waits is told that it is not connected */
    return umount2(argv[1], MNT_DETACH) == 0 ? 0 : 1;
}
