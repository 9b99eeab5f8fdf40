/*
 * Files of the case folders: a file whole, and each file of a folder with a given ending. To be
 * called on the test's own thread only.
 */
#ifndef SUPPORT_FILE_H
#define SUPPORT_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Reads a file whole into memory that the caller frees, a NUL behind it; fails the test if not. */
uint8_t *support_file_read(const char *path, size_t *out_size);

/*
 * Calls on_case with the path of each file in folder whose name ends with ending, the ending cut
 * off. Returns how many there were.
 */
size_t support_file_cases(const char *folder, const char *ending,
                          void (*on_case)(const char *stem));

#endif
