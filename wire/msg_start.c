/*
 * Each form is read into a struct of its own, with nothing required, since what is required depends
 * on the form; then one of them is chosen, the others must be empty, and the members of the chosen
 * one must all be there. An environment policy, limits and labels go with every form.
 */
#include "wire/msg_start.h"

#include "wire/msg_fields.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* The members that say what to run, and those that nobody may put there unheard. */
struct command {
    struct wire_msg_strings argv; /* items NULL: not there, as with the others */
    const char *cwd;
    struct wire_msg_pairs env;
    const char *arg0;
    struct wire_span sandbox;
    bool enforce_managed_network;
    struct wire_span managed_network;
};

/* The rows of a table for the command that is the member at of type. */
#define COMMAND_ROWS(type, at)                                                                     \
    WIRE_MSG_OPTIONAL(type, at.argv, "argv", wire_msg_read_argv),                                  \
        WIRE_MSG_OPTIONAL(type, at.cwd, "cwd", wire_msg_read_cwd),                                 \
        WIRE_MSG_OPTIONAL(type, at.env, "env", wire_msg_read_pairs),                               \
        WIRE_MSG_OPTIONAL(type, at.arg0, "arg0", wire_msg_read_text),                              \
        WIRE_MSG_OPTIONAL(type, at.sandbox, "sandbox", wire_msg_read_raw),                         \
        WIRE_MSG_OPTIONAL(type, at.enforce_managed_network, "enforceManagedNetwork",               \
                          wire_msg_read_bool),                                                     \
        WIRE_MSG_OPTIONAL(type, at.managed_network, "managedNetwork", wire_msg_read_raw)

struct flag {
    bool is_present;
    bool value;
};

enum io_type { IO_PTY, IO_PIPE };

struct io {
    bool is_present;
    enum io_type type;
    uint16_t rows, cols;
    struct flag stdin_open;
};

/* A command in a member of its own. */
struct request {
    bool is_present;
    struct command command;
};

struct spec {
    enum wire_msg_start_form form; /* FLAT: there is no spec */
    struct command command;
    struct request request;
    struct io io;
};

struct start {
    struct wire_msg_process_start common; /* the members that all forms share */
    struct command command;
    struct flag tty;
    struct flag pipe_stdin;
    struct spec spec;
};

static int read_inherit(struct wire_msg_parser *parser, const char *name,
                        const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"all", "core", "none"};
    static const enum wire_msg_env_inherit values[] = {WIRE_MSG_INHERIT_ALL, WIRE_MSG_INHERIT_CORE,
                                                       WIRE_MSG_INHERIT_NONE};
    size_t index;
    int error = wire_msg_read_word(parser, name, token, words, COUNT(words), &index);
    if (!error) {
        *(enum wire_msg_env_inherit *)target = values[index];
    }
    return error;
}

static int read_env_policy(struct wire_msg_parser *parser, const char *name,
                           const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_env_policy, inherit, "inherit", read_inherit),
        WIRE_MSG_REQUIRED(struct wire_msg_env_policy, ignores_default_excludes,
                          "ignoreDefaultExcludes", wire_msg_read_bool),
        WIRE_MSG_REQUIRED(struct wire_msg_env_policy, exclude, "exclude", wire_msg_read_strings),
        WIRE_MSG_REQUIRED(struct wire_msg_env_policy, set, "set", wire_msg_read_pairs),
        WIRE_MSG_REQUIRED(struct wire_msg_env_policy, include_only, "includeOnly",
                          wire_msg_read_strings),
    };
    struct wire_msg_env_policy *policy = target;
    policy->is_present = true;
    return wire_msg_read_object(parser, name, token, WIRE_MSG_TABLE(fields, "envPolicy."), policy);
}

static int read_limits(struct wire_msg_parser *parser, const char *name,
                       const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_OPTIONAL(struct wire_msg_start_limits, wall_ms, "wallMs", wire_msg_read_ms),
        WIRE_MSG_OPTIONAL(struct wire_msg_start_limits, idle_ms, "idleMs", wire_msg_read_ms),
        WIRE_MSG_OPTIONAL(struct wire_msg_start_limits, no_output_ms, "noOutputMs",
                          wire_msg_read_ms),
        WIRE_MSG_OPTIONAL(struct wire_msg_start_limits, output_bytes, "outputBytes",
                          wire_msg_read_uint64),
    };
    return wire_msg_read_object(parser, name, token, WIRE_MSG_TABLE(fields, "limits."), target);
}

