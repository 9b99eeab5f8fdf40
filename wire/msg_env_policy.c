/*
 * Builds an environment as a list of variables with a hash index of their names, so that a
 * thousand variables over a thousand others cost no million comparisons. A variable that is set
 * again takes the place of the one before it.
 */
#include "wire/msg_env_policy.h"

#include "wire/http_grammar.h"

#include <assert.h>

struct variable {
    const char *name;
    const char *value;  /* NULL: name is a whole string of the server's environment */
    uint32_t name_size; /* without the '=' that may stand behind it */
    uint32_t hash;
    bool is_kept; /* it came from env, over which includeOnly has no say */
};

/* The environment being built. */
struct builder {
    const struct wire_msg_env_request *request;
    struct variable *variables;
    size_t count;
    uint32_t *slots; /* index + 1 of a variable; 0: free */
    size_t slot_mask;
};

static const char *const posix_core[] = {"PATH", "SHELL",  "TMPDIR",   "TEMP",    "TMP",  "HOME",
                                         "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "USER", NULL};
static const char *const windows_core[] = {"PATH",
                                           "PATHEXT",
                                           "SHELL",
                                           "COMSPEC",
                                           "SYSTEMROOT",
                                           "SYSTEMDRIVE",
                                           "USERNAME",
                                           "USERDOMAIN",
                                           "USERPROFILE",
                                           "HOMEDRIVE",
                                           "HOMEPATH",
                                           "PROGRAMFILES",
                                           "PROGRAMFILES(X86)",
                                           "PROGRAMW6432",
                                           "PROGRAMDATA",
                                           "LOCALAPPDATA",
                                           "APPDATA",
                                           "TEMP",
                                           "TMP",
                                           "TMPDIR",
                                           "POWERSHELL",
                                           "PWSH",
                                           NULL};

const struct wire_msg_env_platform wire_msg_env_posix = {.core = posix_core};
const struct wire_msg_env_platform wire_msg_env_windows = {
    .core = windows_core, .ignores_case = true, .pathext = ".COM;.EXE;.BAT;.CMD"};

/* What holds a secret more often than not. */
static const char *const default_excludes[] = {"*KEY*", "*SECRET*", "*TOKEN*"};

static bool is_continuation(uint8_t c)
{
    return (c & 0xC0) == 0x80;
}

/* Where the character behind index begins. */
static size_t next_character(const char *name, size_t name_size, size_t index)
{
    do {
        index++;
    } while (index < name_size && is_continuation((uint8_t)name[index]));
    return index;
}

bool wire_msg_env_match(const char *glob, const char *name, size_t name_size)
{
    const char *star = NULL; /* behind the last star */
    size_t retry = 0;        /* where that star ends if what follows does not match */
    size_t i = 0;
    while (i < name_size) {
        if (*glob == '*') {
            star = ++glob;
            retry = i;
        } else if (*glob == '?') {
            glob++;
            i = next_character(name, name_size, i);
        } else if (*glob && wire_http_lower((uint8_t)*glob) == wire_http_lower((uint8_t)name[i])) {
            glob++;
            i++;
        } else if (star) {
            glob = star;
            i = ++retry;
        } else {
            return false;
        }
    }
    while (*glob == '*') {
        glob++;
    }
    return *glob == 0;
}

static bool matches_any(const struct wire_msg_strings *globs, const struct variable *variable)
{
    for (size_t i = 0; i < globs->count; i++) {
        if (wire_msg_env_match(globs->items[i], variable->name, variable->name_size)) {
            return true;
        }
    }
    return false;
}

static uint8_t fold(const struct builder *builder, char c)
{
    return builder->request->platform->ignores_case ? wire_http_lower((uint8_t)c) : (uint8_t)c;
}

/* FNV-1a */
static uint32_t hash_name(const struct builder *builder, const char *name, size_t size)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ fold(builder, name[i])) * 16777619u;
    }
    return hash;
}

