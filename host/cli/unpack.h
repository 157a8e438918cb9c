/* Unpacks an archive of plugins into a directory, and nowhere else. */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct unpack_limits {
	uint64_t bytes; /* of all files together, unpacked */
	uint64_t entries;
};

extern const struct unpack_limits unpack_limits_default; /* 1 GiB, 100,000 entries */

/* Reads a tar archive (v7, ustar, pax, GNU; plain or in gzip, told by its content) from `fd` and
 * puts its files, directories and links below `dir`. A file that is there is replaced, not written
 * into; nothing is reached through a symbolic link. Modes become 0755 or 0644, owners the caller.
 *
 * ERR_DENIED, naming the entry: an absolute name or one with "..", a link that leads or could lead
 * outside, a device, pipe or socket. ERR_LIMIT, ERR_INVALID (no archive, or a damaged one), ERR_IO.
 * After an error the entries before it have been unpacked. `name` says in errors which archive. */
int unpack_archive(int fd,
		   const char *name,
		   const char *dir,
		   const struct unpack_limits *limits,
		   struct error *err);
