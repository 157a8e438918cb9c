#include "flyte/msgpack_value.h"

#include "base/buf.h"
#include "base/digest.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

struct parse {
	struct arena *arena;
	struct error *err;
	size_t items_left; /* every item takes a byte, so a document holds no more than its length
			    */
	int failed;        /* code of the error that is set */
};

static int fail(struct parse *p, int code, const char *message)
{
	p->failed = err_set(p->err, code, "msgpack: %s", message);
	return -1;
}

static int no_memory(struct parse *p)
{
	p->failed = err_nomem(p->err, "msgpack");
	return -1;
}

/* Room for what a container's header claims, after checking that the document can hold it. */
static int claim(struct parse *p, size_t items, size_t n, size_t size, void **ret)
{
	if (items > p->items_left)
		return fail(p, ERR_INVALID, "truncated: a container claims more items than follow");
	p->items_left -= items;
	*ret = arena_array(p->arena, n, size);
	return *ret ? 0 : no_memory(p);
}

/* ---- what msgpack-c's parser calls ----------------------------------------------------------- */

static struct msgpack_value tree_root(struct parse *p)
{
	(void)p;
	return (struct msgpack_value){.kind = MSGPACK_NIL};
}

static int tree_int64(struct parse *p, int64_t v, struct msgpack_value *ret)
{
	(void)p;
	*ret = (struct msgpack_value){.kind = MSGPACK_INTEGER, .integer = v};
	return 0;
}

static int tree_uint64(struct parse *p, uint64_t v, struct msgpack_value *ret)
{
	if (v <= INT64_MAX)
		return tree_int64(p, (int64_t)v, ret);
	*ret = (struct msgpack_value){.kind = MSGPACK_UNSIGNED, .unsigned_integer = v};
	return 0;
}

static int tree_double(struct parse *p, double v, struct msgpack_value *ret)
{
	(void)p;
	*ret = (struct msgpack_value){.kind = MSGPACK_FLOAT, .number = v};
	return 0;
}

#define tree_uint8  tree_int64
#define tree_uint16 tree_int64
#define tree_uint32 tree_int64
#define tree_int8   tree_int64
#define tree_int16  tree_int64
#define tree_int32  tree_int64
#define tree_float  tree_double

static int tree_nil(struct parse *p, struct msgpack_value *ret)
{
	*ret = tree_root(p);
	return 0;
}

static int tree_boolean(bool v, struct msgpack_value *ret)
{
	*ret = (struct msgpack_value){.kind = MSGPACK_BOOLEAN, .boolean = v};
	return 0;
}

static int tree_true(struct parse *p, struct msgpack_value *ret)
{
	(void)p;
	return tree_boolean(true, ret);
}

static int tree_false(struct parse *p, struct msgpack_value *ret)
{
	(void)p;
	return tree_boolean(false, ret);
}

static int tree_array(struct parse *p, uint32_t n, struct msgpack_value *ret)
{
	void *items;

	if (claim(p, n, n, sizeof(struct msgpack_value), &items) < 0)
		return -1;
	*ret = (struct msgpack_value){.kind = MSGPACK_ARRAY, .items = items};
	return 0;
}

static int tree_array_item(struct parse *p, struct msgpack_value *array, struct msgpack_value item)
{
	(void)p;
	array->items[array->n++] = item;
	return 0;
}

static int tree_map(struct parse *p, uint32_t n, struct msgpack_value *ret)
{
	void *entries;

	if (claim(p, (size_t)n * 2, n, sizeof(struct msgpack_entry), &entries) < 0)
		return -1;
	*ret = (struct msgpack_value){.kind = MSGPACK_MAP, .entries = entries};
	return 0;
}

/* Keys that are no text get the text Python's json gives them. */
static int key_text(struct parse *p, const struct msgpack_value *key, struct str *ret)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	char number[32];

	switch (key->kind) {
	case MSGPACK_TEXT:
		*ret = (struct str){key->text, key->n};
		return 0;
	case MSGPACK_NIL:
		*ret = STR("null");
		return 0;
	case MSGPACK_BOOLEAN:
		*ret = key->boolean ? STR("true") : STR("false");
		return 0;
	case MSGPACK_INTEGER:
		buf_printf(&text, "%" PRId64, key->integer);
		break;
	case MSGPACK_UNSIGNED:
		buf_printf(&text, "%" PRIu64, key->unsigned_integer);
		break;
	case MSGPACK_FLOAT:
		format_double(key->number, number);
		buf_puts(&text, number);
		if (isfinite(key->number) && !strpbrk(number, ".e"))
			buf_puts(&text, ".0");
		break;
	case MSGPACK_BYTES:
		base64_encode(key->text, key->n, &text);
		break;
	default:
		return fail(p, ERR_UNSUPPORTED,
			    "a map key is a list or a map; only text, numbers, "
			    "booleans, bytes and nil are read as keys");
	}
	if (text.failed)
		return no_memory(p);
	ret->len = text.len;
	ret->ptr = arena_strndup(p->arena, text.data, text.len);
	return ret->ptr ? 0 : no_memory(p);
}

