#include "flyte/message.h"

/* ---- the arena as protobuf-c's allocator ----------------------------------------------------- */

/* protobuf-c takes notes of a message's fields in blocks of 1024 << k bytes and frees them when the
 * message is done. Nothing else is freed, but without reuse these would stay in the arena and cost
 * many times the message. So blocks of exactly such a size are put 8 bytes off the arena's
 * alignment, with their size class before them: free() knows them by their address and keeps them
 * for the next message. wire.c counts on it. */
#define BLOCK_FIRST   1024
#define BLOCK_CLASSES 24

struct block {
	struct block *next;
};

struct arena_allocator {
	ProtobufCAllocator base;
	struct arena *arena;
	struct block *unused[BLOCK_CLASSES];
	bool failed;
};

static int block_class(size_t size)
{
	if (size < BLOCK_FIRST || (size & (size - 1)) != 0)
		return -1;
	int k = __builtin_ctzll(size) - __builtin_ctzll(BLOCK_FIRST);

	return k < BLOCK_CLASSES ? k : -1;
}

static void *alloc_block(struct arena_allocator *a, size_t size, int k)
{
	struct block *b = a->unused[k];
	char *p;

	if (b) {
		a->unused[k] = b->next;
		*((uint64_t *)(void *)b - 1) = (uint64_t)k;
		return b;
	}
	p = arena_alloc(a->arena, size + 16);
	if (!p)
		return NULL;
	*(uint64_t *)(void *)p = (uint64_t)k;
	return p + 8;
}

static void *allocator_alloc(void *data, size_t size)
{
	struct arena_allocator *a = data;
	int k = block_class(size);
	void *p = k >= 0 ? alloc_block(a, size, k) : arena_alloc(a->arena, size);

	if (!p)
		a->failed = true;
	return p;
}

static void allocator_free(void *data, void *p)
{
	struct arena_allocator *a = data;
	uint64_t *class_of = (uint64_t *)p - 1;
	struct block *b = p;

	if (((uintptr_t)p & 15) != 8 || *class_of >= BLOCK_CLASSES)
		return;
	b->next = a->unused[*class_of];
	a->unused[*class_of] = b;
	*class_of = UINT64_MAX; /* a second free does nothing */
}

/* ---- maps ------------------------------------------------------------------------------------ */

struct entry_ref {
	const char *key;
	size_t index;
};

