/*
 * The command line of execport-load, read and checked.
 */
#ifndef EXECPORT_TOOLS_LOAD_OPTIONS_H
#define EXECPORT_TOOLS_LOAD_OPTIONS_H

#include "tools/load/dialect.h"
#include "tools/load/report.h"

#include <stdbool.h>
#include <sys/types.h>

enum {
    LOAD_SERVES_LIMIT = 8, /* servers that one bench compares */
    LOAD_CASES_LIMIT = 8,  /* numbers of sessions in one --sessions list */
};

enum load_tty_choice {
    LOAD_TTY_DEFAULT, /* both, one after the other; or half, where that makes no sense */
    LOAD_TTY_NONE,
    LOAD_TTY_HALF,
    LOAD_TTY_ALL,
};

/* A server to start: its name in the report and its shell command. */
struct load_serve {
    const char *name;
    const char *command;
};

struct load_options {
    const char *subcommand;
    const char *url;           /* --url */
    const char *token;         /* --token, --token-file */
    char *token_memory;        /* what --token-file had; NULL: none */
    const char *stdio_command; /* --command */
    struct load_serve serves[LOAD_SERVES_LIMIT];
    unsigned serve_count;
    const struct load_dialect *dialect;
    pid_t server_pid; /* 0: find it */
    unsigned sessions[LOAD_CASES_LIMIT];
    unsigned sessions_count; /* 0: the scenario's own */
    enum load_tty_choice tty;
    unsigned connections;    /* 0: the scenario's own, mostly 1 */
    unsigned storms;         /* of detach-storm */
    unsigned let_go_seconds; /* of detach-storm; 0: its sessions are ended */
    unsigned in_flight;
    unsigned pipeline;      /* 0: the client's own */
    unsigned seconds;       /* about how long each case is measured */
    unsigned quiet_seconds; /* of idle */
    const char *only;       /* of bench: scenarios with commas between; NULL: all */
    bool wants_quick_ack;
    bool is_lenient;     /* events out of turn are no failure */
    bool without_limits; /* of bench */
    bool has_help;
    enum load_report_style style;
};

/*
 * Reads the command line. Returns 0, or LOAD_FAILED with the mistake said. Texts are borrowed from
 * argv; what was read from files is freed by load_options_deinit().
 */
int load_options_read(int argc, char **argv, struct load_options *out_options);
void load_options_deinit(struct load_options *options);

/* Prints the help on standard output. */
void load_options_print_help(void);

#endif
