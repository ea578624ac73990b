/*
 * What the one file `fedx` carries behind this launcher; tools/pack.ts appends it.
 *
 * The payload starts where the ELF image ends (little-endian):
 *   char magic[8] "FDXPACK1" · u64 bytes of the whole file · u64 bytes of the table · u8 SHA-256 of the table ·
 *   the table · the parts' bytes, one after the other.
 * The table is text, one record a line:
 *   part OCTAL_MODE BYTES SHA256 PATH      a file of the payload; PATH is relative and holds no space
 *   torch VERSION                          the libtorch that the cache may hold
 *   role WORD FLAG FLAG …                  the runtime's permissions for `fedx WORD`; WORD `-` is any other
 * FLAG may hold {self}, {app} and {libtorch}: this file, the unpacked folder, the folders where libtorch may lie.
 */
#ifndef FEDX_PAYLOAD_H
#define FEDX_PAYLOAD_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

enum { MOST_PARTS = 256, MOST_ROLES = 64, BUILD_BYTES = 17 };

struct part {
    unsigned mode;
    uint64_t bytes;
    /* Where its bytes begin in the file. */
    uint64_t offset;
    const char *sha256;
    const char *path;
};

struct role {
    const char *word;
    /* Flags with one space between them. */
    const char *flags;
};

struct payload {
    int file;
    char self[PATH_MAX];
    /* First 16 hexadecimal digits of the table's SHA-256: names what is unpacked. */
    char build[BUILD_BYTES];
    const char *torch;
    struct part parts[MOST_PARTS];
    size_t part_count;
    struct role roles[MOST_ROLES];
    size_t role_count;
    uint64_t unpacked_bytes;
};

/* Opens this very file and reads its table; ends the process when the file is cut short or damaged. */
void read_payload(struct payload *payload);

#endif
