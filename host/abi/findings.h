/* The growing list of what an inspection found. Inside the layer only. */
#pragma once

#include "abi/inspect.h"
#include "base/buf.h"

struct findings {
	struct arena *arena;
	struct finding *items;
	size_t n, cap;
	bool failed; /* out of memory */
};

void finding_add(struct findings *f,
		 enum finding_level level,
		 const char *rule,
		 const char *fmt,
		 ...) __attribute__((format(printf, 4, 5)));

/* "a, b, c and 7 more" */
void finding_name(struct buf *names, size_t *n, struct str name);

/* Needed libraries and undefined symbols: fills inspection's libraries and adds what is missing. */
int findings_of_libraries(struct findings *f,
			  struct inspection *i,
			  const char *path,
			  struct library_cache *cache,
			  struct error *err);
