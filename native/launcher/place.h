/* Paths, and the folders that the launcher uses. */
#ifndef FEDX_PLACE_H
#define FEDX_PLACE_H

#include <limits.h>

/* Writes into PATH_MAX bytes; ends the process when they do not suffice. */
__attribute__((format(printf, 2, 3))) void path_of(char *out, const char *format, ...);
/* `base` (PATH_MAX bytes) is a folder of this user that may hold programs. */
void choose_place(char *base);
/* `$XDG_CACHE_HOME/fedx`, else `~/.cache/fedx`; 0 where neither variable is set. */
int cache_dir(char *path);
/* Makes a folder (mode 0700) and its parents; 0 or -1 with errno. */
int make_folders(const char *path);
/* `$TMPDIR` where it is an absolute path, else /tmp. */
const char *temporary_dir(void);

#endif
