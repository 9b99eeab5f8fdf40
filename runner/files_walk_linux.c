/*
 * fs/walk: level by level, so that what lies near the top is told when a limit cuts the rest off.
 * A directory is entered once, however many symlinks lead to it. On a helper.
 */
#include "runner/files_directory_linux.h"

#include "wire/rpc_errors.h"

#include <errno.h>
#include <string.h>

/* A directory that is still to be read: its path is an entry's, or the walk's own. */
struct step {
    size_t entry; /* WALK_ROOT: the walk's own path */
    uint64_t depth;
};
#define WALK_ROOT SIZE_MAX

/* Directories that were entered, by device and number; open addressing. */
struct seen {
    struct seen_one {
        uint64_t device, number;
        bool is_taken;
    } * slots;
    size_t count, capacity; /* a power of two */
};

struct walk {
    struct run_file_work *work;
    const struct wire_msg_fs *asked;
    struct run_file_walk *out;
    struct step *steps;
    size_t first, count, capacity;
    struct seen seen;
    uint64_t max_directories, max_entries, deadline_ns;
};

/* ---- What was seen ---- */

static struct seen_one *seen_slot(const struct seen *seen, uint64_t device, uint64_t number)
{
    size_t at = (size_t)((number ^ (device << 32)) * UINT64_C(0x9E3779B97F4A7C15) >> 20);
    for (;; at++) {
        struct seen_one *one = &seen->slots[at & (seen->capacity - 1)];
        if (!one->is_taken || (one->device == device && one->number == number))
            return one;
    }
}

static bool seen_grow(struct seen *seen)
{
    struct seen larger = {.capacity = seen->capacity == 0 ? 64 : seen->capacity * 2};
    if (seen->count * 2 < seen->capacity)
        return true;
    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < seen->capacity; i++)
        if (seen->slots[i].is_taken)
            *seen_slot(&larger, seen->slots[i].device, seen->slots[i].number) = seen->slots[i];
    larger.count = seen->count;
    free(seen->slots);
    *seen = larger;
    return true;
}

/* 1: it is new and was added; 0: it was seen; -1: out of memory. */
static int seen_add(struct seen *seen, const struct stat *stat)
{
    if (!seen_grow(seen))
        return -1;
    struct seen_one *one = seen_slot(seen, (uint64_t)stat->st_dev, (uint64_t)stat->st_ino);
    if (one->is_taken)
        return 0;
    *one = (struct seen_one){(uint64_t)stat->st_dev, (uint64_t)stat->st_ino, true};
    seen->count++;
    return 1;
}

/* ---- Steps ---- */

static bool add_step(struct walk *walk, size_t entry, uint64_t depth)
{
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity == 0 ? 64 : walk->capacity * 2;
        struct step *larger = realloc(walk->steps, capacity * sizeof(*larger));
        if (larger == NULL)
            return false;
        walk->steps = larger;
        walk->capacity = capacity;
    }
    walk->steps[walk->count++] = (struct step){entry, depth};
    return true;
}

static const char *path_of(const struct walk *walk, const struct step *step)
{
    const struct run_file_list *list = &walk->out->entries;
    return step->entry == WALK_ROOT ? walk->asked->path
                                    : list->names + list->entries[step->entry].name;
}

/* Notes why a directory could not be read. */
static int note_error(struct walk *walk, const char *path)
{
    struct run_file_list *errors = &walk->out->errors;
    const char *text = walk->work->error.text;
    walk->work->error.code = 0;
    if (errors->count / 2 >= RUN_FILES_WALK_ERRORS)
        return 0;
    return run_file_list_add(errors, path, false, false) &&
                   run_file_list_add(errors, text, false, false)
               ? 0
               : run_file_fail_os(walk->work, ENOMEM);
}

/* ---- One directory ---- */

/* What an entry is for the walk: S_IFDIR, S_IFREG, or 0: not told. */
static mode_t type_of(const struct walk *walk, const char *path, DIR *directory,
                      const struct dirent *entry)
{
    mode_t type = run_directory_type(directory, entry);
    if (S_ISLNK(type) && walk->asked->options.follow_directory_symlinks) {
        type = run_directory_link_type(walk->work, path, entry->d_name);
        return S_ISDIR(type) ? type : 0;
    }
    return S_ISDIR(type) || S_ISREG(type) ? type : 0;
}

static int read_names(struct walk *walk, const char *path, DIR *directory,
                      struct run_file_list *names)
{
    struct dirent *entry;
    int result;
    while ((result = run_directory_next(walk->work, directory, &entry)) > 0) {
        if (run_file_is_over(walk->work, 0))
            return -1;
        mode_t type = type_of(walk, path, directory, entry);
        if (type == 0)
            continue;
        if (names->names_bytes > RUN_FILES_LIST_BYTES) {
            walk->out->truncated = true;
            return 0;
        }
        if (!run_file_list_add(names, entry->d_name, S_ISDIR(type), S_ISREG(type)))
            return run_file_fail_os(walk->work, ENOMEM);
    }
    return result;
}

