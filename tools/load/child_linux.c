/*
 * The child modes. A child is killed or loses its terminal at any time; it then ends with code 1
 * and says nothing, because whatever it said would be output to be checked.
 */
#include "tools/load/child.h"

#include "tools/load/base.h"
#include "tools/load/pattern.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { WRITE_BYTES = 65536 };

static void make_raw(void)
{
    struct termios mode;

    if (tcgetattr(STDIN_FILENO, &mode) == 0) {
        cfmakeraw(&mode);
        tcsetattr(STDIN_FILENO, TCSANOW, &mode);
    }
}

static bool write_all(const unsigned char *bytes, size_t size_bytes)
{
    while (size_bytes > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, size_bytes);

        if (written <= 0)
            return false;
        bytes += written;
        size_bytes -= (size_t)written;
    }
    return true;
}

/* Reads so many bytes; the end of input counts as having read them. */
static void read_all(size_t size_bytes)
{
    char bytes[64];

    while (size_bytes > 0) {
        ssize_t got =
            read(STDIN_FILENO, bytes, size_bytes < sizeof bytes ? size_bytes : sizeof bytes);

        if (got <= 0)
            return;
        size_bytes -= (size_t)got;
    }
}

static bool flood(uint64_t from, uint64_t to, uint64_t start, const unsigned char *bytes)
{
    while (from < to) {
        size_t part = to - from < WRITE_BYTES ? (size_t)(to - from) : WRITE_BYTES;

        if (!write_all(bytes + (start + from) % LOAD_PATTERN_PERIOD, part))
            return false;
        from += part;
    }
    return true;
}

static int run_flood(uint64_t total, uint64_t seed, bool has_gate)
{
    struct load_pattern *pattern = load_pattern_new();
    unsigned char *bytes = load_alloc(1, LOAD_PATTERN_PERIOD + WRITE_BYTES);
    uint64_t start = load_pattern_start(seed);
    uint64_t first = has_gate && total > 0 ? 1 : 0;
    bool is_good;

    load_pattern_copy(pattern, 0, bytes, LOAD_PATTERN_PERIOD + WRITE_BYTES);
    make_raw();
    is_good = flood(0, first, start, bytes);
    if (has_gate)
        read_all(1);
    is_good = is_good && flood(first, total, start, bytes);
    free(bytes);
    load_pattern_free(pattern);
    return is_good ? 0 : 1;
}

/* Sleeps until nobody can read this child's output any more. */
static void wait_for_orphanhood(void)
{
    struct pollfd wait = {.fd = STDOUT_FILENO};

    while (poll(&wait, 1, -1) <= 0)
        continue;
}

static int run_idle(void)
{
    unsigned char bytes[LOAD_IDLE_FIRST_BYTES];

    memset(bytes, 'i', sizeof bytes);
    make_raw();
    if (!write_all(bytes, LOAD_IDLE_FIRST_BYTES))
        return 1;
    read_all(LOAD_IDLE_READ_BYTES);
    if (!write_all(bytes, LOAD_IDLE_LAST_BYTES))
        return 1;
    wait_for_orphanhood();
    return 0;
}

/* Gives back whole lines as they come. */
static int run_echo(void)
{
    unsigned char line[4096];
    size_t size = 0;

    for (;;) {
        ssize_t got = read(STDIN_FILENO, line + size, sizeof line - size);
        unsigned char *newline;

        if (got <= 0)
            return 1;
        size += (size_t)got;
        while ((newline = memchr(line, '\n', size)) != NULL) {
            size_t length = (size_t)(newline - line) + 1;

            if (!write_all(line, length))
                return 1;
            if (length == 4 && memcmp(line, "end\n", 4) == 0)
                return 0;
            memmove(line, line + length, size - length);
            size -= length;
        }
        if (size == sizeof line)
            return 1;
    }
}

int load_child_main(int argc, char **argv)
{
    const char *mode = argc > 0 ? argv[0] : "";

    if (strcmp(mode, "flood") == 0 && argc >= 3)
        return run_flood(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10), argc > 3);
    if (strcmp(mode, "idle") == 0)
        return run_idle();
    if (strcmp(mode, "echo") == 0)
        return run_echo();
    return load_say("unknown child mode `%s`: flood, idle and echo exist", mode);
}
