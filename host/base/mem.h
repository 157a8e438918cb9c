/* Memory: an arena for everything that dies together, and scoped clean-up for the rest.
 * All allocations may fail; nothing here aborts. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))

#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* Moves a pointer out of a scope that would otherwise free it. */
#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) take_ = (p);                                                         \
		(p) = NULL;                                                                        \
		take_;                                                                             \
	})

/* As TAKE, for a file descriptor. */
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int take_ = (fd);                                                                  \
		(fd) = -1;                                                                         \
		take_;                                                                             \
	})

static inline void freep(void *p)
{
	free(*(void **)p);
}

/* Closes *fd unless it is negative; for _cleanup_(closep). Keeps errno. */
void closep(int *fd);

/* ---- arena ----------------------------------------------------------------------------------- */

/* A bump allocator: many small pieces, one release. Not thread-safe. */
struct arena {
	struct arena_chunk *head;
	size_t used;  /* bytes handed out */
	size_t limit; /* most bytes to hand out; 0 means no limit */
	size_t chunk; /* size of the next chunk */
};

#define ARENA_INIT                                                                                 \
	{                                                                                          \
		.head = NULL, .used = 0, .limit = 0, .chunk = 0                                    \
	}

void arena_init(struct arena *a, size_t limit);
void arena_done(struct arena *a);

/* Keeps the newest chunk for reuse, frees the others. */
void arena_clear(struct arena *a);

/* 16-byte aligned, not zeroed; NULL when out of memory or over the limit. size 0 gives a valid
 * pointer. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_alloc_aligned(struct arena *a, size_t size, size_t align);
void *arena_zalloc(struct arena *a, size_t size);

/* NULL also when n * size overflows. */
void *arena_array(struct arena *a, size_t n, size_t size);

/* Copies; the result always ends in a NUL that is not counted. NULL when out of memory. */
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *arena_memdup(struct arena *a, const void *p, size_t len);