static int read_flag(struct wire_msg_parser *parser, const char *name,
                     const struct wire_json_token *token, void *target)
{
    struct flag *flag = target;
    flag->is_present = true;
    return wire_msg_read_bool(parser, name, token, &flag->value);
}

/* ---- spec ---- */

static int read_io_type(struct wire_msg_parser *parser, const char *name,
                        const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"pty", "pipe"};
    size_t index;
    int error = wire_msg_read_word(parser, name, token, words, COUNT(words), &index);
    if (!error) {
        *(enum io_type *)target = index == 0 ? IO_PTY : IO_PIPE;
    }
    return error;
}

static int read_io_stdin(struct wire_msg_parser *parser, const char *name,
                         const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"open", "closed"};
    struct flag *flag = target;
    size_t index;
    int error = wire_msg_read_word(parser, name, token, words, COUNT(words), &index);
    if (!error) {
        flag->is_present = true;
        flag->value = index == 0;
    }
    return error;
}

static int read_io(struct wire_msg_parser *parser, const char *name,
                   const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct io, type, "type", read_io_type),
        WIRE_MSG_OPTIONAL(struct io, rows, "rows", wire_msg_read_cells),
        WIRE_MSG_OPTIONAL(struct io, cols, "cols", wire_msg_read_cells),
        WIRE_MSG_OPTIONAL(struct io, stdin_open, "stdin", read_io_stdin),
    };
    struct io *io = target;
    io->is_present = true;
    int error = wire_msg_read_object(parser, name, token, WIRE_MSG_TABLE(fields, "spec.io."), io);
    if (!error && io->type == IO_PIPE && !io->stdin_open.is_present) {
        return wire_msg_refuse(parser, "missing field `spec.io.stdin`");
    }
    return error;
}

static int read_request(struct wire_msg_parser *parser, const char *name,
                        const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_field fields[] = {COMMAND_ROWS(struct request, command)};
    struct request *request = target;
    request->is_present = true;
    return wire_msg_read_object(parser, name, token, WIRE_MSG_TABLE(fields, "spec.request."),
                                request);
}

static int read_form(struct wire_msg_parser *parser, const char *name,
                     const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"direct", "prepared"};
    size_t index;
    int error = wire_msg_read_word(parser, name, token, words, COUNT(words), &index);
    if (!error) {
        *(enum wire_msg_start_form *)target =
            index == 0 ? WIRE_MSG_START_DIRECT : WIRE_MSG_START_PREPARED;
    }
    return error;
}

static int read_spec(struct wire_msg_parser *parser, const char *name,
                     const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct spec, form, "type", read_form),
        COMMAND_ROWS(struct spec, command),
        WIRE_MSG_OPTIONAL(struct spec, request, "request", read_request),
        WIRE_MSG_OPTIONAL(struct spec, io, "io", read_io),
    };
    return wire_msg_read_object(parser, name, token, WIRE_MSG_TABLE(fields, "spec."), target);
}

/* ---- One of the forms ---- */

/* The problem that a member of a form that was chosen is not there. */
static int refuse_missing(struct wire_msg_parser *parser, const char *scope, const char *name)
{
    return wire_msg_refuse(parser, "missing field `%s%s`", scope, name);
}

static int check_command(struct wire_msg_parser *parser, const char *scope,
                         const struct command *command)
{
    if (!command->argv.items) {
        return refuse_missing(parser, scope, "argv");
    }
    if (!command->cwd) {
        return refuse_missing(parser, scope, "cwd");
    }
    return command->env.items ? 0 : refuse_missing(parser, scope, "env");
}

/* The first member that says what to run; NULL: there is none. */
static const char *member_of(const struct command *command)
{
    if (command->argv.items) {
        return "argv";
    }
    if (command->cwd) {
        return "cwd";
    }
    if (command->env.items) {
        return "env";
    }
    return command->arg0 ? "arg0" : NULL;
}

static void take_command(struct wire_msg_process_start *out, const struct command *command)
{
    out->argv = command->argv;
    out->cwd = command->cwd;
    out->env = command->env;
    out->arg0 = command->arg0;
}

/* Wherever a sandbox stood, it was asked for. */
static void take_sandbox(struct wire_msg_process_start *out, const struct command *command)
{
    if (command->sandbox.data) {
        out->sandbox = command->sandbox;
    }
    if (command->managed_network.data) {
        out->managed_network = command->managed_network;
    }
    out->enforce_managed_network |= command->enforce_managed_network;
}

