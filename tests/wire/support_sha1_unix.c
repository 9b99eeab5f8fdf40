/* SHA-1 of a Unix build: libnettle. Any thread. */
#include "tests/wire/support_sha1.h"

#include <nettle/sha1.h>

void support_sha1(const uint8_t *data, size_t size_bytes, uint8_t digest[20])
{
    struct sha1_ctx context;
    sha1_init(&context);
    sha1_update(&context, size_bytes, data);
    sha1_digest(&context, 20, digest);
}
