/* The payload as files in a cache, unpacked once. */
#ifndef FEDX_UNPACK_H
#define FEDX_UNPACK_H

#include "payload.h"

/* The folder `app` (PATH_MAX bytes) then holds every part. */
void ensure_unpacked(const struct payload *payload, char *app);
/* Ends the process when an unpacked shared library is not the one that was packed. */
void check_libraries(const struct payload *payload, const char *app);

#endif
