/*
 * Reading the command line with getopt_long. Options may stand before or behind the subcommand.
 */
#include "tools/load/options.h"

#include "tools/load/base.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum option_code {
    OPTION_URL = 256,
    OPTION_TOKEN,
    OPTION_TOKEN_FILE,
    OPTION_COMMAND,
    OPTION_SERVE,
    OPTION_DIALECT,
    OPTION_SERVER_PID,
    OPTION_SESSIONS,
    OPTION_TTY,
    OPTION_CONNECTIONS,
    OPTION_IN_FLIGHT,
    OPTION_PIPELINE,
    OPTION_SECONDS,
    OPTION_QUIET,
    OPTION_STORMS,
    OPTION_LET_GO,
    OPTION_ONLY,
    OPTION_ACK_QUICK,
    OPTION_NO_LIMITS,
    OPTION_LENIENT,
    OPTION_JSON,
    OPTION_MARKDOWN,
    OPTION_SELF_CHECK,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"url", required_argument, NULL, OPTION_URL},
    {"token", required_argument, NULL, OPTION_TOKEN},
    {"token-file", required_argument, NULL, OPTION_TOKEN_FILE},
    {"command", required_argument, NULL, OPTION_COMMAND},
    {"serve", required_argument, NULL, OPTION_SERVE},
    {"dialect", required_argument, NULL, OPTION_DIALECT},
    {"server-pid", required_argument, NULL, OPTION_SERVER_PID},
    {"sessions", required_argument, NULL, OPTION_SESSIONS},
    {"tty", required_argument, NULL, OPTION_TTY},
    {"connections", required_argument, NULL, OPTION_CONNECTIONS},
    {"in-flight", required_argument, NULL, OPTION_IN_FLIGHT},
    {"pipeline", required_argument, NULL, OPTION_PIPELINE},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"quiet", required_argument, NULL, OPTION_QUIET},
    {"storms", required_argument, NULL, OPTION_STORMS},
    {"let-go", required_argument, NULL, OPTION_LET_GO},
    {"only", required_argument, NULL, OPTION_ONLY},
    {"ack-quick", no_argument, NULL, OPTION_ACK_QUICK},
    {"no-limits", no_argument, NULL, OPTION_NO_LIMITS},
    {"lenient", no_argument, NULL, OPTION_LENIENT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"markdown", no_argument, NULL, OPTION_MARKDOWN},
    {"self-check", no_argument, NULL, OPTION_SELF_CHECK},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

/* A whole number from 1 to most. Returns 0 or LOAD_FAILED, said. */
static int read_number_from(unsigned least, const char *text, unsigned most, const char *option,
                            unsigned *out_number)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno != 0 || !isdigit((unsigned char)text[0]) || *end != '\0' || number < least ||
        number > most)
        return load_say("--%s wants a number from %u to %u, not `%s`", option, least, most, text);
    *out_number = (unsigned)number;
    return 0;
}

static int read_number(const char *text, unsigned most, const char *option, unsigned *out_number)
{
    return read_number_from(1, text, most, option, out_number);
}

static int read_sessions(const char *text, struct load_options *options)
{
    char copy[128];
    char *rest = copy;
    const char *item;

    if (strlen(text) >= sizeof copy)
        return load_say("--sessions: the list is too long");
    memcpy(copy, text, strlen(text) + 1);
    options->sessions_count = 0;
    while ((item = strsep(&rest, ",")) != NULL) {
        if (options->sessions_count == LOAD_CASES_LIMIT)
            return load_say("--sessions takes at most %d numbers", LOAD_CASES_LIMIT);
        if (read_number(item, 1000000, "sessions", &options->sessions[options->sessions_count]) !=
            0)
            return LOAD_FAILED;
        options->sessions_count++;
    }
    return 0;
}

static int read_tty(const char *text, struct load_options *options)
{
    if (strcmp(text, "none") == 0)
        options->tty = LOAD_TTY_NONE;
    else if (strcmp(text, "half") == 0)
        options->tty = LOAD_TTY_HALF;
    else if (strcmp(text, "all") == 0)
        options->tty = LOAD_TTY_ALL;
    else
        return load_say("--tty wants none, half or all, not `%s`", text);
    return 0;
}

static int read_dialect(const char *text, struct load_options *options)
{
    options->dialect = load_dialect_named(text);
    if (options->dialect == NULL)
        return load_say("--dialect wants process or v0, not `%s`", text);
    return 0;
}