static int compare_refs(const void *a, const void *b)
{
	const struct entry_ref *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static const char *entry_key(const struct message_desc *entry, const void *p)
{
	return *(char *const *)((const char *)p + entry->c->fields[0].offset);
}

static bool keys_rise(const struct message_desc *entry, void **entries, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (strcmp(entry_key(entry, entries[i - 1]), entry_key(entry, entries[i])) >= 0)
			return false;
	return true;
}

/* Of equal keys only the last entry stays; the others keep their order. */
static int
drop_repeated_keys(const struct message_desc *entry, void **entries, size_t *n, struct error *err)
{
	_cleanup_(freep) struct entry_ref *refs = NULL;
	size_t kept = 0;

	if (*n < 2 || keys_rise(entry, entries, *n))
		return 0;
	refs = calloc(*n, sizeof(*refs));
	if (!refs)
		return err_nomem(err, entry->name);
	for (size_t i = 0; i < *n; i++)
		refs[i] = (struct entry_ref){entry_key(entry, entries[i]), i};
	qsort(refs, *n, sizeof(*refs), compare_refs);
	for (size_t i = 0; i + 1 < *n; i++)
		if (streq(refs[i].key, refs[i + 1].key))
			entries[refs[i].index] = NULL;
	for (size_t i = 0; i < *n; i++)
		if (entries[i])
			entries[kept++] = entries[i];
	*n = kept;
	return 0;
}

struct normalizer {
	struct arena *arena;
	struct error *err;
};

static int fill_entry(const struct normalizer *z, const struct message_desc *entry, char *p)
{
	const struct field_desc *value = &entry->fields[1];
	void **slot = (void **)(void *)(p + entry->c->fields[1].offset);

	if (value->type != FIELD_MESSAGE || *slot)
		return 0;
	*slot = arena_alloc(z->arena, value->message->c->sizeof_message);
	if (!*slot)
		return err_nomem(z->err, entry->name);
	protobuf_c_message_init(value->message->c, *slot);
	return 0;
}

static int normalize(const struct normalizer *z, const struct message_desc *type, char *m);

static int normalize_many(const struct normalizer *z,
			  const struct field_desc *field,
			  const ProtobufCFieldDescriptor *c,
			  char *m)
{
	void **items = *(void ***)(void *)(m + c->offset);
	size_t *n = (size_t *)(void *)(m + c->quantifier_offset);
	int r = 0;

	if (field->label == LABEL_MAP) {
		for (size_t i = 0; r == 0 && i < *n; i++)
			r = fill_entry(z, field->message, items[i]);
		if (r == 0)
			r = drop_repeated_keys(field->message, items, n, z->err);
	}
	for (size_t i = 0; r == 0 && i < *n; i++)
		r = normalize(z, field->message, items[i]);
	return r;
}

/* Recursion is bounded: the walk has refused deeper messages. */
static int normalize(const struct normalizer *z, const struct message_desc *type, char *m)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < type->n_fields; i++) {
		const struct field_desc *field = &type->fields[i];
		const ProtobufCFieldDescriptor *c = &type->c->fields[i];

		if (field->type != FIELD_MESSAGE)
			continue;
		if (field->label != LABEL_SINGULAR) {
			r = normalize_many(z, field, c, m);
		} else if (field->oneof < 0 ||
			   *(uint32_t *)(void *)(m + c->quantifier_offset) == field->number) {
			char *sub = *(char **)(void *)(m + c->offset);

			r = sub ? normalize(z, field->message, sub) : 0;
		}
	}
	return r;
}

/* ---- decoding -------------------------------------------------------------------------------- */

static int unpack(const struct message_desc *type,
		  struct str wire,
		  struct arena *arena,
		  void **ret,
		  struct error *err)
{
	static const uint8_t nothing[1];
	const uint8_t *bytes = wire.len > 0 ? (const uint8_t *)wire.ptr : nothing;
	struct arena_allocator a = {.arena = arena};
	void *m;

	a.base = (ProtobufCAllocator){allocator_alloc, allocator_free, &a};
	m = protobuf_c_message_unpack(type->c, &a.base, wire.len, bytes);
	if (m) {
		*ret = m;
		return 0;
	}
	if (a.failed && arena->limit > 0 && arena->limit - arena->used < wire.len)
		return err_set(err, ERR_LIMIT, "%s: does not fit the memory set aside for it",
			       type->name);
	if (a.failed)
		return err_nomem(err, type->name);
	return err_set(err, ERR_INVALID, "%s: cannot be decoded", type->name);
}

int message_decode(const struct message_desc *type,
		   struct str wire,
		   const struct wire_limits *limits,
		   struct arena *arena,
		   void **ret,
		   struct error *err)
{
	_cleanup_(buf_done) struct buf merged = BUF_INIT;
	struct wire_info info;
	void *m = NULL;
	int r;

	r = wire_check(type, wire, limits, &info, err);
	if (r == 0 && info.flags & WIRE_SPLIT) {
		r = wire_merge(type, wire, &merged, err);
		wire = (struct str){merged.data, merged.len};
		if (r == 0) /* a joined message may need more memory than its parts */
			r = wire_check(type, wire, limits, &info, err);
		info.flags |= WIRE_MAPS;
	}
	if (r == 0)
		r = unpack(type, wire, arena, &m, err);
	if (r == 0 && info.flags & WIRE_MAPS)
		r = normalize(&(struct normalizer){arena, err}, type, m);
	if (r == 0)
		*ret = m;
	return r;
}
