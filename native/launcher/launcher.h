/*
 * The one file `fedx`: this launcher, then a payload that tools/pack.ts appends. The launcher unpacks the payload
 * once into a cache and becomes the runtime (exec, so that process id, signals and exit status are the runtime's).
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
#ifndef FEDX_LAUNCHER_H
#define FEDX_LAUNCHER_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

enum { MOST_PARTS = 256, MOST_ROLES = 64, HEX_BYTES = 65, BUILD_BYTES = 17 };

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

/* payload.c: opens this very file and reads its table; ends the process when the file is cut short or damaged. */
void read_payload(struct payload *payload);

/* unpack.c: the folder `app` (PATH_MAX bytes) then holds every part. */
void ensure_unpacked(const struct payload *payload, char *app);
/* Ends the process when an unpacked shared library is not the one that was packed. */
void check_libraries(const struct payload *payload, const char *app);

/* place.c: `base` (PATH_MAX bytes) is a folder of this user that may hold programs. */
void choose_place(char *base);
/* `$XDG_CACHE_HOME/fedx`, else `~/.cache/fedx`; 0 where neither variable is set. */
int cache_dir(char *path);
/* Makes a folder (mode 0700) and its parents; 0 or -1 with errno. */
int make_folders(const char *path);
/* `$TMPDIR` where it is an absolute path, else /tmp. */
const char *temporary_dir(void);

/* permissions.c: the runtime's permission flags for `word`, appended to argv from `count`; returns the new count. */
size_t add_permissions(const struct payload *payload, const char *app, const char *word, const char **argv, size_t count);
/* Whether `word` may open shared libraries of ours. */
int opens_libraries(const struct payload *payload, const char *word);

/* python.c: the folder of the torch that is installed for python3 (PATH_MAX bytes); "" when there is none. */
void python_torch(char *path);

/* sha256.c */
struct sha256 {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char block[64];
};
void sha256_start(struct sha256 *sum);
void sha256_add(struct sha256 *sum, const unsigned char *bytes, size_t count);
/* Writes 64 lower-case hexadecimal digits and a NUL. */
void sha256_end(struct sha256 *sum, char hex[HEX_BYTES]);

/* main.c: prints one sentence on stderr and ends with status 1. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
/* Writes into PATH_MAX bytes; ends the process when they do not suffice. */
__attribute__((format(printf, 2, 3))) void path_of(char *out, const char *format, ...);

#endif
