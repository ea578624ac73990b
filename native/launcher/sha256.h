/* SHA-256 of bytes that come piece by piece. */
#ifndef FEDX_SHA256_H
#define FEDX_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* 64 hexadecimal digits and a NUL. */
enum { HEX_BYTES = 65 };

struct sha256 {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char block[64];
};

void sha256_start(struct sha256 *sum);
void sha256_add(struct sha256 *sum, const unsigned char *bytes, size_t count);
/* Writes 64 lower-case hexadecimal digits and a NUL. */
void sha256_end(struct sha256 *sum, char hex[HEX_BYTES]);

#endif
