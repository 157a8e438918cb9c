#include "flyte/human_read.h"

#include "base/clock.h"
#include "base/whole.h"
#include "flyte/msgpack.h"
#include "flyte/shape.h"

#include <inttypes.h>
#include <math.h>

#define SECOND_NS 1000000000

/* ---- errors ---------------------------------------------------------------------------------- */

void json_describe(const json_t *j, struct buf *out)
{
	char number[32];

	switch (json_typeof(j)) {
	case JSON_OBJECT:
		buf_printf(out, "object with %zu members", json_object_size(j));
		break;
	case JSON_ARRAY:
		buf_printf(out, "list of %zu", json_array_size(j));
		break;
	case JSON_STRING:
		buf_printf(out, "string \"%s\"", shown(json_text(j)).text);
		break;
	case JSON_INTEGER:
		buf_printf(out, "integer %" PRId64, (int64_t)json_integer_value(j));
		break;
	case JSON_REAL:
		format_double(json_real_value(j), number);
		buf_printf(out, "float %s", number);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		buf_puts(out, json_is_true(j) ? "boolean true" : "boolean false");
		break;
	case JSON_NULL:
		buf_puts(out, "null");
		break;
	}
}

int read_expected(struct reading *r,
		  const struct place *at,
		  const char *want,
		  const LiteralType *type,
		  const json_t *got)
{
	_cleanup_(buf_done) struct buf wanted = BUF_INIT;
	_cleanup_(buf_done) struct buf have = BUF_INIT;

	if (!r->c.err)
		return ERR_MISMATCH;
	if (!want)
		type_describe(type, &wanted);
	json_describe(got, &have);
	if (wanted.failed || have.failed)
		return convert_nomem(&r->c);
	return convert_mismatch(&r->c, at, "expected %s, got %s", want ? want : wanted.data,
				have.data);
}

static int made(struct reading *r, Literal *lit, Literal **ret)
{
	if (!lit)
		return convert_nomem(&r->c);
	*ret = lit;
	return 0;
}

static int check_text(struct reading *r, const struct place *at, struct str s)
{
	if (s.len > 0 && memchr(s.ptr, '\0', s.len))
		return convert_mismatch(&r->c, at, "text with U+0000 is not supported");
	return 0;
}

/* ---- scalars --------------------------------------------------------------------------------- */

static int read_integer(struct reading *r,
			const struct place *at,
			const json_t *j,
			const LiteralType *type,
			Literal **ret)
{
	double d = json_number_value(j);
	char text[32];

	if (json_is_integer(j))
		return made(r, literal_new_integer(r->c.arena, json_integer_value(j)), ret);
	if (!json_is_real(j) || r->exact)
		return read_expected(r, at, NULL, type, j);
	if (is_whole(d) && fabs(d) <= 0x1p53)
		return made(r, literal_new_integer(r->c.arena, (int64_t)d), ret);
	format_double(d, text);
	return convert_mismatch(&r->c, at, "expected integer, got float %s, which %s", text,
				is_whole(d) ? "is too big to be exact" : "has a fraction");
}

static int read_float(struct reading *r,
		      const struct place *at,
		      const json_t *j,
		      const LiteralType *type,
		      Literal **ret)
{
	double d = json_number_value(j);

	/* Only what JSON's numbers cannot say is taken as text. */
	if (!json_is_number(j) &&
	    !(json_is_string(j) && parse_double(json_text(j), &d) && !isfinite(d)))
		return read_expected(r, at, NULL, type, j);
	return made(r, literal_new_float(r->c.arena, d), ret);
}

static int read_string(struct reading *r,
		       const struct place *at,
		       const json_t *j,
		       const LiteralType *type,
		       Literal **ret)
{
	if (!json_is_string(j))
		return read_expected(r, at, NULL, type, j);
	if (check_text(r, at, json_text(j)) < 0)
		return ERR_MISMATCH;
	return made(r, literal_new_string(r->c.arena, json_text(j)), ret);
}

