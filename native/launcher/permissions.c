/* The runtime's permissions for one command: tools/permissions.ts wrote the table, here its placeholders get values. */
#include "permissions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "place.h"
#include "python.h"

enum { FLAG_BYTES = 4 * PATH_MAX };

static const struct role *role_of(const struct payload *payload, const char *word) {
    const struct role *other = NULL;
    for (size_t i = 0; i < payload->role_count; i++) {
        const struct role *role = &payload->roles[i];
        if (strcmp(role->word, word) == 0) return role;
        if (strcmp(role->word, "-") == 0) other = role;
    }
    return other;
}

int opens_libraries(const struct payload *payload, const char *word) {
    const struct role *role = role_of(payload, word);
    return role && strstr(role->flags, "{libtorch}") != NULL;
}

static void append_letter(char *flag, char letter) {
    size_t end = strlen(flag);
    if (end + 1 >= FLAG_BYTES) fail("Cannot start fedx: expected shorter paths, got %.200s …; use shorter ones.", flag);
    flag[end] = letter;
    flag[end + 1] = 0;
}

/* Appends a path; the runtime reads `,` as the end of one and `,,` as a comma. */
static void append_path(char *flag, const char *path) {
    for (; *path; path++) {
        if (*path == ',') append_letter(flag, ',');
        append_letter(flag, *path);
    }
}

/*
 * Appends `,FOLDER` for each folder that src/shim/libtorch/find.ts may choose, in its order; python3 is asked only where
 * nothing comes before it. A wheel's CUDA libraries lie in `nvidia` beside torch.
 */
static void append_libtorch(const struct payload *payload, char *flag) {
    char cache[PATH_MAX], path[PATH_MAX];
    const char *named = getenv("FEDX_LIBTORCH");
    int has_cache = cache_dir(cache);
    if (named && named[0]) {
        path_of(path, "%s", named);
    } else {
        if (has_cache) {
            path_of(path, "%s/libtorch/%s/lib/libtorch_cpu.so", cache, payload->torch ? payload->torch : "");
            int there = access(path, R_OK) == 0;
            path_of(path, "%s/libtorch", cache);
            append_letter(flag, ',');
            append_path(flag, path);
            if (there) return;
        }
        python_torch(path);
    }
    if (!path[0]) return;
    append_letter(flag, ',');
    append_path(flag, path);
    append_letter(flag, ',');
    append_path(flag, path);
    append_path(flag, "/../nvidia");
}

/* One flag with its placeholders filled in. */
static const char *expand(const struct payload *payload, const char *app, const char *flag, size_t count) {
    char *out = calloc(1, FLAG_BYTES);
    if (!out) fail("Cannot start fedx: no memory.");
    for (const char *at = flag, *end = flag + count; at < end;) {
        if (strncmp(at, "{self}", 6) == 0) append_path(out, payload->self), at += 6;
        else if (strncmp(at, "{app}", 5) == 0) append_path(out, app), at += 5;
        else if (strncmp(at, "{libtorch}", 10) == 0) append_libtorch(payload, out), at += 10;
        else append_letter(out, *at++);
    }
    return out;
}

size_t add_permissions(const struct payload *payload, const char *app, const char *word, const char **argv, size_t count) {
    const struct role *role = role_of(payload, word);
    for (const char *flag = role ? role->flags : ""; *flag;) {
        size_t length = strcspn(flag, " ");
        argv[count++] = expand(payload, app, flag, length);
        flag += length + (flag[length] == ' ');
    }
    return count;
}
