/*
 * Reads case folders. Runs on the test's thread and fails the test where a file cannot be read: a
 * missing folder must never look like success.
 */
#include "tests/wire/support_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/wire/support_folder.h"

uint8_t *support_file_read(const char *path, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("cannot open %s", path);
    }
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    assert_true(size >= 0);
    uint8_t *data = malloc((size_t)size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    data[size] = 0;
    *out_size = (size_t)size;
    return data;
}

/* The search for the cases of a folder. */
struct search {
    const char *folder;
    const char *ending;
    void (*on_case)(const char *stem);
    size_t count;
};

static int look_at(void *context, const char *name)
{
    struct search *search = context;
    size_t size = strlen(name);
    size_t ending_size = strlen(search->ending);
    if (size <= ending_size || strcmp(name + size - ending_size, search->ending) != 0) {
        return 0;
    }
    char stem[512];
    int stem_size = (int)(size - ending_size);
    int written = snprintf(stem, sizeof stem, "%s/%.*s", search->folder, stem_size, name);
    assert_in_range(written, 1, sizeof stem - 1);
    search->on_case(stem);
    search->count++;
    return 0;
}

size_t support_file_cases(const char *folder, const char *ending, void (*on_case)(const char *stem))
{
    struct search search = {.folder = folder, .ending = ending, .on_case = on_case};
    if (support_folder_each(folder, look_at, &search)) {
        fail_msg("cannot read %s", folder);
    }
    return search.count;
}
