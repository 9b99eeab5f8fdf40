/* Reads the command line by the table (options.h). getopt_long gets one code per row, above every
 * character, so a row's code is its index plus CODE_BASE. Each kind of value has one reader; what
 * concerns several options together is judged once at the end.
 */
#include "runner/options.h"

#include "runner/options_table.h"
#include "runner/options_value.h"

#include <assert.h>
#include <getopt.h>
#include <string.h>

#define CODE_BASE 256

static const char see_help[] = "see `execport-runner --help`";

static int refuse(struct run_why *out_why, const struct run_option_row *row, const char *value,
                  const char *wrong)
{
    return run_why_set(out_why, RUN_OPTIONS_BAD, "--%s: `%s` %s", row->name, value, wrong);
}

static enum run_value_unit unit_of(enum run_option_kind kind)
{
    switch (kind) {
    case RUN_OPTION_DURATION:
        return RUN_UNIT_MS;
    case RUN_OPTION_SIZE:
        return RUN_UNIT_BYTES;
    default:
        return RUN_UNIT_NONE;
    }
}

static void *member(struct run_options *options, const struct run_option_row *row)
{
    return (char *)options + row->offset;
}

static void set_number(struct run_options *options, const struct run_option_row *row,
                       uint64_t number)
{
    memcpy(member(options, row), &number, sizeof number);
}

static void set_defaults(struct run_options *out_options)
{
    memset(out_options, 0, sizeof *out_options);
    out_options->log_level = RUN_LOG_INFO;
    for (size_t i = 0; i < RUN_OPTION_ROWS; i++) {
        const struct run_option_row *row = &run_option_table[i];
        if (run_option_has_bounds(row->kind))
            set_number(out_options, row, row->standard);
    }
}

static int take_number(struct run_options *options, const struct run_option_row *row,
                       const char *value, struct run_why *out_why)
{
    char min[RUN_VALUE_BYTES];
    char max[RUN_VALUE_BYTES];
    uint64_t number = 0;
    enum run_value_unit unit = unit_of(row->kind);
    const char *wrong = unit == RUN_UNIT_MS      ? run_value_duration(value, &number)
                        : unit == RUN_UNIT_BYTES ? run_value_size(value, &number)
                                                 : run_value_count(value, &number);
    if (wrong)
        return refuse(out_why, row, value, wrong);
    if (number < row->min || number > row->max)
        return run_why_set(out_why, RUN_OPTIONS_BAD, "--%s: `%s` is %s; give %s to %s (%s)",
                           row->name, value, number < row->min ? "too small" : "too large",
                           run_value_format(row->min, unit, min),
                           run_value_format(row->max, unit, max), row->bounds);
    set_number(options, row, number);
    return RUN_OPTIONS_RUN;
}

static int take_listen(struct run_options *options, const char *value, struct run_why *out_why)
{
    if (options->listen_count == RUN_LISTEN_MAX)
        return run_why_set(out_why, RUN_OPTIONS_BAD,
                           "--listen: `%s` is one too many; at most %d listeners can be given",
                           value, RUN_LISTEN_MAX);
    struct run_listen_url *url = &options->listen[options->listen_count];
    if (run_listen_url_parse(value, url, out_why) != 0)
        return RUN_OPTIONS_BAD;
    for (size_t i = 0; i < options->listen_count; i++) {
        if (url->kind == RUN_LISTEN_STDIO && options->listen[i].kind == RUN_LISTEN_STDIO)
            return run_why_set(out_why, RUN_OPTIONS_BAD,
                               "--listen: `%s` is given twice; there is one standard input", value);
    }
    options->listen_count++;
    return RUN_OPTIONS_RUN;
}

static int take_host(struct run_options *options, const struct run_option_row *row,
                     const char *value, struct run_why *out_why)
{
    const char *wrong = run_value_host_name(value);
    if (wrong)
        return refuse(out_why, row, value, wrong);
    if (options->allow_host_count == RUN_ALLOW_HOST_MAX)
        return refuse(out_why, row, value, "is one too many; at most 64 names can be given");
    options->allow_host[options->allow_host_count++] = value;
    return RUN_OPTIONS_RUN;
}

static int take_path(struct run_options *options, const struct run_option_row *row,
                     const char *value, struct run_why *out_why)
{
    if (value[0] == '\0')
        return refuse(out_why, row, value, "is empty; give the path of a file");
    memcpy(member(options, row), &value, sizeof value);
    return RUN_OPTIONS_RUN;
}

static int take_flag(struct run_options *options, const struct run_option_row *row)
{
    bool set = true;
    memcpy(member(options, row), &set, sizeof set);
    return RUN_OPTIONS_RUN;
}

static int take_sha256(struct run_options *options, const struct run_option_row *row,
                       const char *value, struct run_why *out_why)
{
    const char *wrong = run_value_sha256(value, options->ws_token_sha256);
    if (wrong) /* the value stays unsaid: it may be the token itself, given by mistake */
        return run_why_set(out_why, RUN_OPTIONS_BAD, "--%s: the value %s", row->name, wrong);
    options->ws_token_digest_given = true;
    return RUN_OPTIONS_RUN;
}

