/* The two hash functions that the runner needs: SHA-1 for the accept key of a WebSocket handshake
 * (RFC 6455, which rests on nothing secret there) and SHA-256 for tokens. One call each over bytes
 * in memory. Any thread, no state.
 */
#ifndef RUN_SHA_H
#define RUN_SHA_H

#include <stddef.h>
#include <stdint.h>

#define RUN_SHA1_SIZE   20
#define RUN_SHA256_SIZE 32

/* The digest of SIZE bytes at BYTES. */
void run_sha1(const void *bytes, size_t size, uint8_t out_digest[RUN_SHA1_SIZE]);

/* The digest of SIZE bytes at BYTES. */
void run_sha256(const void *bytes, size_t size, uint8_t out_digest[RUN_SHA256_SIZE]);

#endif
