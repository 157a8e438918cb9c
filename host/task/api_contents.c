/* th.literal/1, reading: what is worked out on first use and then kept with the handle. */
#include "task/api.h"

#include "flyte/message.h"
#include "task/names.h"

enum cached {
	CACHED_ITEMS,
	CACHED_TEXT,
	CACHED_JSON,
	CACHED_RAW,
	CACHED_I64,
	CACHED_F64,
	CACHED_INNER,
	CACHED_MAX
};

struct lit_cache {
	_Atomic(const void *) made[CACHED_MAX];
};

struct items {
	size_t n;
	bool map, sorted;
	struct th_lit *lits;
	th_str *keys; /* of a map */
};

/* Makes one thing about `lit` in the home's arena. The home's lock is held. */
typedef th_status (*maker)(const th_lit *lit, struct arena *arena, const void **ret);

static th_status make_locked(struct th_lit *lit, enum cached what, maker make, const void **ret)
{
	struct lit_cache *cache = atomic_load_explicit(&lit->cache, memory_order_acquire);
	th_status st;

	if (!cache) {
		cache = arena_zalloc(&lit->home->arena, sizeof(*cache));
		if (!cache)
			return TH_E_NOMEM;
		atomic_store_explicit(&lit->cache, cache, memory_order_release);
	}
	*ret = atomic_load_explicit(&cache->made[what], memory_order_acquire);
	if (*ret)
		return TH_OK;
	st = make(lit, &lit->home->arena, ret);
	if (st == TH_OK)
		atomic_store_explicit(&cache->made[what], *ret, memory_order_release);
	return st;
}

/* The thing if it was made before, without a lock; else makes it, once. */
static th_status get_cached(const th_lit *lit, enum cached what, maker make, const void **ret)
{
	struct th_lit *mutable = (struct th_lit *)lit; /* the cache is not part of the value */
	struct lit_cache *cache;
	th_status st;

	if (!lit)
		return TH_E_INVALID;
	cache = atomic_load_explicit(&mutable->cache, memory_order_acquire);
	if (cache) {
		*ret = atomic_load_explicit(&cache->made[what], memory_order_acquire);
		if (*ret)
			return TH_OK;
	}
	pthread_mutex_lock(&lit->home->lock);
	st = make_locked(mutable, what, make, ret);
	pthread_mutex_unlock(&lit->home->lock);
	return st;
}

/* Moves a buffer into the arena as a text that ends in a NUL. */
static th_status keep_text(struct arena *arena, const struct buf *b, const void **ret)
{
	th_str *kept = arena_alloc(arena, sizeof(*kept));
	char *copy;

	if (b->failed || !kept)
		return TH_E_NOMEM;
	copy = arena_strndup(arena, b->len ? b->data : "", b->len);
	if (!copy)
		return TH_E_NOMEM;
	*kept = (th_str){copy, b->len};
	*ret = kept;
	return TH_OK;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static th_status make_text(const th_lit *lit, struct arena *arena, const void **ret)
{
	struct buf b = BUF_INIT;
	struct str s;
	th_status st;

	if (!value_str(lit->value, &s))
		return TH_E_TYPE;
	buf_append(&b, s.ptr, s.len);
	st = keep_text(arena, &b, ret);
	buf_done(&b);
	return st;
}

th_status read_str(const th_lit *lit, th_str *ret)
{
	const void *made;
	struct str s;
	th_status st;

	if (!lit || !ret)
		return TH_E_INVALID;
	if (lit->value.source != VALUE_OF_MSGPACK) {
		if (!value_str(lit->value, &s))
			return TH_E_TYPE;
		*ret = th_of(s);
		return TH_OK;
	}
	/* A string inside msgpack has no NUL behind it. */
	st = get_cached(lit, CACHED_TEXT, make_text, &made);
	if (st == TH_OK)
		*ret = *(const th_str *)made;
	return st;
}

static th_status make_json(const th_lit *lit, struct arena *arena, const void **ret)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	int r = lit_value_json(lit->value, &b, &err);

	return r < 0 ? status_of_err(r) : keep_text(arena, &b, ret);
}

th_status read_json(const th_lit *lit, th_str *ret)
{
	const void *made;
	th_status st;

	if (!lit || !ret)
		return TH_E_INVALID;
	st = get_cached(lit, CACHED_JSON, make_json, &made);
	if (st == TH_OK)
		*ret = *(const th_str *)made;
	return st;
}

