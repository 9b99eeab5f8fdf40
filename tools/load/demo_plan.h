/*
 * What one session of the demo runs, and what must come of it to the byte: real commands whose
 * output is known in advance. Pure; a plan depends on its number alone.
 */
#ifndef EXECPORT_TOOLS_LOAD_DEMO_PLAN_H
#define EXECPORT_TOOLS_LOAD_DEMO_PLAN_H

#include "tools/load/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOAD_DEMO_LINES = 20 }; /* that an interactive session exchanges, the last one is "end" */

struct load_demo_plan {
    char script[400]; /* for sh -c, behind `read go;` */
    bool on_tty;
    bool is_interactive; /* gives back each of LOAD_DEMO_LINES lines */
    bool is_slow;        /* sleeps between its lines */
    int32_t exit_code;
    struct load_buffer out; /* expected, without what a terminal echoes */
    struct load_buffer err;
};

/*
 * Makes the plan of session number `number` (from 0). Without pipe_stdin nothing interactive is
 * planned for pipes.
 */
void load_demo_plan_init(struct load_demo_plan *plan, unsigned number, bool has_pipe_stdin);
void load_demo_plan_deinit(struct load_demo_plan *plan);

/* The line that an interactive session exchanges as its index-th, without a newline. */
void load_demo_line(unsigned number, unsigned index, char *text, size_t size_bytes);

#endif
