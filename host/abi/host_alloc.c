/* Counted memory for plugins. Which blocks are live is kept apart from the blocks themselves, so
 * that a second free of one, or a free of something else, is noticed without reading it. */
#include "abi/host.h"

#include "base/log.h"

#define ALIGN_MIN ((size_t)16)
#define ALIGN_MAX ((size_t)1 << 20)
#define FREED     ((uintptr_t)1) /* a slot that was used; no block has this address */

struct block {
	void *start; /* what malloc gave */
	size_t size; /* counted */
};

static size_t slot_of(const struct host *h, uintptr_t address)
{
	return (size_t)((address >> 4) * 0x9e3779b97f4a7c15u) & (h->n_slots - 1);
}

static void insert(struct host *h, uintptr_t address)
{
	size_t i = slot_of(h, address);

	while (h->blocks[i] > FREED)
		i = (i + 1) & (h->n_slots - 1);
	h->used_slots += h->blocks[i] == 0;
	h->blocks[i] = address;
	h->n_blocks++;
}

/* Makes room for one more; slots of freed blocks are dropped on the way. */
static bool make_room(struct host *h)
{
	size_t old_n = h->n_slots, n = MAX(old_n, (size_t)16);
	uintptr_t *old = h->blocks, *fresh;

	if (old_n && (h->used_slots + 1) * 4 <= old_n * 3)
		return true;
	while ((h->n_blocks + 1) * 2 > n)
		n *= 2;
	fresh = calloc(n, sizeof(*fresh));
	if (!fresh)
		return false;
	h->blocks = fresh;
	h->n_slots = n;
	h->n_blocks = h->used_slots = 0;
	for (size_t i = 0; i < old_n; i++)
		if (old[i] > FREED)
			insert(h, old[i]);
	free(old);
	return true;
}

static bool forget(struct host *h, uintptr_t address)
{
	if (h->n_slots == 0)
		return false;
	for (size_t i = slot_of(h, address); h->blocks[i]; i = (i + 1) & (h->n_slots - 1)) {
		if (h->blocks[i] != address)
			continue;
		h->blocks[i] = FREED;
		h->n_blocks--;
		return true;
	}
	return false;
}

static bool count(struct host *h, size_t size)
{
	size_t before = atomic_fetch_add(&h->allocated, size);

	if (h->quota == 0 || before + size <= h->quota)
		return true;
	atomic_fetch_sub(&h->allocated, size);
	return false;
}

static struct host *host_of(const th_host *host)
{
	return host ? host->ctx : NULL;
}

static void *refuse(const struct host *h)
{
	if (h->refused)
		h->refused(h->refused_ctx);
	return NULL;
}

void *host_alloc(const th_host *host, size_t size, size_t align)
{
	struct host *h = host_of(host);
	uintptr_t at;
	char *start;
	size_t whole;
	bool kept;

	if (align & (align - 1))
		return NULL;
	align = MAX(align, ALIGN_MIN);
	if (!h || align > ALIGN_MAX)
		return NULL;
	if (__builtin_add_overflow(size, align + sizeof(struct block), &whole) || !count(h, whole))
		return refuse(h);
	start = malloc(whole);
	if (!start) {
		atomic_fetch_sub(&h->allocated, whole);
		return refuse(h);
	}
	at = ((uintptr_t)start + sizeof(struct block) + align - 1) & ~(uintptr_t)(align - 1);
	memcpy((void *)(at - sizeof(struct block)), &(struct block){start, whole},
	       sizeof(struct block));
	pthread_mutex_lock(&h->lock);
	kept = make_room(h);
	if (kept)
		insert(h, at);
	pthread_mutex_unlock(&h->lock);
	if (kept)
		return (void *)at;
	free(start);
	atomic_fetch_sub(&h->allocated, whole);
	return refuse(h);
}

void host_free(const th_host *host, void *ptr)
{
	struct host *h = host_of(host);
	struct block block;
	bool known;

	if (!h || !ptr)
		return;
	pthread_mutex_lock(&h->lock);
	known = forget(h, (uintptr_t)ptr);
	pthread_mutex_unlock(&h->lock);
	if (!known) {
		if (atomic_fetch_add(&h->misbehaved, 1) == 0)
			log_warn("a plugin freed memory that it does not hold (freed twice, or "
				 "from elsewhere); ignored");
		return;
	}
	memcpy(&block, (char *)ptr - sizeof(block), sizeof(block));
	atomic_fetch_sub(&h->allocated, block.size);
	free(block.start);
}
