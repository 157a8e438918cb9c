/* May this file be loaded? The rules for path, owner and mode; then the file is opened once and
 * only that descriptor is read. */
#pragma once

#include "base/error.h"

struct verify_policy {
	const char *const
		*trusted_dirs; /* below these the ownership rules are lifted (and logged) */
	size_t n_trusted_dirs;
};

/* Resolves symbolic links once, then holds the resolved path to the rules: a regular, complete file
 * of at most 64 MiB; the file and every parent owned by root or the current user and not
 * writable by group or others (a sticky world-writable parent such as /tmp is fine when the
 * component below it is the user's own). Returns a read-only descriptor and the resolved path
 * (malloc'ed; the caller frees and closes). Each refusal (ERR_DENIED, ERR_INVALID,
 * ERR_NOT_FOUND) names rule, path and remedy. */
int verify_open(const char *path,
		const struct verify_policy *policy,
		int *ret_fd,
		char **ret_resolved,
		struct error *err);
