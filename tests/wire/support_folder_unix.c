/* Folders of a Unix build: readdir. Any thread. */
#include "tests/wire/support_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>

int support_folder_each(const char *folder, int (*on_name)(void *context, const char *name),
                        void *context)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;
    int result = 0;
    if (!dir) {
        return -1;
    }
    while (result == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            result = on_name(context, entry->d_name);
        }
    }
    if (!entry && errno != 0) {
        result = -1;
    }
    closedir(dir);
    return result;
}
