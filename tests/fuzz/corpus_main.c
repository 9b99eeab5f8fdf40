/*
 * Stands in for libFuzzer where it is not built in: feeds each file of the folders given to the
 * fuzz target once, so that every build repeats what fuzzing found. Fails if a folder holds no
 * file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/wire/support_folder.h"

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

/* A folder of inputs, and how many of them were fed. */
struct corpus {
    const char *folder;
    int count;
};

static int feed_name(void *context, const char *name)
{
    struct corpus *corpus = context;
    char path[1024];
    int size = snprintf(path, sizeof path, "%s/%s", corpus->folder, name);
    if (size < 0 || (size_t)size >= sizeof path || !feed_file(path)) {
        fprintf(stderr, "cannot read %s/%s\n", corpus->folder, name);
        return -1;
    }
    corpus->count++;
    return 0;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++) {
        struct corpus corpus = {.folder = argv[i]};
        int result = support_folder_each(corpus.folder, feed_name, &corpus);
        printf("%s: %d inputs\n", corpus.folder, corpus.count);
        failed |= result != 0 || corpus.count == 0;
    }
    return failed;
}
