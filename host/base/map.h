/* A hash map from strings to pointers that keeps insertion order. Keys are copied. */
#pragma once

#include "base/str.h"

struct map_entry {
	char *key;
	size_t key_len;
	uint64_t hash;
	void *value;
};

struct map {
	struct map_entry *entries; /* in insertion order; iterate 0..len */
	uint32_t *slots;           /* index into entries + 1; 0 is free */
	size_t len, cap, n_slots;
};

#define MAP_INIT                                                                                   \
	{                                                                                          \
		.entries = NULL, .slots = NULL, .len = 0, .cap = 0, .n_slots = 0                   \
	}

/* Frees the map and its keys; values with `free_value` unless that is NULL. */
void map_done(struct map *m, void (*free_value)(void *));

/* Adds or replaces. 0 or ERR_NOMEM. *ret_old, when given, is the value replaced, or NULL. */
int map_put(struct map *m, struct str key, void *value, void **ret_old);

/* NULL when absent. */
void *map_get(const struct map *m, struct str key);

#define map_foreach(m, e)                                                                          \
	for (struct map_entry *e = (m)->entries; e && e < (m)->entries + (m)->len; e++)
