/*
 * What sessions/ wants of a system. Each function is implemented once per system, in *_linux.c
 * here.
 *
 * A handle is what iocp/ calls one. "Helper" below means that the call may block and runs on a
 * helper thread of the port; everything else never blocks.
 */
#ifndef SESSIONS_PLATFORM_H
#define SESSIONS_PLATFORM_H

#include "iocp/iocp.h"
#include "sessions/capacity.h"
#include "sessions/host.h"
#include "sessions/record.h"

struct sess_platform; /* what a host keeps of its system; platform_linux.h */

/* ---- The host's part (platform_linux.c) -------------------------------------------------------
 */

/* Makes the host's part and fills the limits of *capacity but the sessions'. Errors: NO_CAPACITY,
 * OS. Not on a strand. */
SESS_MUST_CHECK int sess_platform_open(const struct sess_host_options *options,
                                       const struct sess_memory *memory,
                                       struct sess_platform **out_platform,
                                       struct sess_capacity *capacity, int *out_os_error);

/* Gives everything back. NULL is taken. */
void sess_platform_close(struct sess_platform *platform, const struct sess_memory *memory);

/* Gives a session's cgroup back; 0, none, is taken. Any thread. */
void sess_platform_give_cgroup(struct sess_platform *platform, uint32_t cgroup);

/* Cgroups made and kept. Any thread. */
uint64_t sess_platform_cgroups(const struct sess_platform *platform);

/* The system's text for its error; in buffer or static. Any thread. */
const char *sess_platform_error_text(int os_error, char *buffer, size_t size_bytes);

/* ---- Handles and terminals (handle_linux.c, tty_linux.c) ----------------------------------------
 */

/* Another handle of the same open pipe or terminal. Errors: NO_CAPACITY, OS. */
SESS_MUST_CHECK int sess_handle_dup(const struct sess_platform *platform, iocp_handle handle,
                                    iocp_handle *out_handle);

/* Bytes that a read would find now; 0 if that is not known. */
uint64_t sess_handle_buffered(const struct sess_platform *platform, iocp_handle handle);

/* Makes a terminal of that size: our side and the program's. Helper. Returns 0 or the OS error. */
SESS_MUST_CHECK int sess_tty_open(const struct sess_platform *platform, uint16_t rows,
                                  uint16_t columns, iocp_handle *out_ours, iocp_handle *out_theirs);

/* Changes the size; the foreground programs are told. Returns 0 or the OS error. */
SESS_MUST_CHECK int sess_tty_resize(const struct sess_platform *platform, iocp_handle handle,
                                    uint16_t rows, uint16_t columns);

/* The character that means end of file to who reads the terminal now, if it reads lines. Errors:
 * NOT_CANONICAL, OS (*out_os_error). */
SESS_MUST_CHECK int sess_tty_end_of_file(const struct sess_platform *platform, iocp_handle handle,
                                         uint8_t *out_character, int *out_os_error);

/* ---- Processes (process_linux.c) ----------------------------------------------------------------
 */

/* Interrupts what runs in the foreground: the terminal's foreground group, else the leader's group.
 * tty: our side, or IOCP_NO_HANDLE. The leader is not reaped. Returns 0 or the OS error. */
SESS_MUST_CHECK int sess_process_interrupt(const struct sess_platform *platform, int64_t leader,
                                           iocp_handle tty);

/* Kills the leader's group at once. The leader is not reaped. */
void sess_process_kill_group(const struct sess_platform *platform, int64_t leader);

/* Processor time and peak memory of a process that has exited and is not reaped. */
void sess_process_usage(const struct sess_platform *platform, iocp_handle process,
                        struct iocp_usage *out_usage);

#endif
