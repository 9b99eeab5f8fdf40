/*
 * Directories: their names, and making them. See files.h. On a helper.
 */
#include "runner/files_directory_linux.h"

#include "wire/rpc_errors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* ---- Lists of names ---- */

static bool grow(void *memory, size_t *capacity, size_t needed, size_t size_bytes)
{
    void **block = memory;
    size_t wanted = *capacity < 64 ? 64 : *capacity;
    while (wanted < needed)
        wanted *= 2;
    if (wanted == *capacity)
        return true;
    void *larger = realloc(*block, wanted * size_bytes);
    if (larger == NULL)
        return false;
    *block = larger;
    *capacity = wanted;
    return true;
}

bool run_file_list_add(struct run_file_list *list, const char *name, bool is_directory,
                       bool is_file)
{
    size_t size = strlen(name) + 1;
    if (!grow(&list->entries, &list->capacity, list->count + 1, sizeof(*list->entries)) ||
        !grow(&list->names, &list->names_capacity, list->names_bytes + size, 1))
        return false;
    memcpy(list->names + list->names_bytes, name, size);
    list->entries[list->count++] = (struct run_file_entry){
        .name = list->names_bytes, .is_directory = is_directory, .is_file = is_file};
    list->names_bytes += size;
    return true;
}

static int compare(const void *left, const void *right, void *names)
{
    const struct run_file_entry *a = left, *b = right;
    return strcmp((const char *)names + a->name, (const char *)names + b->name);
}

void run_file_list_sort(struct run_file_list *list)
{
    if (list->count > 1)
        qsort_r(list->entries, list->count, sizeof(*list->entries), compare, list->names);
}

void run_file_list_free(struct run_file_list *list)
{
    free(list->entries);
    free(list->names);
    *list = (struct run_file_list){0};
}

/* ---- Reading ---- */

DIR *run_directory_open(struct run_file_work *work, const struct run_file_place *place)
{
    if (!S_ISDIR(place->stat.st_mode)) {
        (void)run_file_fail_os(work, ENOTDIR);
        return NULL;
    }
    int fd = run_file_place_open(work, place, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return NULL;
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        (void)run_file_fail_os(work, errno);
        run_file_close(fd);
    }
    return directory;
}

int run_directory_next(struct run_file_work *work, DIR *directory, struct dirent **out_entry)
{
    do {
        errno = 0;
        *out_entry = readdir(directory);
        if (*out_entry == NULL)
            return errno == 0 ? 0 : run_file_fail_os(work, errno);
    } while (strcmp((*out_entry)->d_name, ".") == 0 || strcmp((*out_entry)->d_name, "..") == 0);
    return 1;
}

