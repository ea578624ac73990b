/* What the runtime is permitted for one command. */
#ifndef FEDX_PERMISSIONS_H
#define FEDX_PERMISSIONS_H

#include "payload.h"

/* The runtime's permission flags for `word`, appended to argv from `count`; returns the new count. */
size_t add_permissions(const struct payload *payload, const char *app, const char *word, const char **argv, size_t count);
/* Whether `word` may open shared libraries of ours. */
int opens_libraries(const struct payload *payload, const char *word);

#endif