static int read_datetime(struct reading *r, const struct place *at, const json_t *j, Literal **ret)
{
	int64_t seconds;
	int32_t nanos;

	if (!json_is_string(j) || !time_parse(json_text(j), &seconds, &nanos))
		return read_expected(r, at, "datetime like \"2024-01-02T03:04:05Z\"", NULL, j);
	return made(r, literal_new_datetime(r->c.arena, seconds, nanos), ret);
}

static int read_duration(struct reading *r, const struct place *at, const json_t *j, Literal **ret)
{
	struct str s = json_text(j);
	int64_t seconds, ns;
	int32_t nanos;

	if (json_is_string(j) && duration_parse_proto(s, &seconds, &nanos))
		return made(r, literal_new_duration(r->c.arena, seconds, nanos), ret);
	if (!json_is_string(j) || !parse_duration(s, &ns))
		return read_expected(r, at, "duration like \"90.5s\" or \"1m30s\"", NULL, j);
	return made(r, literal_new_duration(r->c.arena, ns / SECOND_NS, (int32_t)(ns % SECOND_NS)),
		    ret);
}

static int read_enum(struct reading *r,
		     const struct place *at,
		     const json_t *j,
		     const LiteralType *type,
		     Literal **ret)
{
	const EnumType *e = type->enum_type;
	_cleanup_(buf_done) struct buf names = BUF_INIT;
	const char *meant;

	if (json_is_string(j) && enum_has(e, json_text(j)))
		return made(r, literal_new_string(r->c.arena, json_text(j)), ret);
	if (!json_is_string(j) || !r->c.err)
		return read_expected(r, at, NULL, type, j);
	meant = suggest(json_string_value(j), (const char *const *)e->values, e->n_values);
	if (!meant)
		return read_expected(r, at, NULL, type, j);
	type_describe(type, &names);
	if (names.failed)
		return convert_nomem(&r->c);
	return convert_mismatch(&r->c, at, "expected %s, got \"%s\"; did you mean \"%s\"?",
				names.data, shown(json_text(j)).text, meant);
}

/* ---- containers ------------------------------------------------------------------------------ */

static int read_list(struct reading *r,
		     const struct place *at,
		     const json_t *j,
		     const LiteralType *type,
		     Literal **ret)
{
	Literal *lit;
	int result = 0;

	if (!json_is_array(j))
		return read_expected(r, at, NULL, type, j);
	lit = literal_new_collection(r->c.arena, json_array_size(j));
	if (!lit)
		return convert_nomem(&r->c);
	for (size_t i = 0; result == 0 && i < json_array_size(j); i++) {
		struct place here = place_index(at, i);

		result = read_value(r, &here, json_array_get(j, i), type->collection_type,
				    &lit->collection->literals[i]);
	}
	if (result == 0)
		*ret = lit;
	return result;
}

static int read_entry(struct reading *r,
		      const struct place *at,
		      struct str key,
		      const json_t *j,
		      const LiteralType *type,
		      LiteralEntry *ret)
{
	struct place here = place_key(at, key);

	if (check_text(r, at, key) < 0)
		return ERR_MISMATCH;
	ret->key = arena_strndup(r->c.arena, key.ptr, key.len);
	if (!ret->key)
		return convert_nomem(&r->c);
	return read_value(r, &here, j, type, &ret->value);
}

static int read_map(struct reading *r,
		    const struct place *at,
		    const json_t *j,
		    const LiteralType *type,
		    Literal **ret)
{
	json_t *object = (json_t *)j; /* iterating changes nothing */
	Literal *lit;
	size_t n = 0;
	int result = 0;

	if (!json_is_object(j))
		return read_expected(r, at, NULL, type, j);
	lit = literal_new_map(r->c.arena, json_object_size(j));
	if (!lit)
		return convert_nomem(&r->c);
	for (void *i = json_object_iter(object); result == 0 && i;
	     i = json_object_iter_next(object, i)) {
		struct str key = {json_object_iter_key(i), json_object_iter_key_len(i)};

		result = read_entry(r, at, key, json_object_iter_value(i), type->map_value_type,
				    lit->map->literals[n++]);
	}
	if (result == 0)
		*ret = lit;
	return result;
}

