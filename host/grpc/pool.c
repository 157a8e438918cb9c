#include "grpc/pool.h"

#include "base/mem.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON 1
#endif
#endif
#ifdef POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)0)
#endif

#define STEP      ((size_t)64)
#define STEPPED   ((size_t)1024)
#define UNPOOLED  UINT32_MAX
#define SIZE_MOST ((size_t)128 << 20)

/* Lies before each block. */
struct pool_block {
	uint32_t class;
	uint32_t unused;
	union {
		struct pool_block *next; /* while it waits */
		uint64_t size_high;
	};
};

_Static_assert(sizeof(struct pool_block) == 16, "keeps blocks aligned");

static uint32_t class_of(size_t size, size_t *ret_size)
{
	unsigned octave;
	size_t quarter;

	if (size <= STEPPED) {
		size_t class = size == 0 ? 0 : (size - 1) / STEP;

		*ret_size = (class + 1) * STEP;
		return (uint32_t) class;
	}
	if (size > SIZE_MOST) {
		*ret_size = size;
		return UNPOOLED;
	}
	octave = 63 - (unsigned)__builtin_clzll(size - 1); /* at least 10 */
	quarter = ((size - 1) >> (octave - 2)) & 3;
	*ret_size = ((size_t)1 << octave) + (quarter + 1) * ((size_t)1 << (octave - 2));
	return (uint32_t)(STEPPED / STEP + (size_t)(octave - 10) * 4 + quarter);
}

static size_t class_size(uint32_t class)
{
	size_t n = class - STEPPED / STEP;

	if (class < STEPPED / STEP)
		return ((size_t) class + 1) * STEP;
	return ((size_t)1 << (10 + n / 4)) + (n % 4 + 1) * ((size_t)1 << (8 + n / 4));
}

static size_t block_size(const struct pool_block *b)
{
	return b->class == UNPOOLED ? b->size_high : class_size(b->class);
}

void *pool_alloc(struct pool *p, size_t size)
{
	size_t rounded;
	uint32_t class = class_of(size, &rounded);
	struct pool_block *b = class == UNPOOLED ? NULL : p->free[class];

	if (b) {
		ASAN_UNPOISON_MEMORY_REGION(b + 1, rounded);
		p->free[class] = b->next;
		p->free_bytes -= rounded;
	} else {
		if (rounded > SIZE_MAX - sizeof(*b))
			return NULL;
		b = malloc(sizeof(*b) + rounded);
		if (!b)
			return NULL;
		b->class = class;
	}
	b->size_high = rounded;
	p->used_bytes += rounded;
	return b + 1;
}

void *pool_zalloc(struct pool *p, size_t size)
{
	void *m = pool_alloc(p, size);

	return m ? memset(m, 0, size) : NULL;
}

void pool_free(struct pool *p, void *m)
{
	struct pool_block *b;
	size_t size;

	if (!m)
		return;
	b = (struct pool_block *)m - 1;
	size = block_size(b);
	p->used_bytes -= size;
	if (b->class == UNPOOLED || p->free_bytes + size > p->keep) {
		free(b);
		return;
	}
	b->next = p->free[b->class];
	p->free[b->class] = b;
	p->free_bytes += size;
	ASAN_POISON_MEMORY_REGION(b + 1, size);
}

void *pool_realloc(struct pool *p, void *m, size_t size)
{
	size_t old;
	void *moved;

	if (!m)
		return pool_alloc(p, size);
	old = block_size((struct pool_block *)m - 1);
	if (size <= old)
		return m;
	moved = pool_alloc(p, size);
	if (!moved)
		return NULL;
	memcpy(moved, m, old);
	pool_free(p, m);
	return moved;
}

void pool_trim(struct pool *p, size_t keep)
{
	for (size_t c = POOL_CLASSES; c-- > 0 && p->free_bytes > keep;) {
		while (p->free[c] && p->free_bytes > keep) {
			struct pool_block *b = p->free[c];

			p->free[c] = b->next;
			p->free_bytes -= block_size(b);
			ASAN_UNPOISON_MEMORY_REGION(b + 1, block_size(b));
			free(b);
		}
	}
}

void pool_done(struct pool *p)
{
	pool_trim(p, 0);
}