static th_status make_raw(const th_lit *lit, struct arena *arena, const void **ret)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	int r;

	if (lit->value.source != VALUE_OF_LITERAL || !lit->value.literal)
		return TH_E_TYPE;
	r = message_encode(&lit->value.literal->base, &b, &err);
	return r < 0 ? status_of_err(r) : keep_text(arena, &b, ret);
}

th_status read_raw(const th_lit *lit, th_bytes *ret)
{
	const void *made;
	const th_str *s;
	th_status st;

	if (!lit || !ret)
		return TH_E_INVALID;
	st = get_cached(lit, CACHED_RAW, make_raw, &made);
	if (st != TH_OK)
		return st;
	s = made;
	*ret = (th_bytes){(const uint8_t *)s->ptr, s->len};
	return TH_OK;
}

th_status read_inputs_raw(th_exec *handle, th_bytes *ret)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct exec *e = exec_of(handle);
	th_bytes *kept, *none = NULL;
	th_str text;
	int r;

	if (!e || !ret)
		return TH_E_INVALID;
	kept = atomic_load(&e->inputs_raw);
	if (!kept) {
		r = message_encode(&e->input_map.base, &b, &err);
		if (r < 0)
			return status_of_err(r);
		text = lit_home_text(&e->home, (struct str){b.data, b.len});
		kept = lit_home_alloc(&e->home, sizeof(*kept), 0);
		if (!text.ptr || !kept)
			return TH_E_NOMEM;
		*kept = (th_bytes){(const uint8_t *)text.ptr, text.len};
		if (!atomic_compare_exchange_strong(&e->inputs_raw, &none, kept))
			kept = none; /* another thread was faster */
	}
	*ret = *kept;
	return TH_OK;
}

/* ---- containers ------------------------------------------------------------------------------ */

static th_status
fill_map(struct items *items, struct lit_home *home, struct value opened, struct arena *arena)
{
	items->keys = arena_array(arena, items->n, sizeof(*items->keys));
	if (!items->keys)
		return TH_E_NOMEM;
	items->sorted = opened.source == VALUE_OF_LITERAL;
	for (size_t i = 0; i < items->n; i++) {
		struct str key = STR("");
		char *copy;

		lit_init(&items->lits[i], home, value_entry(opened, i, &key));
		copy = arena_strndup(arena, key.len ? key.ptr : "", key.len);
		if (!copy)
			return TH_E_NOMEM;
		items->keys[i] = (th_str){copy, key.len};
	}
	return TH_OK;
}

static th_status make_items(const th_lit *lit, struct arena *arena, const void **ret)
{
	struct error err = ERROR_INIT;
	struct items *items = arena_zalloc(arena, sizeof(*items));
	struct value opened = value_open(lit->value, arena, &err);
	th_status st = TH_OK;

	if (!items)
		return TH_E_NOMEM;
	if (!value_len(opened, &items->n))
		return err.code ? status_of_err(err.code) : TH_E_TYPE;
	items->map = value_kind(opened) == VALUE_MAP;
	items->lits = arena_array(arena, items->n, sizeof(*items->lits));
	if (!items->lits)
		return TH_E_NOMEM;
	if (items->map)
		st = fill_map(items, lit->home, opened, arena);
	else
		for (size_t i = 0; i < items->n; i++)
			lit_init(&items->lits[i], lit->home, value_item(opened, i));
	*ret = items;
	return st;
}

static const struct items *items_of(const th_lit *lit, th_status *ret_status)
{
	const void *made = NULL;
	th_status st = get_cached(lit, CACHED_ITEMS, make_items, &made);

	if (ret_status)
		*ret_status = st;
	return st == TH_OK ? made : NULL;
}

th_status read_len(const th_lit *lit, uint64_t *ret)
{
	th_status st;
	const struct items *items;

	if (!ret)
		return TH_E_INVALID;
	items = items_of(lit, &st);
	if (items)
		*ret = items->n;
	return st;
}

const th_lit *read_item(const th_lit *lit, uint64_t i)
{
	const struct items *items = items_of(lit, NULL);

	return items && !items->map && i < items->n ? &items->lits[i] : NULL;
}

