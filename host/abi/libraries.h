/* The libraries a file would be loaded with, found the way ld.so finds them and read as data.
 * Inside the layer only. */
#pragma once

#include "abi/elf_view.h"

struct library {
	struct str name;       /* as a DT_NEEDED entry says it */
	const char *path;      /* NULL: not found */
	const char *wanted_by; /* the file that needs it */
	struct elf_view view;  /* only when found */
};

/* Libraries that were looked for and the files found. One for many sets opens each file once. */
struct library_cache {
	struct arena arena;
	struct library *items; /* wanted_by is nobody's */
	size_t n, cap;
};

void library_cache_done(struct library_cache *cache); /* unmaps all */

/* Borrows from the cache what it finds. */
struct library_set {
	struct arena *arena;
	struct library_cache *cache;
	struct library *items; /* breadth first, as the loader searches them */
	size_t n, cap;
	bool failed; /* out of memory */
};

/* Opens what `elf` needs and everything that needs in turn, and libc. Missing ones are listed
 * without a path. */
int library_set_open(struct library_set *set,
		     struct library_cache *cache,
		     struct arena *arena,
		     const struct elf_info *elf,
		     const char *path,
		     struct error *err);

const struct library *library_set_get(const struct library_set *set, struct str name);
bool library_set_defines(const struct library_set *set, struct str name, struct str version);
