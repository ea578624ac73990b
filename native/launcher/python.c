/*
 * Where python3's torch lies, as src/shim/libtorch/find.ts finds it. python3 starts in an empty folder of its own
 * (src/shim/libtorch/python.ts says why), so that no module of the folder we were started in is run.
 */
#include "python.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "place.h"

/* src/shim/libtorch/find.ts has the same text. */
static const char *FIND_TORCH =
    "import os, site; "
    "dirs = ([site.getusersitepackages()] if site.ENABLE_USER_SITE else []) + site.getsitepackages(); "
    "print(next(d for d in dirs if os.path.isfile(d + '/torch/lib/libtorch_cpu.so')) + '/torch')";

/* Makes PATH's relative entries absolute, so that `python3` is the same program in another folder; 0 or -1. */
static int make_path_absolute(void) {
    const char *path = getenv("PATH");
    char here[PATH_MAX];
    if (!path || !path[0]) return 0;
    size_t entries = 1;
    for (const char *at = path; *at; at++) entries += *at == ':';
    if (!getcwd(here, sizeof here)) return -1;
    char *whole = calloc(1, strlen(path) + entries * (strlen(here) + 1) + 1);
    if (!whole) return -1;
    for (const char *at = path;; at++) {
        size_t length = strcspn(at, ":");
        if (*at != '/') strcat(strcat(whole, here), "/");
        strncat(whole, at, length);
        at += length;
        if (!*at) break;
        strcat(whole, ":");
    }
    return setenv("PATH", whole, 1);
}

/* The child: becomes python3 in `folder`, which says where torch lies on the pipe's end `out`. */
__attribute__((noreturn)) static void become_python(const char *folder, int out) {
    if (!freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stderr)) _exit(127);
    if (dup2(out, 1) < 0 || make_path_absolute() != 0 || chdir(folder) != 0) _exit(127);
    execlp("python3", "python3", "-c", FIND_TORCH, (char *)NULL);
    _exit(127);
}

/* What a process wrote on the pipe's end `in`, up to the first line's end. */
static void read_line(int in, char path[PATH_MAX]) {
    size_t have = 0;
    for (ssize_t got; have < PATH_MAX - 1 && (got = read(in, path + have, PATH_MAX - 1 - have)) > 0;)
        have += (size_t)got;
    path[have] = 0;
    path[strcspn(path, "\n")] = 0;
}

void python_torch(char *path) {
    int ends[2];
    char folder[PATH_MAX];
    path[0] = 0;
    path_of(folder, "%s/fedx-python-XXXXXX", temporary_dir());
    if (!mkdtemp(folder)) return;
    if (pipe2(ends, O_CLOEXEC) == 0) {
        pid_t child = fork();
        if (child == 0) become_python(folder, ends[1]);
        close(ends[1]);
        read_line(ends[0], path);
        close(ends[0]);
        int status = 1;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0 || path[0] != '/') path[0] = 0;
    }
    rmdir(folder);
}