/* PATH/NAME into out, which has room. */
static void join(char *out, const char *path, size_t path_bytes, const char *name)
{
    memcpy(out, path, path_bytes);
    out[path_bytes] = '/';
    memcpy(out + path_bytes + 1, name, strlen(name) + 1);
}

/* Adds the names of a directory to the answer, and its directories to what is to be read. */
static int take_names(struct walk *walk, const struct step *step, const struct run_file_list *names)
{
    struct run_file_list *entries = &walk->out->entries;
    char path[PATH_MAX + NAME_MAX + 2];
    for (size_t i = 0; i < names->count; i++) {
        const struct run_file_entry *entry = &names->entries[i];
        const char *name = names->names + entry->name, *above = path_of(walk, step);
        size_t size = strlen(above);
        if (entries->count >= walk->max_entries || entries->names_bytes > RUN_FILES_LIST_BYTES) {
            walk->out->truncated = true;
            return 0;
        }
        while (size > 0 && above[size - 1] == '/')
            size--;
        if (size > PATH_MAX)
            continue; /* it was not read, or the system would not read what is below it */
        join(path, above, size, name);
        bool is_pruned = walk->asked->options.prune_hidden_directories && name[0] == '.';
        bool goes_down = entry->is_directory && !is_pruned &&
                         step->depth + 1 <= walk->asked->options.max_depth &&
                         step->depth + 1 <= RUN_FILES_WALK_DEPTH;
        if (!run_file_list_add(entries, path, entry->is_directory, entry->is_file) ||
            (goes_down && !add_step(walk, entries->count - 1, step->depth + 1)))
            return run_file_fail_os(walk->work, ENOMEM);
    }
    return 0;
}

/* Reads the directory of a step. An error of the directory is noted, and no failure. */
static int read_step(struct walk *walk, const struct step *step, const struct run_file_place *place)
{
    struct run_file_list names = {0};
    DIR *directory = run_directory_open(walk->work, place);
    int result = directory != NULL ? read_names(walk, path_of(walk, step), directory, &names) : -1;
    if (directory != NULL)
        (void)closedir(directory);
    if (result != 0)
        result = note_error(walk, path_of(walk, step));
    run_file_list_sort(&names);
    if (result == 0)
        result = take_names(walk, step, &names);
    run_file_list_free(&names);
    return result;
}

static bool is_late(struct walk *walk)
{
    if (iocp_now_ns(walk->work->files->port) <= walk->deadline_ns)
        return false;
    walk->out->truncated = true;
    return true;
}

/* Takes one step. Returns 0, or -1 with the work's error. */
static int take_step(struct walk *walk, const struct step *step)
{
    enum run_file_links links = walk->asked->options.follow_directory_symlinks
                                    ? RUN_FILE_LINKS_FOLLOW
                                    : RUN_FILE_LINKS_LAST;
    struct run_file_place place;
    if (run_file_place_find_object(walk->work, path_of(walk, step), links, false, &place) != 0)
        return step->entry == WALK_ROOT ? -1 : note_error(walk, path_of(walk, step));
    int result = 0, is_new = S_ISDIR(place.stat.st_mode) ? seen_add(&walk->seen, &place.stat) : 0;
    if (is_new < 0)
        result = run_file_fail_os(walk->work, ENOMEM);
    else if (is_new > 0 && walk->seen.count > walk->max_directories)
        walk->out->truncated = true;
    else if (is_new > 0)
        result = read_step(walk, step, &place);
    run_file_place_close(&place);
    return result;
}

static int take_steps(struct walk *walk)
{
    int result = add_step(walk, WALK_ROOT, 0) ? 0 : run_file_fail_os(walk->work, ENOMEM);
    while (result == 0 && walk->first < walk->count && !walk->out->truncated && !is_late(walk)) {
        struct step step = walk->steps[walk->first++];
        result = run_file_is_over(walk->work, 0) ? -1 : take_step(walk, &step);
    }
    return result;
}

static uint64_t at_most(uint64_t asked, uint64_t limit)
{
    return asked < limit ? asked : limit;
}

int run_file_walk(struct run_file_work *work, const struct wire_msg_fs *asked,
                  struct run_file_walk *out_walk)
{
    const struct wire_msg_fs_walk *options = &asked->options;
    struct run_file_walk found = {0};
    struct walk walk = {
        .work = work,
        .asked = asked,
        .out = &found,
        .max_directories = at_most(options->max_directories, RUN_FILES_WALK_DIRECTORIES),
        .max_entries = at_most(options->max_entries, RUN_FILES_WALK_ENTRIES),
        .deadline_ns = iocp_now_ns(work->files->port) + work->files->walk_ms * UINT64_C(1000000),
    };
    if (options->max_directories == 0 || options->max_entries == 0)
        return run_file_fail(work, WIRE_RPC_CODE_INVALID_REQUEST,
                             "filesystem walk limits must be greater than zero");
    int result = take_steps(&walk);
    free(walk.steps);
    free(walk.seen.slots);
    if (result != 0) {
        run_file_walk_free(&found);
        return -1;
    }
    *out_walk = found;
    return 0;
}

void run_file_walk_free(struct run_file_walk *walk)
{
    run_file_list_free(&walk->entries);
    run_file_list_free(&walk->errors);
}
