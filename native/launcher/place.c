/* Where the payload is unpacked: the user's cache, else the temporary folder; never one that others can write. */
#include "place.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fail.h"

void path_of(char *out, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int length = vsnprintf(out, PATH_MAX, format, values);
    va_end(values);
    if (length < 0 || length >= PATH_MAX) fail("Cannot start fedx: expected paths shorter than %d bytes.", PATH_MAX);
}

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

int cache_dir(char *path) {
    const char *cache = variable("XDG_CACHE_HOME"), *home = variable("HOME");
    if (cache) path_of(path, "%s/fedx", cache);
    else if (home) path_of(path, "%s/.cache/fedx", home);
    else return 0;
    return path[0] == '/';
}

const char *temporary_dir(void) {
    const char *tmp = variable("TMPDIR");
    return tmp && tmp[0] == '/' ? tmp : "/tmp";
}

int make_folders(const char *path) {
    char part[PATH_MAX];
    path_of(part, "%s", path);
    for (char *slash = part + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        if (mkdir(part, 0700) != 0 && errno != EEXIST && errno != EISDIR && errno != EROFS) return -1;
        *slash = '/';
    }
    return mkdir(part, 0700) == 0 || errno == EEXIST ? 0 : -1;
}

/* Why `path` cannot hold the unpacked program, or NULL when it can. */
static const char *refusal(const char *path) {
    struct stat folder;
    struct statvfs system;
    if (make_folders(path) != 0 || lstat(path, &folder) != 0) return strerror(errno);
    if (!S_ISDIR(folder.st_mode)) return "it is no folder";
    if (folder.st_uid != geteuid()) return "it belongs to another user";
    if (folder.st_mode & (S_IWGRP | S_IWOTH)) return "others may write into it";
    if (access(path, W_OK | X_OK) != 0) return strerror(errno);
    if (statvfs(path, &system) == 0 && (system.f_flag & ST_NOEXEC)) return "it is mounted noexec";
    return NULL;
}

void choose_place(char *base) {
    char cache[PATH_MAX] = "the cache", temporary[PATH_MAX];
    const char *first = "neither XDG_CACHE_HOME nor HOME names one";
    if (cache_dir(cache)) {
        path_of(base, "%s/app", cache);
        if (!(first = refusal(base))) return;
        path_of(cache, "%s", base);
        char *kept = strdup(first);
        first = kept ? kept : "no memory";
    }
    path_of(temporary, "%s/fedx-%u", temporary_dir(), (unsigned)geteuid());
    path_of(base, "%s", temporary);
    const char *second = refusal(base);
    if (second)
        fail("Cannot unpack fedx: expected a folder that may hold programs, got %s (%s) and %s (%s); "
             "set XDG_CACHE_HOME to a folder of yours that is not mounted noexec.",
             cache, first, temporary, second);
}
