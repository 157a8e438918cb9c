#include "dispatch/hash.h"

#include "base/error.h"

uint64_t hash_number(uint64_t v)
{
	v ^= v >> 32;
	v *= UINT64_C(0x9e3779b97f4a7c15);
	v ^= v >> 29;
	return v;
}

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t h = seed ^ UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return hash_number(h);
}

void hash_done(struct hash *h)
{
	free(h->slots);
	*h = (struct hash)HASH_INIT;
}

static struct hash_node **slot(const struct hash *h, uint64_t hash)
{
	return &h->slots[hash & (h->n_slots - 1)];
}

static int grow(struct hash *h)
{
	struct hash bigger = {.n = h->n, .n_slots = h->n_slots ? h->n_slots * 2 : 64};

	bigger.slots = calloc(bigger.n_slots, sizeof(struct hash_node *));
	if (!bigger.slots)
		return ERR_NOMEM;
	for (size_t i = 0; i < h->n_slots; i++) {
		for (struct hash_node *n = h->slots[i], *next; n; n = next) {
			struct hash_node **to = slot(&bigger, n->hash);

			next = n->next;
			n->next = *to;
			*to = n;
		}
	}
	free(h->slots);
	*h = bigger;
	return 0;
}

int hash_add(struct hash *h, struct hash_node *node, uint64_t hash)
{
	if (h->n >= h->n_slots && grow(h) < 0 && h->n_slots == 0)
		return ERR_NOMEM;
	node->hash = hash;
	node->in = true;
	node->next = *slot(h, hash);
	*slot(h, hash) = node;
	h->n++;
	return 0;
}

void hash_remove(struct hash *h, struct hash_node *node)
{
	struct hash_node **at;

	if (!node->in)
		return;
	for (at = slot(h, node->hash); *at != node; at = &(*at)->next)
		;
	*at = node->next;
	node->in = false;
	h->n--;
}

struct hash_node *hash_find(const struct hash *h, uint64_t hash)
{
	struct hash_node *n = h->n_slots ? *slot(h, hash) : NULL;

	while (n && n->hash != hash)
		n = n->next;
	return n;
}

struct hash_node *hash_again(const struct hash_node *node)
{
	struct hash_node *n = node->next;

	while (n && n->hash != node->hash)
		n = n->next;
	return n;
}
