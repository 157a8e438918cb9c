#include "task/lit.h"

#include "base/json.h"
#include "flyte/human.h"
#include "flyte/msgpack.h"
#include "flyte/msgpack_write.h"
#include "flyte/value_json.h"
#include "task/names.h"

void lit_home_init(struct lit_home *home)
{
	arena_init(&home->arena, 0);
	pthread_mutex_init(&home->lock, NULL);
}

void lit_home_done(struct lit_home *home)
{
	arena_done(&home->arena);
	pthread_mutex_destroy(&home->lock);
}

void *lit_home_alloc(struct lit_home *home, size_t size, size_t align)
{
	void *p;

	pthread_mutex_lock(&home->lock);
	p = align ? arena_alloc_aligned(&home->arena, size, align)
		  : arena_alloc(&home->arena, size);
	pthread_mutex_unlock(&home->lock);
	return p;
}

th_str lit_home_text(struct lit_home *home, struct str s)
{
	char *copy;

	pthread_mutex_lock(&home->lock);
	copy = arena_strndup(&home->arena, s.len ? s.ptr : "", s.len);
	pthread_mutex_unlock(&home->lock);
	return (th_str){copy, copy ? s.len : 0};
}

void lit_init(struct th_lit *lit, struct lit_home *home, struct value value)
{
	lit->value = value;
	lit->home = home;
	atomic_init(&lit->cache, NULL);
}

const Literal *lit_literal(const struct th_lit *lit)
{
	if (!lit || lit->value.source != VALUE_OF_LITERAL)
		return NULL;
	return literal_inner(lit->value.literal);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static int literal_to_json(const Literal *outer, struct buf *out, struct error *err)
{
	const Literal *lit = literal_inner(outer);
	const Flyteidl__Core__Scalar *s;
	struct jw w = JW_INIT(out, 0);

	s = scalar_of(lit, SCAL_(GENERIC));
	if (s && s->generic)
		return struct_to_json(s->generic, out, err);
	s = scalar_of(lit, SCAL_(BINARY));
	if (s && s->binary && s->binary->tag && streq(s->binary->tag, "msgpack"))
		return msgpack_to_json(
			(struct str){(const char *)s->binary->value.data, s->binary->value.len},
			out, err);
	return human_print(outer, NULL, &w, err);
}

int lit_value_json(struct value v, struct buf *out, struct error *err)
{
	struct jw w = JW_INIT(out, 0);
	int r;

	switch (v.source) {
	case VALUE_OF_LITERAL:
		r = literal_to_json(v.literal, out, err);
		break;
	case VALUE_OF_STRUCT:
	case VALUE_OF_MSGPACK:
		value_print_json(v, NULL, &w);
		r = 0;
		break;
	case VALUE_OF_NOTHING:
	default:
		return err_set(err, ERR_INVALID, "a handle without a value");
	}
	return r < 0 ? r : buf_check(out, "JSON of a value", err);
}

/* ---- parts as literals ----------------------------------------------------------------------- */

/* Objects and lists inside a struct or msgpack go on as what they came in. */
static Literal *container_literal(struct value v, struct arena *arena, struct error *err)
{
	_cleanup_(buf_done) struct buf packed = BUF_INIT;

	if (v.source == VALUE_OF_STRUCT && value_kind(v) == VALUE_MAP)
		return literal_new_generic(arena, v.structure->struct_value);
	if (msgpack_pack_value(v, &packed, err) < 0)
		return NULL;
	return literal_new_binary(arena, (struct str){packed.data, packed.len}, STR("msgpack"));
}

static Literal *part_literal(struct value v, struct arena *arena, struct error *err)
{
	int64_t i = 0;
	double d = 0;
	bool b = false;
	struct str s = STR("");

	switch (value_kind(v)) {
	case VALUE_INTEGER:
		return value_i64(v, &i) ? literal_new_integer(arena, i) : NULL;
	case VALUE_FLOAT:
		return value_f64(v, &d) ? literal_new_float(arena, d) : NULL;
	case VALUE_BOOLEAN:
		return value_bool(v, &b) ? literal_new_boolean(arena, b) : NULL;
	case VALUE_STRING:
		return value_str(v, &s) ? literal_new_string(arena, s) : NULL;
	case VALUE_NONE:
		return literal_new_none(arena);
	case VALUE_COLLECTION:
	case VALUE_MAP:
		return container_literal(v, arena, err);
	default:
		err_set(err, ERR_MISMATCH, "a value that no literal can hold");
		return NULL;
	}
}

th_status lit_to_literal(const struct th_lit *lit, const Literal **ret)
{
	struct error err = ERROR_INIT;
	Literal *part;

	if (!lit || lit->value.source == VALUE_OF_NOTHING)
		return TH_E_INVALID;
	if (lit->value.source == VALUE_OF_LITERAL) {
		*ret = lit->value.literal;
		return *ret ? TH_OK : TH_E_INVALID;
	}
	pthread_mutex_lock(&lit->home->lock);
	part = part_literal(lit->value, &lit->home->arena, &err);
	pthread_mutex_unlock(&lit->home->lock);
	if (!part)
		return err.code == ERR_MISMATCH ? TH_E_TYPE : TH_E_NOMEM;
	*ret = part;
	return TH_OK;
}