/* NAME=COMMAND, or a command alone, which is called "server". */
static int add_serve(char *text, struct load_options *options)
{
    size_t name_length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789._-");
    struct load_serve *serve;

    if (options->serve_count == LOAD_SERVES_LIMIT)
        return load_say("--serve may be given at most %d times", LOAD_SERVES_LIMIT);
    serve = &options->serves[options->serve_count++];
    *serve = (struct load_serve){.name = "server", .command = text};
    if (name_length > 0 && text[name_length] == '=') {
        text[name_length] = '\0';
        *serve = (struct load_serve){.name = text, .command = text + name_length + 1};
    }
    return 0;
}

/* The first line of the file is the token. */
static int read_token(const char *path, struct load_options *options)
{
    char line[4096];
    FILE *file = fopen(path, "re");
    bool has_line;

    if (file == NULL)
        return load_say("--token-file %s: %s", path, strerror(errno));
    has_line = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    line[has_line ? strcspn(line, "\r\n") : 0] = '\0';
    if (line[0] == '\0')
        return load_say("--token-file %s: its first line is empty", path);
    options->token_memory = load_copy_text(line);
    options->token = options->token_memory;
    return 0;
}

static int read_pid(const char *text, struct load_options *options)
{
    unsigned number;

    if (read_number(text, 4194304, "server-pid", &number) != 0)
        return LOAD_FAILED;
    options->server_pid = (pid_t)number;
    return 0;
}

static int read_flag(int code, struct load_options *options)
{
    switch (code) {
    case OPTION_ACK_QUICK:
        options->wants_quick_ack = true;
        return 0;
    case OPTION_NO_LIMITS:
        options->without_limits = true;
        return 0;
    case OPTION_LENIENT:
        options->is_lenient = true;
        return 0;
    case OPTION_JSON:
        options->style = LOAD_REPORT_JSON;
        return 0;
    case OPTION_MARKDOWN:
        options->style = LOAD_REPORT_MARKDOWN;
        return 0;
    case OPTION_SELF_CHECK:
        options->subcommand = "self-check";
        return 0;
    case OPTION_HELP:
        options->has_help = true;
        return 0;
    default:
        return load_say(
            "`execport-load --help` lists the options"); /* getopt named the wrong one */
    }
}

static int read_option(int code, char *value, struct load_options *options)
{
    switch (code) {
    case OPTION_URL:
        options->url = value;
        return 0;
    case OPTION_TOKEN:
        options->token = value;
        return 0;
    case OPTION_TOKEN_FILE:
        return read_token(value, options);
    case OPTION_COMMAND:
        options->stdio_command = value;
        return 0;
    case OPTION_SERVE:
        return add_serve(value, options);
    case OPTION_DIALECT:
        return read_dialect(value, options);
    case OPTION_SERVER_PID:
        return read_pid(value, options);
    case OPTION_SESSIONS:
        return read_sessions(value, options);
    case OPTION_TTY:
        return read_tty(value, options);
    case OPTION_CONNECTIONS:
        return read_number(value, 10000, "connections", &options->connections);
    case OPTION_IN_FLIGHT:
        return read_number(value, 100000, "in-flight", &options->in_flight);
    case OPTION_PIPELINE:
        return read_number(value, 1000000, "pipeline", &options->pipeline);
    case OPTION_SECONDS:
        return read_number(value, 3600, "seconds", &options->seconds);
    case OPTION_QUIET:
        return read_number(value, 3600, "quiet", &options->quiet_seconds);
    case OPTION_STORMS:
        return read_number_from(0, value, 100000, "storms", &options->storms);
    case OPTION_LET_GO:
        return read_number(value, 3600, "let-go", &options->let_go_seconds);
    case OPTION_ONLY:
        options->only = value;
        return 0;
    default:
        return read_flag(code, options);
    }
}

int load_options_read(int argc, char **argv, struct load_options *out_options)
{
    int code;

    memset(out_options, 0, sizeof *out_options);
    out_options->dialect = &load_dialect_process;
    out_options->storms = 5;
    out_options->in_flight = 16;
    out_options->seconds = 3;
    out_options->quiet_seconds = 10;
    while ((code = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        if (read_option(code == 'h' ? OPTION_HELP : code, optarg, out_options) != 0)
            return LOAD_FAILED;
    if (optind < argc && out_options->subcommand == NULL)
        out_options->subcommand = argv[optind++];
    if (optind < argc)
        return load_say("what is `%s`? one subcommand at a time", argv[optind]);
    return 0;
}

void load_options_deinit(struct load_options *options)
{
    free(options->token_memory);
    options->token_memory = NULL;
}