/* pydantic's models may be lists, texts and the like. */
static bool is_only_object(const struct shape *s)
{
	bool all;

	return s->type || !s->schema ||
	       (schema_allows(s->schema, "object") && !schema_choices(s->schema, &all));
}

/* As flytekit sends it: msgpack, with what the type declares checked. */
static int read_struct(struct reading *r,
		       const struct place *at,
		       const json_t *j,
		       const LiteralType *type,
		       Literal **ret)
{
	_cleanup_(buf_done) struct buf packed = BUF_INIT;
	struct shape shape = shape_of(type);
	struct error e = ERROR_INIT;
	Literal *lit = NULL;
	struct value v;
	int result;

	if (!json_is_object(j) && is_only_object(&shape))
		return read_expected(r, at, NULL, type, j);
	result = msgpack_from_json(j, type, &packed, &e);
	if (result < 0)
		return result == ERR_NOMEM ? convert_nomem(&r->c)
					   : convert_mismatch(&r->c, at, "%s", e.message);
	result = made(r,
		      literal_new_binary(r->c.arena, (struct str){packed.data, packed.len},
					 STR(MSGPACK_TAG)),
		      &lit);
	if (result == 0)
		result = convert_open(&r->c, at, lit, &v);
	if (result == 0)
		result = check_structured(&r->c, at, v, type);
	if (result == 0)
		*ret = lit;
	return result;
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static int read_simple(struct reading *r,
		       const struct place *at,
		       const json_t *j,
		       const LiteralType *type,
		       Literal **ret)
{
	switch (type->simple) {
	case SIMPLE_(NONE):
		if (json_is_null(j))
			return made(r, literal_new_none(r->c.arena), ret);
		break;
	case SIMPLE_(INTEGER):
		return read_integer(r, at, j, type, ret);
	case SIMPLE_(FLOAT):
		return read_float(r, at, j, type, ret);
	case SIMPLE_(STRING):
		return read_string(r, at, j, type, ret);
	case SIMPLE_(BOOLEAN):
		if (json_is_boolean(j))
			return made(r, literal_new_boolean(r->c.arena, json_is_true(j)), ret);
		break;
	case SIMPLE_(DATETIME):
		return read_datetime(r, at, j, ret);
	case SIMPLE_(DURATION):
		return read_duration(r, at, j, ret);
	case SIMPLE_(STRUCT):
		return read_struct(r, at, j, type, ret);
	case SIMPLE_(BINARY):
	case SIMPLE_(ERROR):
		return read_object_form(r, at, j, type, ret);
	default:
		break;
	}
	return read_expected(r, at, NULL, type, j);
}

/* Recursion follows the type, which its decoder has bounded. */
int read_value(struct reading *r,
	       const struct place *at,
	       const json_t *j,
	       const LiteralType *type,
	       Literal **ret)
{
	int result = convert_step(&r->c);

	if (result < 0)
		return result;
	switch (type ? type->type_case : TYPE_(_NOT_SET)) {
	case TYPE_(SIMPLE):
		return read_simple(r, at, j, type, ret);
	case TYPE_(ENUM_TYPE):
		return read_enum(r, at, j, type, ret);
	case TYPE_(COLLECTION_TYPE):
		return read_list(r, at, j, type, ret);
	case TYPE_(MAP_VALUE_TYPE):
		return read_map(r, at, j, type, ret);
	case TYPE_(UNION_TYPE):
		return read_union(r, at, j, type, ret);
	case TYPE_(BLOB):
	case TYPE_(SCHEMA):
	case TYPE_(STRUCTURED_DATASET_TYPE):
		return read_object_form(r, at, j, type, ret);
	default:
		return convert_mismatch(&r->c, at, "the interface declares no type for this value");
	}
}

int human_to_literal(const json_t *j,
		     const LiteralType *type,
		     const char *name,
		     const struct human_paths *paths,
		     struct arena *arena,
		     Literal **ret,
		     struct error *err)
{
	struct reading r = {.c = {.arena = arena,
				  .err = err,
				  .name = name,
				  .write = true,
				  .by_hand = true,
				  .particular = true},
			    .paths = paths};

	return convert_told(err, read_value(&r, NULL, j, type, ret));
}
