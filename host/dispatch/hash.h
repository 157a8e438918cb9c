/* A hash table of nodes inside the things it finds. The caller has the hash and compares. */
#pragma once

#include "base/mem.h"
#include "base/str.h"

#include <stdbool.h>

struct hash_node {
	struct hash_node *next;
	uint64_t hash;
	bool in;
};

struct hash {
	struct hash_node **slots;
	size_t n, n_slots; /* a power of two */
};

#define HASH_INIT                                                                                  \
	{                                                                                          \
		.slots = NULL, .n = 0, .n_slots = 0                                                \
	}

void hash_done(struct hash *h);

/* 0 or ERR_NOMEM, then the node is not in. */
int hash_add(struct hash *h, struct hash_node *node, uint64_t hash);
void hash_remove(struct hash *h, struct hash_node *node); /* nothing when it is not in */

/* The first node with this hash, and the next one. */
struct hash_node *hash_find(const struct hash *h, uint64_t hash);
struct hash_node *hash_again(const struct hash_node *node);

uint64_t hash_number(uint64_t v);
uint64_t hash_bytes(const void *data, size_t len, uint64_t seed);
