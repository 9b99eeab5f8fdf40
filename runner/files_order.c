/*
 * Which calls about files must keep their order: see files_call.h. Paths are compared as text, name
 * by name; a path with ".." is taken to be related to every other. Pure.
 */
#include "runner/files_call.h"

#include <string.h>

/* The next name of a path; "." and empty ones are skipped. */
static struct wire_span next_name(const char **path)
{
    for (;;) {
        *path += strspn(*path, "/");
        size_t size = strcspn(*path, "/");
        struct wire_span name = wire_span_of(*path, size);
        *path += size;
        if (size != 1 || name.data[0] != '.')
            return name;
    }
}

static bool is_dotdot(struct wire_span name)
{
    return name.size == 2 && name.data[0] == '.' && name.data[1] == '.';
}

static bool has_dotdot(const char *path)
{
    struct wire_span name = next_name(&path);
    while (name.size > 0 && !is_dotdot(name))
        name = next_name(&path);
    return name.size > 0;
}

/* Whether one is the other, or lies below it, as far as the text tells. */
static bool are_related(const char *left, const char *right)
{
    if (has_dotdot(left) || has_dotdot(right))
        return true;
    for (;;) {
        struct wire_span a = next_name(&left), b = next_name(&right);
        if (a.size == 0 || b.size == 0)
            return true;
        if (!wire_span_equal(a, b))
            return false;
    }
}

static bool changes_path(enum wire_msg_method method)
{
    return method == WIRE_MSG_METHOD_FS_WRITE_FILE ||
           method == WIRE_MSG_METHOD_FS_CREATE_DIRECTORY || method == WIRE_MSG_METHOD_FS_REMOVE;
}

struct touch {
    const char *path;
    bool changes;
};

/* The paths that a call touches; NULL: none. */
static void touches_of(const struct run_file_call *call, struct touch touches[2])
{
    touches[0] = (struct touch){call->asked.path, changes_path(call->method)};
    touches[1] = (struct touch){call->asked.destination, true};
}

bool run_file_call_must_wait(const struct run_file_call *call, const struct run_file_call *earlier)
{
    struct touch mine[2], theirs[2];
    if (call->handle != NULL && call->handle == earlier->handle)
        return earlier->method == WIRE_MSG_METHOD_FS_OPEN;
    touches_of(call, mine);
    touches_of(earlier, theirs);
    for (unsigned i = 0; i < 2; i++)
        for (unsigned k = 0; k < 2; k++)
            if (mine[i].path != NULL && theirs[k].path != NULL &&
                (mine[i].changes || theirs[k].changes) && are_related(mine[i].path, theirs[k].path))
                return true;
    return false;
}
