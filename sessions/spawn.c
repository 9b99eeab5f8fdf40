/*
 * The parts of a program start that are the same everywhere: copying the spec, wording failures.
 */
#include "sessions/spawn.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static uint64_t list_bytes(const char *const *list, size_t *out_count)
{
    uint64_t bytes = 0;
    size_t count = 0;
    for (; list != NULL && list[count] != NULL; count++)
        bytes += strlen(list[count]) + 1 + sizeof(char *);
    *out_count = count;
    return bytes;
}

uint64_t sess_spawn_spec_bytes(const struct sess_spec *spec)
{
    size_t count;
    uint64_t bytes = list_bytes(spec->argv, &count) + list_bytes(spec->env, &count);
    return bytes + (spec->arg0 != NULL ? strlen(spec->arg0) + 1 : 0);
}

/* Where the next string goes. */
struct arena {
    char **pointers;
    char *strings;
};

static char *copy_string(struct arena *arena, const char *string)
{
    size_t size = strlen(string) + 1;
    char *copy = arena->strings;
    memcpy(copy, string, size);
    arena->strings += size;
    return copy;
}

static char **copy_list(struct arena *arena, const char *const *list, size_t count)
{
    char **copy = arena->pointers;
    for (size_t i = 0; i < count; i++)
        copy[i] = copy_string(arena, list[i]);
    copy[count] = NULL;
    arena->pointers += count + 1;
    return copy;
}

static const char *find_path(char *const *env)
{
    for (; *env != NULL; env++) {
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    }
    return NULL;
}

struct sess_spawn *sess_spawn_new(const struct sess_spec *spec, const struct iocp_port *port,
                                  struct sess_platform *platform, const struct sess_memory *memory)
{
    size_t argc, envc;
    uint64_t bytes = list_bytes(spec->argv, &argc) + list_bytes(spec->env, &envc);
    bytes += 2 * sizeof(char *); /* the ends of both */
    bytes += spec->cwd != NULL ? strlen(spec->cwd) + 1 : 0;
    bytes += spec->arg0 != NULL ? strlen(spec->arg0) + 1 : 0;
    assert(argc > 0);
    struct sess_spawn *spawn = sess_memory_take(memory, sizeof(*spawn) + (size_t)bytes);
    if (spawn == NULL)
        return NULL;
    memset(spawn, 0, sizeof(*spawn));
    struct arena arena = {.pointers = (char **)(spawn + 1)};
    arena.strings = (char *)(arena.pointers + argc + envc + 2);
    spawn->help.what = "start of a program";
    spawn->port = port;
    spawn->platform = platform;
    spawn->stdio = spec->stdio;
    spawn->rows = spec->rows != 0 ? spec->rows : SESS_TTY_ROWS;
    spawn->columns = spec->columns != 0 ? spec->columns : SESS_TTY_COLUMNS;
    spawn->argv = copy_list(&arena, spec->argv, argc);
    spawn->env = copy_list(&arena, spec->env, envc);
    spawn->program = spawn->argv[0];
    if (spec->arg0 != NULL)
        spawn->argv[0] = copy_string(&arena, spec->arg0);
    spawn->search = find_path(spawn->env);
    spawn->wrap = spec->wrap;
    spawn->cwd = spec->cwd != NULL ? copy_string(&arena, spec->cwd) : NULL;
    spawn->process = spawn->input = spawn->output[0] = spawn->output[1] = IOCP_NO_HANDLE;
    return spawn;
}

void sess_spawn_free(struct sess_spawn *spawn, const struct sess_memory *memory)
{
    if (spawn == NULL)
        return;
    iocp_handle_close(spawn->port, spawn->process);
    iocp_handle_close(spawn->port, spawn->input);
    iocp_handle_close(spawn->port, spawn->output[0]);
    iocp_handle_close(spawn->port, spawn->output[1]);
    if (spawn->wrap != NULL)
        spawn->wrap->drop(spawn->wrap);
    sess_memory_free(memory, spawn);
}

/* Bytes of name that are shown: whole characters of UTF-8. */
static int shown_bytes(const char *name)
{
    enum { SHOWN_BYTES = 200 };
    size_t size = strlen(name);
    if (size <= SHOWN_BYTES)
        return (int)size;
    size = SHOWN_BYTES;
    while (size > 0 && ((unsigned char)name[size] & 0xC0) == 0x80)
        size--;
    return (int)size;
}

void sess_spawn_fail(struct sess_spawn *spawn, int result, int os_error, const char *verb,
                     const char *name)
{
    char buffer[128];
    const char *why = sess_platform_error_text(os_error, buffer, sizeof(buffer));
    int shown = name != NULL ? shown_bytes(name) : 0;
    spawn->result = result;
    spawn->os_error = os_error;
    (void)snprintf(spawn->text, sizeof(spawn->text), "cannot %s%s%.*s: %s (os error %d)", verb,
                   shown > 0 ? " " : "", shown, name != NULL ? name : "", why, os_error);
}
