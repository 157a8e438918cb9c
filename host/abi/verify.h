/* May this file be loaded? The rules for path, owner and mode; then the file is opened once and
 * only that descriptor is read. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

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

/* Holds a directory and all above it to the same rules, for those who look at many files of one:
 * then a file in it that is no link only has to pass verify_file. *ret_fd is a descriptor for
 * fstatat and openat; *ret_trusted says that the rules were lifted. */
int verify_dir(const char *dir,
	       const struct verify_policy *policy,
	       int *ret_fd,
	       bool *ret_trusted,
	       struct error *err);

struct stat;

/* The rules for the file itself, in a directory that passed: kind, size, owner and mode. */
int verify_file(const char *path, const struct stat *st, bool trusted, struct error *err);
