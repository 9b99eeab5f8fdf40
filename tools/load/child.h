/*
 * The commands that the measured sessions run: modes of this same program, so that what they write
 * and read is known to the byte.
 *
 *     child flood BYTES SEED [gate]   writes BYTES of the pattern of SEED as fast as it can; with
 *                                     gate: the first byte, then waits for one byte of stdin
 *     child idle                      writes 180 bytes, reads 20, writes 20, sleeps while anybody
 * listens child echo                      gives back each line, ends behind the line "end"
 *
 * flood and idle put a terminal into raw mode, so that every byte passes as it is.
 */
#ifndef EXECPORT_TOOLS_LOAD_CHILD_H
#define EXECPORT_TOOLS_LOAD_CHILD_H

enum {
    LOAD_IDLE_FIRST_BYTES = 180,
    LOAD_IDLE_READ_BYTES = 20,
    LOAD_IDLE_LAST_BYTES = 20,
};

/* Runs the mode that the arguments behind "child" name. Returns the exit code. */
int load_child_main(int argc, char **argv);

#endif
