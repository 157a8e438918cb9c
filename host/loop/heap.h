/* An intrusive pairing heap ordered by an int64_t key: insert and look at the smallest in constant
 * time, remove anything in logarithmic time (amortized), never an allocation. Equal keys come out
 * in the order they went in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	struct heap_node *child; /* leftmost */
	struct heap_node *next;  /* right sibling */
	struct heap_node *prev;  /* left sibling, or the parent of a leftmost child */
	int64_t key;
	uint64_t order; /* 0: not in a heap */
};

struct heap {
	struct heap_node *root;
	uint64_t order;
};

#define HEAP_INIT                                                                                  \
	{                                                                                          \
		.root = NULL, .order = 0                                                           \
	}

void heap_insert(struct heap *h, struct heap_node *n, int64_t key); /* n is in no heap */
void heap_remove(struct heap *h, struct heap_node *n);              /* n is in this heap */

static inline struct heap_node *heap_min(const struct heap *h)
{
	return h->root;
}

static inline bool heap_linked(const struct heap_node *n)
{
	return n->order != 0;
}