static int take_row(struct run_options *options, const struct run_option_row *row,
                    const char *value, struct run_why *out_why)
{
    const char *wrong;
    switch (row->kind) {
    case RUN_OPTION_LISTEN:
        return take_listen(options, value, out_why);
    case RUN_OPTION_PATH:
        return take_path(options, row, value, out_why);
    case RUN_OPTION_SHA256:
        return take_sha256(options, row, value, out_why);
    case RUN_OPTION_HOST:
        return take_host(options, row, value, out_why);
    case RUN_OPTION_FLAG:
        return take_flag(options, row);
    case RUN_OPTION_LEVEL:
        wrong = run_value_level(value, &options->log_level);
        return wrong ? refuse(out_why, row, value, wrong) : RUN_OPTIONS_RUN;
    case RUN_OPTION_COUNT:
    case RUN_OPTION_DURATION:
    case RUN_OPTION_SIZE:
        return take_number(options, row, value, out_why);
    case RUN_OPTION_HELP:
        return RUN_OPTIONS_HELP;
    case RUN_OPTION_VERSION:
        return RUN_OPTIONS_VERSION;
    }
    assert(!"every kind has a reader");
    return RUN_OPTIONS_BAD;
}

/* getopt_long returned '?' or ':'; optopt is a row's code if it knew the option. */
static int refuse_syntax(int code, const char *argument, struct run_why *out_why)
{
    if (optopt >= CODE_BASE) {
        const struct run_option_row *row = &run_option_table[optopt - CODE_BASE];
        return run_why_set(out_why, RUN_OPTIONS_BAD, "--%s: %s; %s", row->name,
                           code == ':' ? "needs a value" : "takes no value", see_help);
    }
    if (optopt != 0)
        return run_why_set(out_why, RUN_OPTIONS_BAD, "unknown option `-%c`; %s", optopt, see_help);
    return run_why_set(out_why, RUN_OPTIONS_BAD, "unknown or ambiguous option `%s`; %s", argument,
                       see_help);
}

static void fill_long_options(struct option out_long[RUN_OPTION_ROWS + 1])
{
    memset(out_long, 0, (RUN_OPTION_ROWS + 1) * sizeof *out_long);
    for (int i = 0; i < RUN_OPTION_ROWS; i++) {
        const struct run_option_row *row = &run_option_table[i];
        out_long[i].name = row->name;
        out_long[i].has_arg = row->value ? required_argument : no_argument;
        out_long[i].val = CODE_BASE + i;
    }
}

static int read_all(int argc, char **argv, struct run_options *options, struct run_why *out_why)
{
    struct option long_options[RUN_OPTION_ROWS + 1];
    fill_long_options(long_options);
    opterr = 0;
    optind = 0; /* getopt starts anew, also after an earlier command line */
    int result = RUN_OPTIONS_RUN;
    while (result == RUN_OPTIONS_RUN) {
        int code = getopt_long(argc, argv, ":", long_options, NULL);
        if (code == -1)
            break;
        if (code < CODE_BASE)
            return refuse_syntax(code, argv[optind - 1], out_why);
        result = take_row(options, &run_option_table[code - CODE_BASE], optarg, out_why);
    }
    if (result == RUN_OPTIONS_RUN && optind < argc)
        return run_why_set(out_why, RUN_OPTIONS_BAD, "unexpected argument `%s`; %s", argv[optind],
                           see_help);
    return result;
}

static int check_token(const struct run_options *options, struct run_why *out_why)
{
    if (options->ws_token_file && options->ws_token_digest_given)
        return run_why_set(out_why, RUN_OPTIONS_BAD,
                           "--ws-token-file and --ws-token-sha256 exclude each other; give one");
    if (options->ws_token_file || options->ws_token_digest_given)
        return RUN_OPTIONS_RUN;
    for (size_t i = 0; i < options->listen_count; i++) {
        char url[RUN_LISTEN_URL_BYTES];
        if (run_listen_url_is_local(&options->listen[i]))
            continue;
        (void)run_listen_url_format(&options->listen[i], options->listen[i].port, url);
        return run_why_set(out_why, RUN_OPTIONS_BAD,
                           "--listen: `%s` can be reached from other machines and whoever connects "
                           "runs commands here; add --ws-token-file PATH (or --ws-token-sha256 "
                           "HEX), or listen on 127.0.0.1",
                           url);
    }
    return RUN_OPTIONS_RUN;
}

static int check_retention(const struct run_options *options, struct run_why *out_why)
{
    char each[RUN_VALUE_BYTES];
    char total[RUN_VALUE_BYTES];
    if (options->retain_bytes <= options->retain_total_bytes)
        return RUN_OPTIONS_RUN;
    return run_why_set(out_why, RUN_OPTIONS_BAD,
                       "--retain: %s for one session is more than --retain-total allows for all "
                       "(%s); raise --retain-total or lower --retain",
                       run_value_format(options->retain_bytes, RUN_UNIT_BYTES, each),
                       run_value_format(options->retain_total_bytes, RUN_UNIT_BYTES, total));
}

static void add_default_listener(struct run_options *options)
{
    if (options->listen_count > 0)
        return;
    int result = run_listen_url_parse("ws://127.0.0.1:0", &options->listen[0], NULL);
    assert(result == 0);
    (void)result;
    options->listen_count = 1;
}

int run_options_parse(int argc, char **argv, struct run_options *out_options,
                      struct run_why *out_why)
{
    set_defaults(out_options);
    int result = read_all(argc, argv, out_options, out_why);
    if (result != RUN_OPTIONS_RUN)
        return result;
    add_default_listener(out_options);
    result = check_token(out_options, out_why);
    return result == RUN_OPTIONS_RUN ? check_retention(out_options, out_why) : result;
}
