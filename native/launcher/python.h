/* Where the torch of python3 lies. */
#ifndef FEDX_PYTHON_H
#define FEDX_PYTHON_H

/* The folder of the torch that is installed for python3 (PATH_MAX bytes); "" when there is none. */
void python_torch(char *path);

#endif
