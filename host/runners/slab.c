#include "runners/slab.h"

#include "base/mem.h"

#include <sys/mman.h>

#define KEEP ((uint32_t)4 << 20) /* of a block, when it is released */

struct block {
	uint32_t size;
	size_t offset;
};

static const struct {
	uint32_t size, n;
} classes[] = {
#define X(size_, n_) {size_, n_},
	SLAB_CLASSES(X)
#undef X
};

static struct block block_of(uint32_t index)
{
	size_t offset = 0;

	for (size_t c = 0; c < ARRAY_LEN(classes); c++) {
		if (index < classes[c].n)
			return (struct block){classes[c].size,
					      offset + (size_t)index * classes[c].size};
		index -= classes[c].n;
		offset += (size_t)classes[c].n * classes[c].size;
	}
	return (struct block){0, 0};
}

void slab_area_init(struct slab_area *a, struct slab_words *words, void *base)
{
	*a = (struct slab_area){.words = words, .base = base};
}

void *slab_data(const struct slab_area *a, uint32_t block)
{
	return a->base + block_of(block).offset;
}

uint32_t slab_block_size(uint32_t block)
{
	return block_of(block).size;
}

/* One call instead of a fault per page. Without it the pages come one by one. */
static void touch(struct slab_area *a, uint32_t block, uint32_t len, int advice)
{
	const uint32_t page = 4096;
	uint32_t from = a->touched[block], to = (len + page - 1) & ~(page - 1);
	unsigned char *data = slab_data(a, block);

	if (to <= from)
		return;
	a->touched[block] = to;
	madvise(data + from, to - from, advice);
}

static int take_of_class(struct slab_area *a, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++)
		if (atomic_load_explicit(&a->words->used[i], memory_order_acquire) == 0)
			return (int)i;
	return -1;
}

int slab_take(struct slab_area *a, uint32_t len)
{
	uint32_t first = 0;

	for (size_t c = 0; c < ARRAY_LEN(classes); first += classes[c++].n) {
		int block;

		/* The two largest blocks are for what fits nowhere else. */
		if (classes[c].size < len || (classes[c].size == SLAB_MAX && len <= KEEP))
			continue;
		block = take_of_class(a, first, classes[c].n);
		if (block < 0)
			continue;
		atomic_store_explicit(&a->words->used[block], 1, memory_order_relaxed);
		if (classes[c].size > KEEP) /* the consumer has given the rest away */
			a->touched[block] = MIN(a->touched[block], KEEP);
		touch(a, (uint32_t)block, len, MADV_POPULATE_WRITE);
		return block;
	}
	return -1;
}

void slab_expect(struct slab_area *a, uint32_t block, uint32_t len)
{
	touch(a, block, len, MADV_POPULATE_READ);
}

void slab_release(struct slab_area *a, uint32_t block)
{
	unsigned char *data = slab_data(a, block);

	if (a->touched[block] > KEEP) {
		madvise(data + KEEP, a->touched[block] - KEEP, MADV_REMOVE);
		a->touched[block] = KEEP;
	}
	atomic_store_explicit(&a->words->used[block], 0, memory_order_release);
}
