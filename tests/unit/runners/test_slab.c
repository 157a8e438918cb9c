#include "lib/test.h"

#include "base/mem.h"
#include "runners/slab.h"

#include <sys/mman.h>

static struct slab_words words;

static unsigned char *new_area(struct slab_area *a)
{
	unsigned char *base = mmap(NULL, SLAB_AREA_SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(base != MAP_FAILED);
	memset(&words, 0, sizeof(words));
	slab_area_init(a, &words, base);
	return base;
}

TEST(blocks_do_not_overlap)
{
	struct slab_area a;
	unsigned char *base = new_area(&a), *end = base;

	for (uint32_t i = 0; i < SLAB_COUNT; i++) {
		CHECK(slab_data(&a, i) == end);
		end += slab_block_size(i);
	}
	CHECK(end == base + SLAB_AREA_SIZE);
	CHECK_INT(slab_block_size(SLAB_COUNT), 0);
	munmap(base, SLAB_AREA_SIZE);
}

TEST(the_smallest_that_fits_then_larger_ones)
{
	struct slab_area a;
	unsigned char *base = new_area(&a);
	int first = slab_take(&a, 100), block, n = 1;

	CHECK_INT(first, 0);
	while ((block = slab_take(&a, 100)) >= 0) {
		CHECK(slab_block_size((uint32_t)block) < SLAB_MAX);
		n++;
	}
	CHECK_INT(n, SLAB_COUNT - 2); /* the largest are kept for what fits nowhere else */
	slab_release(&a, 0);
	CHECK_INT(slab_take(&a, 65536), 0);
	munmap(base, SLAB_AREA_SIZE);
}

TEST(the_largest)
{
	struct slab_area a;
	unsigned char *base = new_area(&a);
	int x = slab_take(&a, SLAB_MAX), y = slab_take(&a, (4 << 20) + 1);
	unsigned char *data = slab_data(&a, (uint32_t)x);

	CHECK(x >= 0 && y >= 0 && x != y);
	CHECK_INT(slab_take(&a, SLAB_MAX), -1);
	data[SLAB_MAX - 1] = 1;
	data[0] = 2;
	slab_release(&a, (uint32_t)x);
	CHECK_INT(data[SLAB_MAX - 1], 0); /* given back */
	CHECK_INT(data[0], 2);
	CHECK_INT(slab_take(&a, SLAB_MAX), x);
	munmap(base, SLAB_AREA_SIZE);
}
