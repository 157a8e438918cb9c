#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#endif

/* Under AddressSanitizer the unused part of a chunk is poisoned and pieces lie apart, so that
 * running off a piece is reported as it is for malloc. */
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define REDZONE ((size_t)16)
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define REDZONE                           ((size_t)0)
#endif

#define ALIGN_DEFAULT ((size_t)16)
#define CHUNK_MIN     ((size_t)4 << 10)
#define CHUNK_MAX     ((size_t)1 << 20)

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* of data */
	size_t used; /* of data */
	_Alignas(16) char data[];
};

void closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

void arena_init(struct arena *a, size_t limit)
{
	*a = (struct arena){.limit = limit};
}

static void chunk_free(struct arena_chunk *c)
{
	ASAN_UNPOISON_MEMORY_REGION(c->data, c->size);
	free(c);
}

static void chunks_free(struct arena_chunk *c)
{
	while (c) {
		struct arena_chunk *next = c->next;

		chunk_free(c);
		c = next;
	}
}

void arena_done(struct arena *a)
{
	chunks_free(a->head);
	arena_init(a, a->limit);
}

void arena_clear(struct arena *a)
{
	struct arena_chunk *c = a->head;

	a->used = 0;
	if (!c)
		return;
	chunks_free(c->next);
	c->next = NULL;
	c->used = 0;
	ASAN_POISON_MEMORY_REGION(c->data, c->size);
}

static struct arena_chunk *chunk_new(size_t size)
{
	struct arena_chunk *c;

	if (size > SIZE_MAX - sizeof(*c))
		return NULL;
	c = malloc(sizeof(*c) + size);
	if (!c)
		return NULL;
	c->next = NULL;
	c->size = size;
	c->used = 0;
	ASAN_POISON_MEMORY_REGION(c->data, c->size);
	return c;
}

/* Takes a piece from `c`; NULL when it does not fit. */
static void *chunk_take(struct arena_chunk *c, size_t size, size_t align)
{
	uintptr_t base = (uintptr_t)c->data;
	size_t start = ((base + c->used + (align - 1)) & ~(uintptr_t)(align - 1)) - base;

	if (start > c->size || size > c->size - start)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(c->data + start, size);
	c->used = MIN(start + size + REDZONE, c->size);
	return c->data + start;
}

/* Adds a chunk that surely holds the piece. A big piece gets a chunk of its own, placed behind the
 * head, so that what is left of the head stays in use. */
static struct arena_chunk *chunk_add(struct arena *a, size_t size, size_t align)
{
	size_t next = a->chunk ? a->chunk : CHUNK_MIN, need;
	struct arena_chunk *c;
	bool own;

	if (__builtin_add_overflow(size, align, &need))
		return NULL;
	own = need > next / 4;
	c = chunk_new(own ? need : next);
	if (!c)
		return NULL;
	if (!own)
		a->chunk = MIN(next * 2, CHUNK_MAX);
	if (own && a->head) {
		c->next = a->head->next;
		a->head->next = c;
	} else {
		c->next = a->head;
		a->head = c;
	}
	return c;
}

void *arena_alloc_aligned(struct arena *a, size_t size, size_t align)
{
	struct arena_chunk *c = a->head;
	size_t used;
	void *p;

	if (align == 0 || (align & (align - 1)) != 0)
		return NULL;
	if (__builtin_add_overflow(a->used, size, &used) || (a->limit && used > a->limit))
		return NULL;
	p = c ? chunk_take(c, size, align) : NULL;
	if (!p) {
		c = chunk_add(a, size, align);
		p = c ? chunk_take(c, size, align) : NULL;
	}
	if (p)
		a->used = used;
	return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
	return arena_alloc_aligned(a, size, ALIGN_DEFAULT);
}

void *arena_zalloc(struct arena *a, size_t size)
{
	void *p = arena_alloc(a, size);

	return p ? memset(p, 0, size) : NULL;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t total;

	return __builtin_mul_overflow(n, size, &total) ? NULL : arena_alloc(a, total);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = len < SIZE_MAX ? arena_alloc_aligned(a, len + 1, 1) : NULL;

	if (!p)
		return NULL;
	if (len > 0)
		memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	char small[256], *p;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	if ((size_t)n < sizeof(small))
		return arena_strndup(a, small, (size_t)n);

	p = arena_alloc_aligned(a, (size_t)n + 1, 1);
	if (!p)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void *arena_memdup(struct arena *a, const void *p, size_t len)
{
	void *copy = arena_alloc(a, len);

	if (copy && len > 0)
		memcpy(copy, p, len);
	return copy;
}