mode_t run_directory_type(DIR *directory, const struct dirent *entry)
{
    struct stat stat;
    if (entry->d_type != DT_UNKNOWN)
        return (mode_t)DTTOIF(entry->d_type);
    if (fstatat(dirfd(directory), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    return stat.st_mode & S_IFMT;
}

mode_t run_directory_link_type(struct run_file_work *work, const char *path, const char *name)
{
    struct run_file_work look = *work; /* its failure is not the work's */
    struct run_file_place place;
    char *whole = malloc(strlen(path) + strlen(name) + 2);
    mode_t type = 0;
    if (whole == NULL)
        return 0;
    (void)sprintf(whole, "%s/%s", path, name);
    if (run_file_place_find_object(&look, whole, RUN_FILE_LINKS_FOLLOW, false, &place) == 0) {
        type = place.stat.st_mode & S_IFMT;
        run_file_place_close(&place);
    }
    free(whole);
    return type;
}

static int add_entry(struct run_file_work *work, const char *path, DIR *directory,
                     const struct dirent *entry, struct run_file_list *list)
{
    mode_t type = run_directory_type(directory, entry);
    if (S_ISLNK(type))
        type = run_directory_link_type(work, path, entry->d_name);
    if (type == 0)
        return 0; /* it is gone, or leads nowhere */
    if (list->count >= RUN_FILES_DIRECTORY_ENTRIES)
        return run_file_fail(work, WIRE_RPC_CODE_INVALID_REQUEST,
                             "the directory has more than %d entries; fs/walk gives a part of them",
                             RUN_FILES_DIRECTORY_ENTRIES);
    if (!run_file_list_add(list, entry->d_name, S_ISDIR(type), S_ISREG(type)))
        return run_file_fail_os(work, ENOMEM);
    return 0;
}

static int read_entries(struct run_file_work *work, const char *path, DIR *directory,
                        struct run_file_list *list)
{
    struct dirent *entry;
    int result;
    while ((result = run_directory_next(work, directory, &entry)) > 0)
        if (run_file_is_over(work, 0) || add_entry(work, path, directory, entry, list) != 0)
            return -1;
    return result;
}

int run_file_read_directory(struct run_file_work *work, const struct wire_msg_fs *asked,
                            struct run_file_list *out_list)
{
    struct run_file_list list = {0};
    struct run_file_place place;
    if (run_file_place_find_object(work, asked->path, RUN_FILE_LINKS_FOLLOW, false, &place) != 0)
        return -1;
    DIR *directory = run_directory_open(work, &place);
    run_file_place_close(&place);
    if (directory == NULL)
        return -1;
    int result = read_entries(work, asked->path, directory, &list);
    (void)closedir(directory);
    if (result != 0) {
        run_file_list_free(&list);
        return -1;
    }
    run_file_list_sort(&list);
    *out_list = list;
    return 0;
}

/* ---- Making ---- */

/* Whether the path leads to a directory. */
static bool is_directory(struct run_file_work *work, const char *path, enum run_file_links links)
{
    struct run_file_work look = *work;
    struct run_file_place place;
    if (run_file_place_find_object(&look, path, links, false, &place) != 0)
        return false;
    bool is = S_ISDIR(place.stat.st_mode);
    run_file_place_close(&place);
    return is;
}

static int make_one(struct run_file_work *work, const char *path, const struct wire_msg_fs *asked)
{
    enum run_file_links links = asked->follow_symlinks ? RUN_FILE_LINKS_LAST : RUN_FILE_LINKS_NONE;
    struct run_file_place place;
    if (asked->recursive &&
        is_directory(work, path,
                     asked->follow_symlinks ? RUN_FILE_LINKS_FOLLOW : RUN_FILE_LINKS_NONE))
        return 0;
    if (run_file_place_find(work, path, links, true, &place) != 0)
        return -1;
    int result = place.parent >= 0 ? mkdirat(place.parent, place.name, 0777) : -1;
    int os_error = result == 0 ? 0 : place.parent >= 0 ? errno : EEXIST;
    run_file_place_close(&place);
    if (os_error == EEXIST && asked->recursive && is_directory(work, path, links))
        return 0; /* somebody else has made it meanwhile */
    return os_error == 0 ? 0 : run_file_fail_os(work, os_error);
}

/* Puts back the next name that was cut; false: it was whole. */
static bool uncut(char *path, size_t whole_bytes, const char *whole)
{
    size_t size = strlen(path);
    if (size == whole_bytes)
        return false;
    path[size] = whole[size]; /* the slash */
    size_t slashes = strspn(whole + size, "/");
    size_t end = size + slashes + strcspn(whole + size + slashes, "/");
    memcpy(path + size, whole + size, end - size);
    path[end] = 0;
    return true;
}

/* Goes up until something can be made, then down again. */
static int make_all(struct run_file_work *work, char *path, const struct wire_msg_fs *asked)
{
    size_t whole_bytes = strlen(path);
    int result = make_one(work, path, asked);
    while (result != 0 && work->error.os_error == ENOENT && run_file_place_cut(path))
        result = make_one(work, path, asked);
    while (result == 0 && uncut(path, whole_bytes, asked->path))
        result = make_one(work, path, asked);
    return result;
}

int run_file_create_directory(struct run_file_work *work, const struct wire_msg_fs *asked)
{
    if (!asked->recursive)
        return make_one(work, asked->path, asked);
    char *path = strdup(asked->path);
    if (path == NULL)
        return run_file_fail_os(work, ENOMEM);
    int result = make_all(work, path, asked);
    free(path);
    return result;
}
