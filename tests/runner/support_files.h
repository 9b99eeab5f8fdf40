/*
 * A directory of its own for a test of the file layer, with the layer's structs around it. Removed
 * with all that is in it afterwards.
 */
#ifndef SUPPORT_FILES_H
#define SUPPORT_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner/files.h"

#include <errno.h>
#include <sys/stat.h>

struct support_files {
    struct iocp_port *port;
    struct run_files files;
    struct run_file_work work;
    _Atomic bool cancelled;
    char directory[64];
    char path[2][512]; /* of support_files_path and support_files_path2 */
    char asked[512];
    char root[512];
};

int support_files_setup(void **state);
int support_files_teardown(void **state);

#define SUPPORT_FILES_TEST(function)                                                               \
    cmocka_unit_test_setup_teardown(function, support_files_setup, support_files_teardown)

/* The path of a name in the directory; absolute names as they are. Each has memory of its own,
 * until it is called again. */
const char *support_files_path(struct support_files *files, const char *name);
const char *support_files_path2(struct support_files *files, const char *name);

/* A request about a name, with its defaults; until it is called again. */
struct wire_msg_fs support_files_asked(struct support_files *files, const char *name);

/* Makes a file anew; checks what is in one. */
void support_files_make(struct support_files *files, const char *name, const char *text);
void support_files_expect(struct support_files *files, const char *name, const char *text);

#endif
