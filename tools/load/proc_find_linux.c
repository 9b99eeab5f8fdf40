/*
 * Finding things in /proc: who listens on a port, whose children are dead, whether anybody runs,
 * how many pseudoterminals are left.
 */
#include "tools/load/proc.h"
#include "tools/load/proc_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct zombie_count {
    const struct load_proc_set *set;
    unsigned count;
};

static void count_zombie(void *context, pid_t pid, const struct load_proc_stat *stat)
{
    struct zombie_count *zombies = context;

    (void)pid;
    for (unsigned i = 0; stat->state == 'Z' && i < zombies->set->count; i++)
        zombies->count += stat->parent == zombies->set->items[i].pid;
}

unsigned load_proc_zombies(const struct load_proc_set *set)
{
    struct zombie_count zombies = {.set = set};

    load_proc_each(count_zombie, &zombies);
    return zombies.count;
}

struct runner_search {
    pid_t root;
    bool is_found;
};

static bool descends(pid_t pid, pid_t parent, pid_t root)
{
    struct load_proc_stat stat = {.parent = parent};

    while (pid != root && stat.parent > 1) {
        pid = stat.parent;
        if (!load_proc_read_stat(pid, &stat))
            break;
    }
    return pid == root;
}

static void find_runner(void *context, pid_t pid, const struct load_proc_stat *stat)
{
    struct runner_search *search = context;
    bool waits = stat->state == 'S' || stat->state == 'Z' || stat->state == 'X';

    if (!waits && descends(pid, stat->parent, search->root))
        search->is_found = true;
}

bool load_proc_is_at_rest(pid_t root)
{
    struct runner_search search = {.root = root};

    load_proc_each(find_runner, &search);
    return !search.is_found;
}

/* The inode of the socket that listens on the port, from one of the tables of /proc/net; 0: none.
 */
static unsigned long listening_inode(const char *table, unsigned port)
{
    enum { STATE_LISTEN = 0x0a };
    char line[512];
    unsigned long found = 0;
    FILE *file = fopen(table, "re");

    if (file == NULL)
        return 0;
    while (found == 0 && fgets(line, sizeof line, file) != NULL) {
        unsigned local_port;
        unsigned state;
        unsigned long inode;

        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
                   &local_port, &state, &inode) == 3 &&
            local_port == port && state == STATE_LISTEN)
            found = inode;
    }
    fclose(file);
    return found;
}

static bool holds_socket(pid_t pid, unsigned long inode)
{
    char path[320];
    char wanted[64];
    char target[64];
    const struct dirent *entry;
    bool found = false;
    DIR *directory;

    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    directory = opendir(path);
    if (directory == NULL)
        return false;
    while (!found && (entry = readdir(directory)) != NULL) {
        ssize_t length;

        snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)pid, entry->d_name);
        length = readlink(path, target, sizeof target - 1);
        if (length > 0) {
            target[length] = '\0';
            found = strcmp(target, wanted) == 0;
        }
    }
    closedir(directory);
    return found;
}

struct listener_search {
    unsigned long inode;
    pid_t pid;
};

static void look_for_listener(void *context, pid_t pid, const struct load_proc_stat *stat)
{
    struct listener_search *search = context;

    (void)stat;
    if (search->pid < 0 && holds_socket(pid, search->inode))
        search->pid = pid;
}

pid_t load_proc_listener(unsigned port)
{
    struct listener_search search = {.inode = listening_inode("/proc/net/tcp", port), .pid = -1};

    if (search.inode == 0)
        search.inode = listening_inode("/proc/net/tcp6", port);
    if (search.inode != 0)
        load_proc_each(look_for_listener, &search);
    return search.pid;
}

static unsigned long number_in(const char *path)
{
    unsigned long number = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu", &number) != 1)
        number = 0;
    fclose(file);
    return number;
}

unsigned load_proc_free_ptys(void)
{
    unsigned long most = number_in("/proc/sys/kernel/pty/max");
    unsigned long open_now = number_in("/proc/sys/kernel/pty/nr");

    /* The kernel refuses the one that would reach the limit. Within a container it keeps some more
     * back (kernel.pty.reserve); that cannot be seen from here. */
    return (unsigned)(most > open_now + 1 ? most - open_now - 1 : 0);
}
