/* SHA-1 of a Windows build: the system's own library (BCrypt). A call that fails leaves a digest of
 * zeroes, which matches nothing. Any thread.
 */
#include "tests/wire/support_sha1.h"

#include <string.h>

#include <windows.h>

#include <bcrypt.h>

void support_sha1(const uint8_t *data, size_t size_bytes, uint8_t digest[20])
{
    BCRYPT_ALG_HANDLE algorithm = NULL;
    BCRYPT_HASH_HANDLE hash = NULL;
    /* BCrypt reads only, but its prototype has no const. */
    union {
        const uint8_t *given;
        PUCHAR taken;
    } bytes = {.given = data};
    memset(digest, 0, 20);
    if (BCRYPT_SUCCESS(BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_SHA1_ALGORITHM, NULL, 0)) &&
        BCRYPT_SUCCESS(BCryptCreateHash(algorithm, &hash, NULL, 0, NULL, 0, 0)) &&
        BCRYPT_SUCCESS(BCryptHashData(hash, bytes.taken, (ULONG)size_bytes, 0))) {
        (void)BCryptFinishHash(hash, digest, 20, 0);
    }
    if (hash) {
        (void)BCryptDestroyHash(hash);
    }
    if (algorithm) {
        (void)BCryptCloseAlgorithmProvider(algorithm, 0);
    }
}
