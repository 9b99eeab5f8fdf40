/* Folders of a Windows build: FindFirstFileW, whose names become UTF-8. Any thread. */
#include "tests/wire/support_folder.h"

#include <stdio.h>

#include <windows.h>

/* The longest path that is taken, and room for a name: 255 characters of three bytes at most. */
#define PATH_CHARS 1024
#define NAME_BYTES 768

/* The handle that lists the folder, and its first entry. */
static HANDLE open_folder(const char *folder, WIN32_FIND_DATAW *out_entry)
{
    char pattern[PATH_CHARS];
    wchar_t wide[PATH_CHARS];
    int size = snprintf(pattern, sizeof pattern, "%s/*", folder);
    if (size < 0 || size >= PATH_CHARS ||
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, pattern, -1, wide, PATH_CHARS) == 0) {
        return INVALID_HANDLE_VALUE;
    }
    return FindFirstFileW(wide, out_entry);
}

static int report(const WIN32_FIND_DATAW *entry, int (*on_name)(void *context, const char *name),
                  void *context)
{
    char name[NAME_BYTES];
    if (entry->cFileName[0] == L'.') {
        return 0;
    }
    if (WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, entry->cFileName, -1, name, NAME_BYTES,
                            NULL, NULL) == 0) {
        return -1;
    }
    return on_name(context, name);
}

int support_folder_each(const char *folder, int (*on_name)(void *context, const char *name),
                        void *context)
{
    WIN32_FIND_DATAW entry;
    HANDLE found = open_folder(folder, &entry);
    int result;
    if (found == INVALID_HANDLE_VALUE) {
        return -1;
    }
    do {
        result = report(&entry, on_name, context);
    } while (result == 0 && FindNextFileW(found, &entry));
    if (result == 0 && GetLastError() != ERROR_NO_MORE_FILES) {
        result = -1;
    }
    FindClose(found);
    return result;
}
