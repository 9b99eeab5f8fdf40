/* SHA-1 by a library that each system has, for the handshake of a WebSocket. */
#ifndef SUPPORT_SHA1_H
#define SUPPORT_SHA1_H

#include <stddef.h>
#include <stdint.h>

/* The digest of size_bytes at data; what wire_http_accept takes as its hash. Any thread. */
void support_sha1(const uint8_t *data, size_t size_bytes, uint8_t digest[20]);

#endif