const th_lit *read_entry(const th_lit *lit, uint64_t i, th_str *ret_key)
{
	const struct items *items = items_of(lit, NULL);

	if (!items || !items->map || i >= items->n)
		return NULL;
	if (ret_key)
		*ret_key = items->keys[i];
	return &items->lits[i];
}

const th_lit *read_get(const th_lit *lit, th_str key)
{
	const struct items *items = items_of(lit, NULL);
	size_t low = 0, high = items && items->map ? items->n : 0;

	if (high && !items->sorted) {
		for (size_t i = 0; i < items->n; i++)
			if (th_str_eq(items->keys[i], key))
				return &items->lits[i];
		return NULL;
	}
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = str_cmp(str_of_th(items->keys[mid]), str_of_th(key));

		if (c == 0)
			return &items->lits[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* ---- bulk views ------------------------------------------------------------------------------ */

static th_status open_list(const th_lit *lit, struct arena *arena, struct value *ret, size_t *ret_n)
{
	struct error err = ERROR_INIT;

	*ret = value_open(lit->value, arena, &err);
	if (value_kind(*ret) != VALUE_COLLECTION || !value_len(*ret, ret_n))
		return err.code ? status_of_err(err.code) : TH_E_TYPE;
	return TH_OK;
}

static th_status make_i64(const th_lit *lit, struct arena *arena, const void **ret)
{
	struct value list = {0};
	size_t n = 0;
	th_status st = open_list(lit, arena, &list, &n);
	th_i64_list *kept;
	int64_t *values;

	if (st != TH_OK)
		return st;
	kept = arena_alloc(arena, sizeof(*kept));
	values = arena_array(arena, n, sizeof(*values));
	if (!kept || !values)
		return TH_E_NOMEM;
	for (size_t i = 0; i < n; i++)
		if (!value_i64(value_item(list, i), &values[i]))
			return TH_E_TYPE;
	*kept = (th_i64_list){values, n};
	*ret = kept;
	return TH_OK;
}

static th_status make_f64(const th_lit *lit, struct arena *arena, const void **ret)
{
	struct value list = {0};
	size_t n = 0;
	th_status st = open_list(lit, arena, &list, &n);
	th_f64_list *kept;
	double *values;

	if (st != TH_OK)
		return st;
	kept = arena_alloc(arena, sizeof(*kept));
	values = arena_array(arena, n, sizeof(*values));
	if (!kept || !values)
		return TH_E_NOMEM;
	for (size_t i = 0; i < n; i++)
		if (!value_f64(value_item(list, i), &values[i]))
			return TH_E_TYPE;
	*kept = (th_f64_list){values, n};
	*ret = kept;
	return TH_OK;
}

th_status read_i64_list(const th_lit *lit, th_i64_list *ret)
{
	const void *made;
	th_status st;

	if (!ret)
		return TH_E_INVALID;
	st = get_cached(lit, CACHED_I64, make_i64, &made);
	if (st == TH_OK)
		*ret = *(const th_i64_list *)made;
	return st;
}

th_status read_f64_list(const th_lit *lit, th_f64_list *ret)
{
	const void *made;
	th_status st;

	if (!ret)
		return TH_E_INVALID;
	st = get_cached(lit, CACHED_F64, make_f64, &made);
	if (st == TH_OK)
		*ret = *(const th_f64_list *)made;
	return st;
}

/* ---- unions ---------------------------------------------------------------------------------- */

static th_status make_inner(const th_lit *lit, struct arena *arena, const void **ret)
{
	struct th_lit *inner = arena_alloc(arena, sizeof(*inner));

	if (!inner)
		return TH_E_NOMEM;
	lit_init(inner, lit->home, value_of_literal(lit->value.literal->scalar->union_->value));
	*ret = inner;
	return TH_OK;
}

const th_lit *read_union_value(const th_lit *lit)
{
	const Flyteidl__Core__Scalar *s;
	const void *made;

	if (!lit || lit->value.source != VALUE_OF_LITERAL)
		return lit;
	s = scalar_of(lit->value.literal, SCAL_(UNION));
	if (!s || !s->union_ || !s->union_->value)
		return lit;
	return get_cached(lit, CACHED_INNER, make_inner, &made) == TH_OK ? made : NULL;
}
