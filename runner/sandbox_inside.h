/*
 * The inside of a sandbox: what this program does when bubblewrap has executed it, as the first
 * process of its own process table. In a child it takes back what was arranged for bubblewrap
 * (ignored signals, no terminal, no environment), enters the directory and executes the program.
 * It tells the server by a pipe that it got there, or why not, and in the end how the program
 * ended: of that bubblewrap hands on a number only. Then it ends, and with it what is left inside.
 * Between it waits, reaps, and cannot be looked into by the program.
 *
 * Its descriptors are at fixed numbers, behind those that bubblewrap reads itself.
 */
#ifndef RUN_SANDBOX_INSIDE_H
#define RUN_SANDBOX_INSIDE_H

#include <stdint.h>

/* The descriptors of bubblewrap, in the order in which it gets them. */
enum {
    RUN_SANDBOX_FD_ARGS = 3,
    RUN_SANDBOX_FD_SELF,
    RUN_SANDBOX_FD_ORDERS,
    RUN_SANDBOX_FD_STATUS,
    RUN_SANDBOX_FD_FILTER /* only with a filter */
};

#define RUN_SANDBOX_INSIDE_ARGUMENT "--sandbox-inside"

/* What the orders begin with; then strings, each with its NUL: program, search path, directory,
 * arguments, environment, and for each mount its path and what must be there (sandbox_place.h). */
struct run_sandbox_orders {
    uint32_t size_bytes; /* of the strings */
    uint32_t argc, envc, placec;
    uint8_t has_search, has_cwd, tty, unused;
};

/* Written to the status pipe: RUNS when the program was executed, or what failed; then ENDED. */
enum run_sandbox_step {
    RUN_SANDBOX_RUNS = 1,
    RUN_SANDBOX_ORDERS,
    RUN_SANDBOX_TERMINAL,
    RUN_SANDBOX_PLACE, /* os_error is the number of the mount, from 0 on */
    RUN_SANDBOX_CWD,
    RUN_SANDBOX_EXEC,
    RUN_SANDBOX_PROCESS, /* no process could be made */
    RUN_SANDBOX_ENDED    /* os_error is the status of the program as wait(2) has it */
};

struct run_sandbox_status {
    uint32_t step; /* enum run_sandbox_step */
    int32_t os_error;
};

/* Does not return. */
_Noreturn void run_sandbox_inside(void);

#endif
