/* Looks at the plugin directories again and again: which files are there, whether the rules for
 * paths let them be used, whether they have settled, and which content they have. Reads only what is
 * not known, and keeps a private copy of each content that may be loaded. Runs none of it.
 *
 * One thread at a time; it blocks. */
#pragma once

#include "registry/verdicts.h"

enum look_state {
	LOOK_READ,     /* there is a verdict on its content */
	LOOK_SETTLING, /* it may still be written: look again in a moment */
	LOOK_REFUSED,  /* where it lies, who owns it, or that it cannot be read: `reason` */
	LOOK_OTHER,    /* no plugin: `reason` */
};

struct looked_file {
	char *path;
	enum look_state state;
	char *reason;
	struct verdict *verdict; /* a reference */
	char *copy;              /* of a loadable content: what is to be loaded */
};

struct look {
	struct looked_file *files; /* in search order, by name inside a directory */
	size_t n, cap;
	bool settling; /* some file is */
};

void look_done(struct look *l);

struct scanner_params {
	const char *const *dirs; /* absolute, in search order */
	size_t n_dirs;
	const char *const *trusted;
	size_t n_trusted;
	const char *store_dir; /* private copies go to its "plugins" */
};

struct scanner;

/* Strings are copied; the verdicts must outlive the scanner. */
int scanner_new(const struct scanner_params *params,
		struct verdicts *verdicts,
		struct scanner **ret,
		struct error *err);
void scanner_free(struct scanner *s);

/* `keep`: digests whose copies must stay although no file has that content; other copies nobody
 * needs are removed. Fails only for want of memory. */
int scanner_look(struct scanner *s,
		 const char *const *keep,
		 size_t n_keep,
		 struct look *ret,
		 struct error *err);

/* The copy of that content is gone or damaged: the next look makes it anew. */
void scanner_forget_copy(struct scanner *s, const char *digest);

uint64_t scanner_files_read(const struct scanner *s); /* so far */