static bool is_same_name(const struct builder *builder, const struct variable *left,
                         const struct variable *right)
{
    if (left->hash != right->hash || left->name_size != right->name_size) {
        return false;
    }
    for (size_t i = 0; i < left->name_size; i++) {
        if (fold(builder, left->name[i]) != fold(builder, right->name[i])) {
            return false;
        }
    }
    return true;
}

/* The slot of the variable with the same name, or the free one where it belongs. */
static uint32_t *find_slot(const struct builder *builder, const struct variable *variable)
{
    size_t index = variable->hash & builder->slot_mask;
    while (builder->slots[index] &&
           !is_same_name(builder, &builder->variables[builder->slots[index] - 1], variable)) {
        index = (index + 1) & builder->slot_mask;
    }
    return &builder->slots[index];
}

static struct variable make_variable(const struct builder *builder, const char *name, size_t size,
                                     const char *value)
{
    struct variable variable = {.name = name, .value = value, .name_size = (uint32_t)size};
    variable.hash = hash_name(builder, name, size);
    return variable;
}

static void put_variable(struct builder *builder, const struct variable *variable)
{
    uint32_t *slot = find_slot(builder, variable);
    if (*slot == 0) {
        *slot = (uint32_t)++builder->count;
    }
    builder->variables[*slot - 1] = *variable;
}

/* Of two variables of one name in the server's environment the first is what programs see. */
static void put_first(struct builder *builder, const struct variable *variable)
{
    if (*find_slot(builder, variable) == 0) {
        put_variable(builder, variable);
    }
}

static bool is_core(const struct builder *builder, const struct variable *variable)
{
    struct wire_span name = wire_span_of(variable->name, variable->name_size);
    for (const char *const *core = builder->request->platform->core; *core; core++) {
        if (wire_http_equal_nocase(name, *core)) {
            return true;
        }
    }
    return false;
}

static bool is_inherited(const struct builder *builder, const struct variable *variable)
{
    const struct wire_msg_env_policy *policy = builder->request->policy;
    const struct wire_msg_strings secrets = {
        .items = default_excludes, .count = sizeof default_excludes / sizeof default_excludes[0]};
    if (policy->inherit == WIRE_MSG_INHERIT_CORE && !is_core(builder, variable)) {
        return false;
    }
    if (!policy->ignores_default_excludes && matches_any(&secrets, variable)) {
        return false;
    }
    return !matches_any(&policy->exclude, variable);
}

static void inherit(struct builder *builder)
{
    if (builder->request->policy->inherit == WIRE_MSG_INHERIT_NONE) {
        return;
    }
    for (const char *const *entry = builder->request->server; *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        if (!equals || equals == *entry) {
            continue; /* no variable, or one of the hidden ones that cmd keeps ("=C:") */
        }
        struct variable variable = make_variable(builder, *entry, (size_t)(equals - *entry), NULL);
        if (is_inherited(builder, &variable)) {
            put_first(builder, &variable);
        }
    }
}

static void put_pairs(struct builder *builder, const struct wire_msg_pairs *pairs, bool is_kept)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const struct wire_msg_pair *pair = &pairs->items[i];
        struct variable variable =
            make_variable(builder, pair->name, strlen(pair->name), pair->value);
        variable.is_kept = is_kept;
        put_variable(builder, &variable);
    }
}

/* Drops what includeOnly does not name; the index is of no use afterwards. */
static void keep_included(struct builder *builder)
{
    const struct wire_msg_strings *globs = &builder->request->policy->include_only;
    size_t kept = 0;
    for (size_t i = 0; i < builder->count; i++) {
        const struct variable *variable = &builder->variables[i];
        if (globs->count == 0 || variable->is_kept || matches_any(globs, variable)) {
            builder->variables[kept++] = *variable;
        }
    }
    builder->count = kept;
}

static void add_pathext(struct builder *builder)
{
    const char *value = builder->request->platform->pathext;
    if (!value) {
        return;
    }
    for (size_t i = 0; i < builder->count; i++) {
        const struct variable *variable = &builder->variables[i];
        if (wire_http_equal_nocase(wire_span_of(variable->name, variable->name_size), "PATHEXT")) {
            return;
        }
    }
    builder->variables[builder->count++] =
        make_variable(builder, "PATHEXT", sizeof "PATHEXT" - 1, value);
}

