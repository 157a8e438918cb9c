/* A compressed database: an archive (zip, tar, compressed tar) with one file in it, or one
 * compressed file. */
#ifndef SQLITE3_UNPACK_H
#define SQLITE3_UNPACK_H

#include <stddef.h>

/* Writes the one file of the archive `from` to `to`, whatever it is called inside. 0, or -1 with a
 * message in `error`. */
int unpack_one(const char *from, const char *to, char *error, size_t size);

#endif
