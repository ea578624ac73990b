/* How the launcher gives up. */
#ifndef FEDX_FAIL_H
#define FEDX_FAIL_H

/* Prints one sentence on stderr and ends with status 1. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

#endif
