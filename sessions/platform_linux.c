/*
 * The host's part on Linux: see platform_linux.h. Made and freed by the host, on no strand.
 */
#include "sessions/platform_linux.h"

#include "sessions/cgroup_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

const char *sess_platform_error_text(int os_error, char *buffer, size_t size_bytes)
{
    return strerror_r(os_error, buffer, size_bytes);
}

/* Which signals a child would not find at their default. Exec resets handlers, not SIG_IGN. */
static void learn_signals(struct sess_platform *platform)
{
    for (int number = 1; number <= 64; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) != 0 || action.sa_handler == SIG_DFL)
            continue; /* the C library's own signals cannot be asked, and are default */
        uint64_t bit = UINT64_C(1) << (number - 1);
        if (action.sa_handler == SIG_IGN)
            platform->ignored_signals |= bit;
        else
            platform->handled_signals |= bit;
    }
}

static int open_slots(struct sess_platform *platform)
{
    const struct sess_sys *sys = platform->sys;
    platform->null_fd = sys->open("/dev/null", O_RDWR | O_CLOEXEC);
    if (platform->null_fd < 0)
        return errno;
    for (int i = 0; i < SESS_SLOT_SETS * SESS_SLOTS; i++) {
        int fd = sys->dup_from(platform->null_fd, 3);
        if (fd < 0)
            return errno;
        platform->slots[i / SESS_SLOTS][i % SESS_SLOTS] = fd;
        if (fd >= platform->slots_end)
            platform->slots_end = fd + 1;
    }
    atomic_init(&platform->free_slots, (1U << SESS_SLOT_SETS) - 1);
    return 0;
}

static void child_limit(struct sess_platform *platform, const struct sess_host_options *options)
{
    if (options->child_nofile_hard != 0) {
        platform->child_nofile.rlim_cur = options->child_nofile_soft;
        platform->child_nofile.rlim_max = options->child_nofile_hard;
    } else {
        (void)getrlimit(RLIMIT_NOFILE, &platform->child_nofile);
    }
}

int sess_platform_open(const struct sess_host_options *options, const struct sess_memory *memory,
                       struct sess_platform **out_platform, struct sess_capacity *capacity,
                       int *out_os_error)
{
    struct sess_platform *platform = sess_memory_take(memory, sizeof(*platform));
    if (platform == NULL)
        return SESS_E_NO_CAPACITY;
    memset(platform, 0, sizeof(*platform));
    memset(platform->slots, -1, sizeof(platform->slots));
    platform->sys = options->sys != NULL ? options->sys : &sess_sys_default;
    platform->server_pid = getpid();
    learn_signals(platform);
    child_limit(platform, options);
    int error = open_slots(platform);
    if (error != 0) {
        sess_platform_close(platform, memory);
        *out_os_error = error;
        return error == EMFILE || error == ENFILE ? SESS_E_NO_CAPACITY : SESS_E_OS;
    }
    if (options->cgroup == SESS_CGROUP_ON)
        platform->cgroups = sess_cgroups_open(platform->sys, memory);
    sess_platform_limits(platform, capacity);
    *out_platform = platform;
    return 0;
}

void sess_platform_close(struct sess_platform *platform, const struct sess_memory *memory)
{
    if (platform == NULL)
        return;
    const int *slots = &platform->slots[0][0];
    sess_cgroups_close(platform->cgroups, memory);
    for (int i = 0; i < SESS_SLOT_SETS * SESS_SLOTS; i++) {
        if (slots[i] >= 0)
            (void)platform->sys->close(slots[i]);
    }
    if (platform->null_fd >= 0)
        (void)platform->sys->close(platform->null_fd);
    sess_memory_free(memory, platform);
}

void sess_platform_give_cgroup(struct sess_platform *platform, uint32_t cgroup)
{
    sess_cgroups_give(platform->cgroups, cgroup);
}

uint64_t sess_platform_cgroups(const struct sess_platform *platform)
{
    return sess_cgroups_count(platform->cgroups);
}