static int tree_map_item(struct parse *p,
			 struct msgpack_value *map,
			 struct msgpack_value key,
			 struct msgpack_value value)
{
	struct msgpack_entry *e = &map->entries[map->n];

	if (key_text(p, &key, &e->key) < 0)
		return -1;
	e->original_key = key;
	e->value = value;
	map->n++;
	return 0;
}

static int tree_bin(struct parse *p,
		    const char *document,
		    const char *at,
		    uint32_t len,
		    struct msgpack_value *ret)
{
	(void)p;
	(void)document;
	*ret = (struct msgpack_value){.kind = MSGPACK_BYTES, .n = len, .text = len > 0 ? at : ""};
	return 0;
}

static int tree_str(struct parse *p,
		    const char *document,
		    const char *at,
		    uint32_t len,
		    struct msgpack_value *ret)
{
	if (len > 0 && !utf8_valid(at, len, NULL))
		return fail(p, ERR_INVALID, "text is not valid UTF-8");
	tree_bin(p, document, at, len, ret);
	ret->kind = MSGPACK_TEXT;
	return 0;
}

static int tree_ext(struct parse *p,
		    const char *document,
		    const char *at,
		    uint32_t len,
		    struct msgpack_value *ret)
{
	(void)document;
	(void)at;
	(void)len;
	(void)ret;
	return fail(p, ERR_UNSUPPORTED, "ext values are not supported");
}

#define MSGPACK_EMBED_STACK_SIZE      MSGPACK_DEPTH
#define msgpack_unpack_struct(name)   struct tree_parser##name
#define msgpack_unpack_func(r, name)  static r tree_parser##name
#define msgpack_unpack_callback(name) tree##name
#define msgpack_unpack_object         struct msgpack_value
#define msgpack_unpack_user           struct parse

#include <msgpack/sysdep.h>
#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>
#include <msgpack/unpack_template.h>

/* ---- maps ------------------------------------------------------------------------------------ */

struct key_ref {
	struct str key;
	uint32_t index;
};

static int compare_keys(const void *a, const void *b)
{
	const struct key_ref *x = a, *y = b;
	int order = str_cmp(x->key, y->key);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Of equal keys only the last entry stays; the others keep their order. */
static int drop_repeated_keys(struct parse *p, struct msgpack_value *map)
{
	_cleanup_(freep) struct key_ref *refs = NULL;
	_cleanup_(freep) bool *repeated = NULL;
	uint32_t kept = 0;

	if (map->n < 2)
		return 0;
	refs = calloc(map->n, sizeof(*refs));
	repeated = calloc(map->n, sizeof(*repeated));
	if (!refs || !repeated)
		return no_memory(p);
	for (uint32_t i = 0; i < map->n; i++)
		refs[i] = (struct key_ref){map->entries[i].key, i};
	qsort(refs, map->n, sizeof(*refs), compare_keys);
	for (uint32_t i = 0; i + 1 < map->n; i++)
		repeated[refs[i].index] = str_eq(refs[i].key, refs[i + 1].key);
	for (uint32_t i = 0; i < map->n; i++)
		if (!repeated[i])
			map->entries[kept++] = map->entries[i];
	map->n = kept;
	return 0;
}

/* Recursion is bounded: the parser has refused deeper documents. */
static int make_keys_unique(struct parse *p, struct msgpack_value *v)
{
	int r = 0;

	if (v->kind == MSGPACK_ARRAY) {
		for (uint32_t i = 0; r == 0 && i < v->n; i++)
			r = make_keys_unique(p, &v->items[i]);
	} else if (v->kind == MSGPACK_MAP) {
		r = drop_repeated_keys(p, v);
		for (uint32_t i = 0; r == 0 && i < v->n; i++)
			r = make_keys_unique(p, &v->entries[i].value);
	}
	return r;
}

/* ---- the document ---------------------------------------------------------------------------- */

static int told(const struct parse *p, int r)
{
	if (p->failed)
		return p->failed;
	if (r == MSGPACK_UNPACK_NOMEM_ERROR)
		return err_set(p->err, ERR_LIMIT, "msgpack: nested more than %d levels deep",
			       MSGPACK_DEPTH);
	if (r < 0)
		return err_set(p->err, ERR_INVALID, "msgpack: malformed");
	return err_set(p->err, ERR_INVALID, "msgpack: truncated");
}

int msgpack_parse(struct str bytes,
		  struct arena *arena,
		  struct msgpack_value *ret,
		  struct error *err)
{
	struct tree_parser_context c;
	struct msgpack_value v;
	size_t at = 0;
	int r;

	if (bytes.len == 0)
		return err_set(err, ERR_INVALID, "msgpack: empty; expected one value");
	c.user = (struct parse){.arena = arena, .err = err, .items_left = bytes.len};
	tree_parser_init(&c);
	r = tree_parser_execute(&c, bytes.ptr, bytes.len, &at);
	if (r <= 0)
		return told(&c.user, r);
	if (at != bytes.len)
		return err_set(err, ERR_INVALID, "msgpack: %zu bytes behind the value",
			       bytes.len - at);
	v = tree_parser_data(&c);
	if (make_keys_unique(&c.user, &v) < 0)
		return c.user.failed;
	*ret = v;
	return 0;
}
