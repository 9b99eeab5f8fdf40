/*
 * The packets of the bare binary loop: a 16-byte head and a payload that is sent as it was read
 * from the child. Spoken only between execport-load and its own bare server, as the lower bound for
 * what a binary dialect can cost. Both ends are the same machine: numbers in host order.
 */
#ifndef EXECPORT_TOOLS_LOAD_BINARY_H
#define EXECPORT_TOOLS_LOAD_BINARY_H

#include <stdint.h>

enum load_packet_type {
    LOAD_PACKET_START = 1, /* to the server: argv, each with its NUL; flag 1: on a terminal */
    LOAD_PACKET_WRITE,     /* to the server: bytes for stdin */
    LOAD_PACKET_TERMINATE, /* to the server */
    LOAD_PACKET_STARTED,   /* to the client */
    LOAD_PACKET_REFUSED,   /* to the client: the start failed */
    LOAD_PACKET_OUTPUT,    /* to the client: bytes; flag 1: of stderr */
    LOAD_PACKET_EXITED,    /* to the client: int32 exit code */
    LOAD_PACKET_CLOSED,    /* to the client */
};

struct load_packet_head {
    uint32_t payload_bytes;
    uint8_t type; /* enum load_packet_type */
    uint8_t flag;
    uint16_t reserved;
    uint32_t session;
    uint32_t seq;
};

enum { LOAD_PACKET_LIMIT_BYTES = 1048576 }; /* a longer payload is a broken stream */

#endif
