/* Reads the table of the payload behind this program's own ELF image; trusts no length before it is checked. */
#include "payload.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "sha256.h"

static const char MAGIC[8] = "FDXPACK1";
enum { MOST_TABLE_BYTES = 1 << 20 };

struct header {
    char magic[8];
    uint64_t file_bytes;
    uint64_t table_bytes;
    unsigned char table_sha256[32];
};

static void cut_short(const struct payload *payload, uint64_t expected, uint64_t got) {
    fail("Cannot start %s: expected a file of %llu bytes, got %llu: it was cut short or damaged; copy it again.",
         payload->self, (unsigned long long)expected, (unsigned long long)got);
}

/* Reads all of `count` bytes; 0 when the file ends before. */
static int read_all(int file, void *into, size_t count, uint64_t offset) {
    for (char *at = into; count > 0;) {
        ssize_t got = pread(file, at, count, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        at += got, count -= (size_t)got, offset += (uint64_t)got;
    }
    return 1;
}

/* The linker writes the section headers last: the image ends with them. */
static uint64_t image_bytes(int file) {
    Elf64_Ehdr elf;
    if (!read_all(file, &elf, sizeof elf, 0)) return 0;
    return elf.e_shoff + (uint64_t)elf.e_shnum * elf.e_shentsize;
}

/* The table is the one that was packed; its digest names the build. */
static void check_table(struct payload *payload, const struct header *header, const char *table) {
    struct sha256 sum;
    char got[HEX_BYTES], expected[HEX_BYTES];
    sha256_start(&sum);
    sha256_add(&sum, (const unsigned char *)table, header->table_bytes);
    sha256_end(&sum, got);
    for (int i = 0; i < 32; i++) {
        expected[2 * i] = "0123456789abcdef"[header->table_sha256[i] >> 4];
        expected[2 * i + 1] = "0123456789abcdef"[header->table_sha256[i] & 15];
    }
    expected[64] = 0;
    if (strcmp(got, expected) != 0)
        fail("Cannot start %s: expected a table of parts with SHA-256 %s, got %s; copy the file again.",
             payload->self, expected, got);
    memcpy(payload->build, got, BUILD_BYTES - 1);
    payload->build[BUILD_BYTES - 1] = 0;
}

/* Takes the text up to the next space out of `*line`. */
static char *word(char **line) {
    char *start = strsep(line, " ");
    return start ? start : "";
}

static void take_part(struct payload *payload, char *line) {
    if (payload->part_count == MOST_PARTS) fail("Cannot start %s: it has too many parts.", payload->self);
    struct part *part = &payload->parts[payload->part_count++];
    part->mode = (unsigned)strtoul(word(&line), NULL, 8);
    part->bytes = strtoull(word(&line), NULL, 10);
    part->sha256 = word(&line);
    part->path = word(&line);
    part->offset = payload->unpacked_bytes; /* from the first part's; moved once the table's size is known */
    payload->unpacked_bytes += part->bytes;
}

static void take_line(struct payload *payload, char *line) {
    char *kind = word(&line);
    if (strcmp(kind, "part") == 0) {
        take_part(payload, line);
    } else if (strcmp(kind, "torch") == 0) {
        payload->torch = word(&line);
    } else if (strcmp(kind, "role") == 0) {
        if (payload->role_count == MOST_ROLES) fail("Cannot start %s: it has too many roles.", payload->self);
        struct role *role = &payload->roles[payload->role_count++];
        role->word = word(&line);
        role->flags = line ? line : "";
    }
}

static void open_self(struct payload *payload) {
    ssize_t length = readlink("/proc/self/exe", payload->self, PATH_MAX - 1);
    if (length < 0) fail("Cannot start fedx: expected /proc/self/exe, got: %s; mount /proc.", strerror(errno));
    payload->self[length] = 0;
    payload->file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (payload->file < 0)
        fail("Cannot start %s: %s; its user needs the right to read it.", payload->self, strerror(errno));
}

void read_payload(struct payload *payload) {
    struct stat file;
    struct header header;
    open_self(payload);
    uint64_t start = image_bytes(payload->file);
    if (fstat(payload->file, &file) != 0) fail("Cannot start %s: %s.", payload->self, strerror(errno));
    uint64_t bytes = (uint64_t)file.st_size;
    if (!read_all(payload->file, &header, sizeof header, start)) cut_short(payload, start + sizeof header, bytes);
    if (memcmp(header.magic, MAGIC, sizeof MAGIC) != 0)
        fail("Cannot start %s: expected fedx's parts behind byte %llu, got something else; copy the file again.",
             payload->self, (unsigned long long)start);
    if (header.file_bytes != bytes) cut_short(payload, header.file_bytes, bytes);
    if (header.table_bytes > MOST_TABLE_BYTES || header.table_bytes > bytes - start - sizeof header)
        cut_short(payload, start + sizeof header + header.table_bytes, bytes);
    char *table = malloc(header.table_bytes + 1);
    if (!table) fail("Cannot start %s: no memory.", payload->self);
    read_all(payload->file, table, header.table_bytes, start + sizeof header);
    table[header.table_bytes] = 0;
    check_table(payload, &header, table);
    for (char *rest = table, *line; (line = strsep(&rest, "\n"));) take_line(payload, line);
    uint64_t first = start + sizeof header + header.table_bytes;
    for (size_t i = 0; i < payload->part_count; i++) payload->parts[i].offset += first;
}
