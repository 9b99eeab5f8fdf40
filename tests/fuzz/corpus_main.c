/*
 * Stands in for libFuzzer where it is not built in: feeds each file of the folders given to the
 * fuzz target once, so that every build repeats what fuzzing found. Fails if a folder holds no
 * file.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feeds one file, in memory that ends where it ends. False if it cannot be read. */
static int feed_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        return 0;
    }
    fseek(file, 0, SEEK_END);
    long end = ftell(file);
    size_t size = end > 0 ? (size_t)end : 0;
    rewind(file);
    uint8_t *data = malloc(size > 0 ? size : 1);
    int is_read = data && fread(data, 1, size, file) == size;
    fclose(file);
    if (is_read) {
        LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return is_read;
}

/* Feeds each file of a folder. Returns how many, or -1 if one cannot be read. */
static int feed_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;
    const struct dirent *entry;
    while (dir && count >= 0 && (entry = readdir(dir)) != NULL) {
        char path[1024];
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        count = feed_file(path) ? count + 1 : -1;
    }
    if (dir) {
        closedir(dir);
    }
    return count;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++) {
        int count = feed_folder(argv[i]);
        printf("%s: %d inputs\n", argv[i], count);
        failed |= count <= 0;
    }
    return failed;
}
