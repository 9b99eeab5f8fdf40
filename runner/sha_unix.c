/* The hash functions of sha.h by libnettle, whose contexts live on the stack. Any thread. Windows
 * has its own file, with the system's library.
 */
#include "runner/sha.h"

#include <nettle/sha1.h>
#include <nettle/sha2.h>

void run_sha1(const void *bytes, size_t size, uint8_t out_digest[RUN_SHA1_SIZE])
{
    struct sha1_ctx context;
    sha1_init(&context);
    sha1_update(&context, size, bytes);
    sha1_digest(&context, RUN_SHA1_SIZE, out_digest);
}

void run_sha256(const void *bytes, size_t size, uint8_t out_digest[RUN_SHA256_SIZE])
{
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, size, bytes);
    sha256_digest(&context, RUN_SHA256_SIZE, out_digest);
}
