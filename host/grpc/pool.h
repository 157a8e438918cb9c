/* Memory that comes and goes at the same sizes all day: freed blocks wait in a list per size class
 * for the next taker, so that neither the allocator nor the kernel (first touch of a page) is asked
 * again. Classes are 64 bytes apart up to 1 KiB, then four per power of two up to 128 MiB; what is
 * larger is not kept. Not thread-safe. */
#pragma once

#include "base/error.h"

#include <stdint.h>

#define POOL_CLASSES 84

struct pool {
	struct pool_block *free[POOL_CLASSES];
	size_t free_bytes; /* waiting in the lists */
	size_t used_bytes; /* handed out */
	size_t keep;       /* most bytes to keep waiting */
};

#define POOL_INIT(keep_)                                                                           \
	{                                                                                          \
		.keep = (keep_)                                                                    \
	}

void pool_done(struct pool *p); /* everything handed out must have come back */

/* Not zeroed; 16-byte aligned; NULL when out of memory. */
void *pool_alloc(struct pool *p, size_t size);
void *pool_zalloc(struct pool *p, size_t size);
void *pool_realloc(struct pool *p, void *m, size_t size); /* keeps m on failure */
void pool_free(struct pool *p, void *m);                  /* NULL is fine */

/* Gives blocks back to the system, largest first, until at most `keep` bytes wait. */
void pool_trim(struct pool *p, size_t keep);
