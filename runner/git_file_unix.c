/*
 * What a `.git` file says: see git_file.h and gitrepository-layout(5). One line, "gitdir: PATH",
 * relative to where the file is.
 */
#include "runner/git_file.h"

#include "runner/look_up.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char key[] = "gitdir: ";

/* Reads the file's line without its end. Whether it names a directory. */
static bool read_name(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t got = fd >= 0 ? read(fd, out, size - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    out[got > 0 ? got : 0] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return strncmp(out, key, sizeof(key) - 1) == 0 && out[sizeof(key) - 1] != '\0';
}

static int protect(struct run_permissions *permissions, const char *file, struct run_why *out_why)
{
    char line[PATH_MAX + sizeof(key)], path[2 * PATH_MAX + sizeof(key)];
    enum run_place place;
    char *found;
    if (!read_name(file, line, sizeof(line)))
        return 0;
    const char *name = line + sizeof(key) - 1;
    int folder = name[0] == '/' ? 0 : (int)(strrchr(file, '/') - file) + 1;
    int used = snprintf(path, sizeof(path), "%.*s%s", folder, file, name);
    if (used < 0 || (size_t)used >= sizeof(path) ||
        run_look_up_path(path, NULL, NULL, &found, &place, out_why) != 0)
        return run_why_set(out_why, -1, "%s names a directory that cannot be found", file);
    int result = 0;
    if (place == RUN_PLACE_DIRECTORY &&
        run_permissions_access(permissions, found) == RUN_ACCESS_WRITE)
        result = run_permissions_protect(permissions, found, true);
    free(found);
    return result == 0 ? 0 : run_why_set(out_why, -1, "out of memory");
}

static bool is_git_file(const struct run_grant *grant)
{
    const char *name = strrchr(grant->path, '/');
    return grant->access == RUN_ACCESS_READ && !grant->is_missing && !grant->is_directory &&
           strcmp(name, "/.git") == 0;
}

int run_git_files_protect(struct run_permissions *permissions, struct run_why *out_why)
{
    size_t count = permissions->count;
    char **files = calloc(count + 1, sizeof(*files));
    int result = files != NULL ? 0 : run_why_set(out_why, -1, "out of memory");
    size_t found = 0;
    /* First, since adding grants moves them. */
    for (size_t i = 0; i < count && result == 0; i++) {
        if (is_git_file(&permissions->grants[i]) &&
            (files[found++] = strdup(permissions->grants[i].path)) == NULL)
            result = run_why_set(out_why, -1, "out of memory");
    }
    for (size_t i = 0; i < found; i++) {
        if (result == 0)
            result = protect(permissions, files[i], out_why);
        free(files[i]);
    }
    free(files);
    return result;
}
