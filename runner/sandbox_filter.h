/*
 * The system calls that a program without a network may not make, as a program for the kernel's
 * filter (seccomp(2)). Its network namespace is empty; what is left are sockets of the file system,
 * behind which other programs of this machine listen, and this server.
 *
 *    socket, socketpair        only of the kind AF_UNIX, and no datagrams: one of these reaches any
 *                              listener without a connect
 *    connect, bind, listen, accept, accept4    refused
 *    sendto                    without an address, which is send(3)
 *    io_uring_setup            refused: it makes sockets that no filter sees
 *    keyctl, add_key, request_key    refused: keys of the server's session are in no namespace
 *
 * Refused means EPERM. Calls of another instruction set than the server's end the program.
 */
#ifndef RUN_SANDBOX_FILTER_H
#define RUN_SANDBOX_FILTER_H

#include <stddef.h>

/* The filter's bytes (struct sock_filter in a row), constant; NULL: none for this machine. */
const void *run_sandbox_filter(size_t *out_bytes);

#endif
