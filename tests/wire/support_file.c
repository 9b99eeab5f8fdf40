/*
 * Reads case folders with the C library and dirent, which mingw has too. Runs on the test's thread
 * and fails the test where a file cannot be read: a missing folder must never look like success.
 */
#include "tests/wire/support_file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

size_t support_file_cases(const char *folder, const char *ending, void (*on_case)(const char *stem))
{
    DIR *dir = opendir(folder);
    if (!dir) {
        fail_msg("cannot open %s", folder);
    }
    size_t count = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        size_t size = strlen(entry->d_name);
        if (size <= strlen(ending) || strcmp(entry->d_name + size - strlen(ending), ending) != 0) {
            continue;
        }
        char stem[512];
        int stem_size = (int)(size - strlen(ending));
        snprintf(stem, sizeof stem, "%s/%.*s", folder, stem_size, entry->d_name);
        on_case(stem);
        count++;
    }
    closedir(dir);
    return count;
}
