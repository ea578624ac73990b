/*
 * The launcher of the one file `fedx`: unpacks what the file carries, once, and becomes the runtime that runs it (exec,
 * so that process id, signals and exit status are the runtime's).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "payload.h"
#include "permissions.h"
#include "place.h"
#include "unpack.h"

enum { MOST_FLAGS = 64 };

/*
 * The runtime's file and argv[0]. A deno executable whose argv[0] ends in "dx" acts as `deno x`, so it must not be
 * called by this file's name.
 */
static const char *RUNTIME = "fedx-runtime";

static void set_environment(const struct payload *payload, const char *app) {
    char cache[PATH_MAX];
    /* src/shim/libtorch/loader_variables.ts says why a fedx that starts another cannot give it the first of these. */
    const char *path = getenv("LD_LIBRARY_PATH"), *kept = getenv("FEDX_LIBRARY_PATH");
    if (kept && !(path && path[0])) setenv("LD_LIBRARY_PATH", kept, 1);
    path_of(cache, "%s/cache", app);
    setenv("DENO_DIR", cache, 1); /* compiled code of the bundle; nothing is ever fetched into it */
    setenv("DENO_NO_UPDATE_CHECK", "1", 1);
    setenv("FEDX_EXE", payload->self, 1); /* how `fedx demo` starts its roles */
    setenv("FEDX_BUILD", payload->build, 1);
}

static void become_runtime(const struct payload *payload, const char *app, int argc, char **argv) {
    const char **args = calloc((size_t)argc + MOST_FLAGS, sizeof *args);
    char runtime[PATH_MAX], program[PATH_MAX];
    size_t count = 0;
    if (!args) fail("Cannot start fedx: no memory.");
    path_of(runtime, "%s/%s", app, RUNTIME);
    path_of(program, "%s/src/cli/main.js", app);
    args[count++] = RUNTIME;
    static const char *fixed[] = {"run", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--cached-only",
                                  "--no-remote", "--no-npm", "--node-modules-dir=manual"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) args[count++] = fixed[i];
    const char *word = argc > 1 ? argv[1] : "-";
    if (opens_libraries(payload, word)) check_libraries(payload, app);
    count = add_permissions(payload, app, word, args, count);
    args[count++] = program;
    for (int i = 1; i < argc; i++) args[count++] = argv[i];
    args[count] = NULL;
    execv(runtime, (char **)args);
    fail("Cannot start %s: %s; this program needs 64-bit x86 Linux with glibc.", runtime, strerror(errno));
}

int main(int argc, char **argv) {
    static struct payload payload;
    char app[PATH_MAX], here[PATH_MAX];
    if (!getcwd(here, sizeof here)) {
        fail("Cannot start fedx: expected a folder to work in, got %s; change to another one (cd).", strerror(errno));
    }
    read_payload(&payload);
    ensure_unpacked(&payload, app);
    if (argc == 2 && strcmp(argv[1], "--unpack") == 0) return puts(app) < 0;
    set_environment(&payload, app);
    become_runtime(&payload, app, argc, argv);
}
