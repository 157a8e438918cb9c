#include "base/map.h"

#include "base/error.h"
#include "base/mem.h"

#define MAP_MIN_CAP ((size_t)8)

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15u;
	h ^= h >> 29;
	return h;
}

/* Eight bytes at a time, a mixing step after each; the length tells "a" from "a\0". */
static uint64_t hash(struct str key)
{
	uint64_t h = 0x2545f4914f6cdd1du ^ key.len, w;
	size_t i = 0;

	for (; key.len - i >= sizeof(w); i += sizeof(w)) {
		memcpy(&w, key.ptr + i, sizeof(w));
		h = mix((h ^ w) * 0xd6e8feb86659fd93u);
	}
	w = 0;
	if (i < key.len)
		memcpy(&w, key.ptr + i, key.len - i);
	return mix(mix((h ^ w) * 0xd6e8feb86659fd93u));
}

void map_done(struct map *m, void (*free_value)(void *))
{
	map_foreach (m, e) {
		free(e->key);
		if (free_value)
			free_value(e->value);
	}
	free(m->entries);
	free(m->slots);
	*m = (struct map)MAP_INIT;
}

static struct map_entry *find(const struct map *m, struct str key, uint64_t h)
{
	if (!m->slots)
		return NULL;
	for (size_t i = h & (m->n_slots - 1);; i = (i + 1) & (m->n_slots - 1)) {
		struct map_entry *e;

		if (m->slots[i] == 0)
			return NULL;
		e = &m->entries[m->slots[i] - 1];
		if (e->hash == h && str_eq((struct str){e->key, e->key_len}, key))
			return e;
	}
}

static void place(uint32_t *slots, size_t n_slots, uint64_t h, size_t index)
{
	size_t i = h & (n_slots - 1);

	while (slots[i] != 0)
		i = (i + 1) & (n_slots - 1);
	slots[i] = (uint32_t)(index + 1);
}

/* Room for one more entry; slots are twice the entries, so at most half of them are taken. */
static int grow(struct map *m)
{
	size_t cap = m->cap ? m->cap * 2 : MAP_MIN_CAP, n_slots = cap * 2;
	struct map_entry *entries;
	uint32_t *slots;

	if (m->len < m->cap)
		return 0;
	if (cap >= UINT32_MAX)
		return ERR_NOMEM;
	entries = reallocarray(m->entries, cap, sizeof(*entries));
	if (!entries)
		return ERR_NOMEM;
	m->entries = entries;
	slots = calloc(n_slots, sizeof(*slots));
	if (!slots)
		return ERR_NOMEM;
	for (size_t i = 0; i < m->len; i++)
		place(slots, n_slots, entries[i].hash, i);
	free(m->slots);
	m->slots = slots;
	m->n_slots = n_slots;
	m->cap = cap;
	return 0;
}

int map_put(struct map *m, struct str key, void *value, void **ret_old)
{
	uint64_t h = hash(key);
	struct map_entry *e = find(m, key, h);
	char *copy;

	if (e) {
		if (ret_old)
			*ret_old = e->value;
		e->value = value;
		return 0;
	}
	if (key.len == SIZE_MAX || grow(m) < 0)
		return ERR_NOMEM;
	copy = malloc(key.len + 1);
	if (!copy)
		return ERR_NOMEM;
	if (key.len > 0)
		memcpy(copy, key.ptr, key.len);
	copy[key.len] = '\0';

	m->entries[m->len] = (struct map_entry){copy, key.len, h, value};
	place(m->slots, m->n_slots, h, m->len);
	m->len++;
	if (ret_old)
		*ret_old = NULL;
	return 0;
}

void *map_get(const struct map *m, struct str key)
{
	const struct map_entry *e = find(m, key, hash(key));

	return e ? e->value : NULL;
}
