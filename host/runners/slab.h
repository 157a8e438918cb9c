/* Large payloads: blocks of shared memory in a few sizes, filled by one side and read by the other.
 *
 * A block is touched for the first time once and then used again and again, because a first touch
 * costs ten times as much as the copy. The memory is reserved, not used, until then; what the two
 * areas of a channel can ever hold is bounded by the table below.
 *
 * One word per block in shared memory says whether it is in use: only the producer takes, only the
 * consumer releases. A side that breaks that rule spoils its own data. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLAB_MAX (((uint32_t)64 << 20) + ((uint32_t)64 << 10)) /* the largest payload */

/* X(size of a block, how many) */
#define SLAB_CLASSES(X)                                                                            \
	X((uint32_t)64 << 10, 8)                                                                   \
	X((uint32_t)256 << 10, 4)                                                                  \
	X((uint32_t)1 << 20, 4)                                                                    \
	X((uint32_t)4 << 20, 2)                                                                    \
	X(SLAB_MAX, 2)

#define SLAB_PLUS(size, n)  +(n)
#define SLAB_BYTES(size, n) +(size_t)(size) * (n)
enum { SLAB_COUNT = 0 SLAB_CLASSES(SLAB_PLUS) };
#define SLAB_AREA_SIZE ((size_t)0 SLAB_CLASSES(SLAB_BYTES)) /* a multiple of the page size */

struct slab_words {
	_Alignas(64) _Atomic uint32_t used[SLAB_COUNT];
};

/* One side's view of the blocks of one direction. Not thread-safe. */
struct slab_area {
	struct slab_words *words;
	unsigned char *base;
	uint32_t touched[SLAB_COUNT]; /* bytes at the start of the block this side has mapped */
};

void slab_area_init(struct slab_area *a, struct slab_words *words, void *base);

/* A block for `len` bytes, with the memory there, or -1 when none is free. `len` is at most
 * SLAB_MAX. */
int slab_take(struct slab_area *a, uint32_t len);

void *slab_data(const struct slab_area *a, uint32_t block); /* block < SLAB_COUNT */
uint32_t slab_block_size(uint32_t block);

/* The consumer is going to read `len` bytes of a block: maps them in one go. */
void slab_expect(struct slab_area *a, uint32_t block, uint32_t len);

/* The consumer has read the block, or the producer has not handed it on. What a very large payload
 * took up is given back to the system. */
void slab_release(struct slab_area *a, uint32_t block);
