/* The files of a folder, as each system lists them. Needs no test framework: the programs that run
 * the fuzz targets' corpora use it too.
 */
#ifndef SUPPORT_FOLDER_H
#define SUPPORT_FOLDER_H

/*
 * Calls on_name with the name of each entry of folder (a UTF-8 path) that does not begin with a
 * dot, in no order, until it returns something else than 0; then this is the result too. Returns 0
 * after the last entry, and -1 if the folder cannot be read to its end.
 */
int support_folder_each(const char *folder, int (*on_name)(void *context, const char *name),
                        void *context);

#endif
