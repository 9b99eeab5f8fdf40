/* Reads the token file on Unix (auth.h). It is judged on the opened descriptor, so that it cannot
 * be exchanged between look and use; links are followed, since secrets are often mounted as such.
 * O_NONBLOCK keeps a FIFO in its place from holding the start.
 */
#include "runner/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(struct run_why *out_why, const char *path, const char *wrong)
{
    return run_why_set(out_why, -1, "--ws-token-file: `%s` %s", path, wrong);
}

static int check_file(int fd, const char *path, struct run_why *out_why)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return refuse(out_why, path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return refuse(out_why, path, "is not a regular file; put the token into one");
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return refuse(out_why, path, "belongs to another user; make it the server's own");
    if (status.st_mode & (S_IRWXG | S_IRWXO))
        return refuse(out_why, path,
                      "is open to its group or to others; close it with `chmod 600`");
    return 0;
}

/* Reads up to SIZE bytes; more than that in the file is noticed by the caller. */
static ssize_t read_up_to(int fd, char *bytes, size_t size)
{
    size_t used = 0;
    while (used < size) {
        ssize_t count = read(fd, bytes + used, size - used);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        used += (size_t)count;
    }
    return (ssize_t)used;
}

static size_t strip_newline(const char *bytes, size_t size)
{
    if (size > 0 && bytes[size - 1] == '\n')
        size--;
    if (size > 0 && bytes[size - 1] == '\r')
        size--;
    return size;
}

static int take_token(const char *bytes, size_t size, const char *path, struct run_auth *out_auth,
                      struct run_why *out_why)
{
    size = strip_newline(bytes, size);
    if (size < RUN_TOKEN_MIN_BYTES)
        return refuse(out_why, path,
                      "holds a token of less than 16 characters; make one with `openssl rand -hex "
                      "32`");
    if (size > RUN_TOKEN_MAX_BYTES)
        return refuse(out_why, path, "holds a token of more than 4096 characters; make it shorter");
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] <= ' ' || bytes[i] > '~')
            return refuse(out_why, path,
                          "holds a byte that no token may have (a space, a second line, a control "
                          "character or one beyond ASCII); write the token alone");
    }
    run_sha256(bytes, size, out_auth->token_digest);
    out_auth->token_required = true;
    return 0;
}

int run_auth_load_token(const char *path, struct run_auth *out_auth, struct run_why *out_why)
{
    char
        bytes[RUN_TOKEN_MAX_BYTES + 3]; /* a newline of two bytes, and one to see that it is more */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return run_why_set(out_why, -1, "--ws-token-file: `%s` cannot be opened: %s", path,
                           strerror(errno));
    int result = check_file(fd, path, out_why);
    if (result == 0) {
        ssize_t size = read_up_to(fd, bytes, sizeof bytes);
        result = size < 0 ? refuse(out_why, path, strerror(errno))
                          : take_token(bytes, (size_t)size, path, out_auth, out_why);
        explicit_bzero(bytes, sizeof bytes);
    }
    (void)close(fd);
    return result;
}