static size_t count_server(const char *const *server)
{
    size_t count = 0;
    while (server[count]) {
        count++;
    }
    return count;
}

/* The most variables that there can be, PATHEXT included. */
static size_t most_variables(const struct wire_msg_env_request *request)
{
    size_t count = request->env->count;
    if (request->policy->is_present) {
        count += request->policy->set.count + count_server(request->server) + 1;
    }
    return count;
}

/* A power of two, at least twice as many as there can be variables. */
static size_t slot_count(size_t variables)
{
    size_t count = 4;
    while (count < 2 * variables) {
        count *= 2;
    }
    return count;
}

static size_t pair_bytes(const struct wire_msg_pairs *pairs)
{
    size_t bytes = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        bytes += strlen(pairs->items[i].name) + strlen(pairs->items[i].value) + sizeof "=";
    }
    return bytes;
}

size_t wire_msg_env_bytes(const struct wire_msg_env_request *request)
{
    size_t most = most_variables(request);
    size_t bytes = pair_bytes(request->env) + most * sizeof(struct variable) +
                   slot_count(most) * sizeof(uint32_t) + (most + 1) * sizeof(char *);
    if (request->policy->is_present) {
        bytes += pair_bytes(&request->policy->set);
    }
    if (request->platform->pathext) {
        bytes += sizeof "PATHEXT=" + strlen(request->platform->pathext);
    }
    return bytes + sizeof(void *);
}

static bool builder_init(struct builder *builder, const struct wire_msg_env_request *request,
                         struct wire_msg_arena *arena)
{
    size_t most = most_variables(request);
    size_t slots = slot_count(most);
    assert(most < UINT32_MAX);
    builder->request = request;
    builder->count = 0;
    builder->slot_mask = slots - 1;
    builder->variables = wire_msg_arena_push(arena, most * sizeof *builder->variables);
    builder->slots = wire_msg_arena_push(arena, slots * sizeof *builder->slots);
    if (!builder->variables || !builder->slots) {
        return false;
    }
    memset(builder->slots, 0, slots * sizeof *builder->slots);
    return true;
}

/* "NAME=VALUE" */
static const char *join(struct wire_msg_arena *arena, const struct variable *variable)
{
    size_t value_size = strlen(variable->value);
    size_t size = variable->name_size + 1 + value_size;
    if (size >= wire_msg_arena_room(arena)) {
        return NULL;
    }
    uint8_t *text = wire_msg_arena_free_bytes(arena);
    memcpy(text, variable->name, variable->name_size);
    text[variable->name_size] = '=';
    memcpy(text + variable->name_size + 1, variable->value, value_size);
    return wire_msg_arena_take(arena, size);
}

static const char *const *finish(const struct builder *builder, struct wire_msg_arena *arena)
{
    const char **items = wire_msg_arena_push(arena, (builder->count + 1) * sizeof *items);
    if (!items) {
        return NULL;
    }
    for (size_t i = 0; i < builder->count; i++) {
        const struct variable *variable = &builder->variables[i];
        items[i] = variable->value ? join(arena, variable) : variable->name;
        if (!items[i]) {
            return NULL;
        }
    }
    items[builder->count] = NULL;
    return items;
}

const char *const *wire_msg_env_build(const struct wire_msg_env_request *request,
                                      struct wire_msg_arena *arena, size_t *out_count)
{
    struct builder builder;
    if (!builder_init(&builder, request, arena)) {
        return NULL;
    }
    if (request->policy->is_present) {
        inherit(&builder);
        put_pairs(&builder, &request->policy->set, false);
    }
    put_pairs(&builder, request->env, true);
    if (request->policy->is_present) {
        keep_included(&builder);
        add_pathext(&builder);
    }
    const char *const *items = finish(&builder, arena);
    if (items && out_count) {
        *out_count = builder.count;
    }
    return items;
}
