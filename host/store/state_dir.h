/* The state directory: made, checked and locked for one process.
 *
 * The lock is held through a descriptor and goes with the process, however that ends. The file
 * `lock` names the holder for those who come second. Network file systems are refused: neither
 * their locks nor their shared memory nor their fsync can be trusted to keep a promise. */
#pragma once

#include "base/error.h"

struct state_dir {
	char *path; /* absolute and without links, however it was written */
	int lock_fd;
};

#define STATE_DIR_INIT                                                                             \
	{                                                                                          \
		.path = NULL, .lock_fd = -1                                                        \
	}

/* Makes the directory (0700) when it is missing. ERR_STATE when another process holds it: the error
 * names its pid, host and since when. ERR_UNSUPPORTED on a network file system, ERR_DENIED when it
 * cannot be written. */
int state_dir_open(struct state_dir *d, const char *path, struct error *err);
void state_dir_close(struct state_dir *d); /* for _cleanup_ */

/* Why a directory on such a file system is refused, or NULL. `magic` is statfs's f_type, `type` the
 * name of the file system as /proc/self/mountinfo has it, or NULL. */
const char *state_dir_refuses(unsigned long magic, const char *type);