static int choose_flat(struct wire_msg_parser *parser, struct start *start)
{
    struct wire_msg_process_start *out = &start->common;
    int error = check_command(parser, "", &start->command);
    if (error) {
        return error;
    }
    if (!start->tty.is_present) {
        return refuse_missing(parser, "", "tty");
    }
    take_command(out, &start->command);
    out->tty = start->tty.value;
    out->pipe_stdin = start->pipe_stdin.value;
    return 0;
}

/* What may not stand beside a spec. */
static int check_alone(struct wire_msg_parser *parser, const struct start *start)
{
    const char *member = member_of(&start->command);
    if (!member && start->tty.is_present) {
        member = "tty";
    }
    if (!member && start->pipe_stdin.is_present) {
        member = "pipeStdin";
    }
    return member ? wire_msg_refuse(parser, "`%s` cannot stand beside `spec`", member) : 0;
}

static int check_prepared(struct wire_msg_parser *parser, const struct start *start)
{
    const char *member = member_of(&start->spec.command);
    if (!start->spec.request.is_present) {
        return refuse_missing(parser, "spec.", "request");
    }
    if (member) {
        return wire_msg_refuse(parser, "`spec.%s` cannot stand beside `spec.request`", member);
    }
    if (start->common.env_policy.is_present) {
        return wire_msg_refuse(parser, "`envPolicy` cannot stand beside a prepared `spec`");
    }
    return check_command(parser, "spec.request.", &start->spec.request.command);
}

static int check_direct(struct wire_msg_parser *parser, const struct start *start)
{
    if (start->spec.request.is_present) {
        return wire_msg_refuse(parser, "`spec.request` cannot stand in a direct `spec`");
    }
    return check_command(parser, "spec.", &start->spec.command);
}

static int choose_spec(struct wire_msg_parser *parser, struct start *start)
{
    struct wire_msg_process_start *out = &start->common;
    const struct spec *spec = &start->spec;
    bool is_direct = spec->form == WIRE_MSG_START_DIRECT;
    int error = check_alone(parser, start);
    if (!error) {
        error = is_direct ? check_direct(parser, start) : check_prepared(parser, start);
    }
    if (error) {
        return error;
    }
    if (!spec->io.is_present) {
        return refuse_missing(parser, "spec.", "io");
    }
    take_command(out, is_direct ? &spec->command : &spec->request.command);
    out->form = spec->form;
    out->tty = spec->io.type == IO_PTY;
    out->pipe_stdin = !out->tty && spec->io.stdin_open.value;
    out->rows = out->tty ? spec->io.rows : 0;
    out->cols = out->tty ? spec->io.cols : 0;
    return 0;
}

int wire_msg_process_start_parse(struct wire_msg_parser *parser, struct wire_span params,
                                 struct wire_msg_process_start *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct start, common.process_id, "processId", wire_msg_read_id),
        COMMAND_ROWS(struct start, command),
        WIRE_MSG_OPTIONAL(struct start, tty, "tty", read_flag),
        WIRE_MSG_OPTIONAL(struct start, pipe_stdin, "pipeStdin", read_flag),
        WIRE_MSG_OPTIONAL(struct start, spec, "spec", read_spec),
        WIRE_MSG_OPTIONAL(struct start, common.env_policy, "envPolicy", read_env_policy),
        WIRE_MSG_OPTIONAL(struct start, common.metadata, "metadata", wire_msg_read_raw),
        WIRE_MSG_OPTIONAL(struct start, common.labels, "labels", wire_msg_read_labels),
        WIRE_MSG_OPTIONAL(struct start, common.limits, "limits", read_limits),
        WIRE_MSG_OPTIONAL(struct start, common.detach_ttl_ms, "detachTtlMs", wire_msg_read_timeout),
    };
    struct start start;
    memset(&start, 0, sizeof start);
    int error = wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), &start);
    if (error) {
        return error;
    }
    error = start.spec.form == WIRE_MSG_START_FLAT ? choose_flat(parser, &start)
                                                   : choose_spec(parser, &start);
    take_sandbox(&start.common, &start.command);
    take_sandbox(&start.common, &start.spec.command);
    take_sandbox(&start.common, &start.spec.request.command);
    if (!error) {
        *out = start.common;
    }
    return error;
}
