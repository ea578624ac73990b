/*
 * Unpacks the payload beside its place and renames it there: what stands under the final name is whole. A lock
 * lets one process unpack while others that start at the same moment wait.
 */
#include "unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "place.h"
#include "sha256.h"

enum { BUFFER_BYTES = 1 << 20 };

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
    (void)info, (void)kind, (void)walk;
    return remove(path), 0;
}

static void remove_folder(const char *path) { nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS); }

/* Whether every part lies in `app` with its size and mode: a cleaner may have taken some. */
static int complete(const struct payload *payload, const char *app) {
    char path[PATH_MAX];
    struct stat info;
    for (size_t i = 0; i < payload->part_count; i++) {
        const struct part *part = &payload->parts[i];
        path_of(path, "%s/%s", app, part->path);
        if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode) || (uint64_t)info.st_size != part->bytes) return 0;
        if ((info.st_mode & 0777) != part->mode) return 0;
    }
    return 1;
}

/* Removes what was unpacked so far, then ends. */
static void give_up(const char *folder, const struct payload *payload) {
    const char *why = strerror(errno);
    remove_folder(folder);
    fail("Cannot unpack fedx into %s: %s; free %llu MB there or set XDG_CACHE_HOME to another folder.", folder, why,
         (unsigned long long)payload->unpacked_bytes / 1000000 + 1);
}

static int write_all(int file, const unsigned char *bytes, size_t count) {
    while (count > 0) {
        ssize_t put = write(file, bytes, count);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return -1;
        bytes += put, count -= (size_t)put;
    }
    return 0;
}

/* Copies a part into `file`, hashing it on the way; -1 with errno when it cannot be written. */
static int copy_part(const struct payload *payload, const struct part *part, int file, char hex[HEX_BYTES]) {
    static unsigned char buffer[BUFFER_BYTES];
    struct sha256 sum;
    sha256_start(&sum);
    for (uint64_t done = 0; done < part->bytes;) {
        size_t want = part->bytes - done < BUFFER_BYTES ? (size_t)(part->bytes - done) : BUFFER_BYTES;
        ssize_t got = pread(payload->file, buffer, want, (off_t)(part->offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return errno = got ? errno : EIO, -1;
        sha256_add(&sum, buffer, (size_t)got);
        if (write_all(file, buffer, (size_t)got) != 0) return -1;
        done += (uint64_t)got;
    }
    sha256_end(&sum, hex);
    return fchmod(file, part->mode) != 0 || fsync(file) != 0 ? -1 : 0;
}

static void unpack_part(const struct payload *payload, const struct part *part, const char *folder) {
    char path[PATH_MAX], parent[PATH_MAX], hex[HEX_BYTES] = "";
    path_of(path, "%s/%s", folder, part->path);
    path_of(parent, "%s", path);
    *strrchr(parent, '/') = 0;
    int file = make_folders(parent) == 0 ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (file < 0 || copy_part(payload, part, file, hex) != 0 || close(file) != 0) give_up(folder, payload);
    if (strcmp(hex, part->sha256) == 0) return;
    remove_folder(folder);
    fail("Cannot start %s: expected its part %s with SHA-256 %s, got %s; copy the file again.", payload->self,
         part->path, part->sha256, hex);
}

/* Puts the new folder under its name; an incomplete one that stands there is moved away first. */
static void publish(const struct payload *payload, const char *folder, const char *app) {
    char old[PATH_MAX];
    path_of(old, "%s.old", folder);
    if (rename(app, old) != 0 && errno != ENOENT) give_up(folder, payload);
    if (rename(folder, app) != 0 && !complete(payload, app)) give_up(folder, payload);
    remove_folder(old);
    remove_folder(folder);
}

/* What a process that was killed while it unpacked has left. Only called by the lock's holder. */
static void remove_partial(const char *base) {
    DIR *folder = opendir(base);
    if (!folder) return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[PATH_MAX];
        if (!strstr(entry->d_name, ".partial")) continue;
        path_of(path, "%s/%s", base, entry->d_name);
        remove_folder(path);
    }
    closedir(folder);
}

void ensure_unpacked(const struct payload *payload, char *app) {
    char base[PATH_MAX], path[PATH_MAX];
    choose_place(base);
    path_of(app, "%s/%s", base, payload->build);
    if (complete(payload, app)) return;
    path_of(path, "%s/.lock", base);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), locked;
    while ((locked = lock >= 0 && flock(lock, LOCK_EX) == 0) == 0 && errno == EINTR) continue;
    if (!complete(payload, app)) {
        if (locked) remove_partial(base); /* some network file systems have no locks: then each unpacks its own */
        path_of(path, "%s/%s.%ld.partial", base, payload->build, (long)getpid());
        for (size_t i = 0; i < payload->part_count; i++) unpack_part(payload, &payload->parts[i], path);
        publish(payload, path, app);
    }
    if (lock >= 0) close(lock);
}

/* A file's digest, or "" when it cannot be read. */
static void digest_of(const char *path, char hex[HEX_BYTES]) {
    static unsigned char buffer[BUFFER_BYTES];
    struct sha256 sum;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    hex[0] = 0;
    if (file < 0) return;
    sha256_start(&sum);
    for (ssize_t got; (got = read(file, buffer, BUFFER_BYTES)) > 0;) sha256_add(&sum, buffer, (size_t)got);
    sha256_end(&sum, hex);
    close(file);
}

void check_libraries(const struct payload *payload, const char *app) {
    char path[PATH_MAX], hex[HEX_BYTES];
    for (size_t i = 0; i < payload->part_count; i++) {
        const struct part *part = &payload->parts[i];
        if (strncmp(part->path, "native/", 7) != 0 || !strstr(part->path, ".so")) continue;
        path_of(path, "%s/%s", app, part->path);
        digest_of(path, hex);
        if (strcmp(hex, part->sha256) != 0)
            fail("Cannot open %s: expected SHA-256 %s, got %s; remove %s and start again.", path, part->sha256,
                 hex[0] ? hex : "no file", app);
    }
}
