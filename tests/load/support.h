/*
 * What the tests of execport-load share: running a program with a deadline, and cmocka's headers in
 * the order that it wants.
 */
#ifndef EXECPORT_TESTS_LOAD_SUPPORT_H
#define EXECPORT_TESTS_LOAD_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A program that ran to its end. */
struct ran_program {
    int exit_code; /* -1: killed at the deadline, or by a signal */
    char *out;     /* what it wrote on standard output and standard error, with a NUL */
};

/*
 * Runs argv (NULL at the end), at most for limit_s seconds, then kills it. Free the result with
 * free_program().
 */
struct ran_program run_program(const char *const *argv, unsigned limit_s);
void free_program(struct ran_program *program);

/* Fails the test with the program's output unless it ended with this code. */
void assert_exit_code(const struct ran_program *program, int exit_code);

/* Fails the test with the program's output unless that has the text somewhere. */
void assert_says(const struct ran_program *program, const char *text);

#endif
