#include "flyte/literal_convert.h"

/* Values looked at while trying variants: seconds of work. */
#define STEPS_MAX ((size_t)256 << 20)

/* ---- errors ---------------------------------------------------------------------------------- */

int convert_mismatch(struct conversion *c, const struct place *at, const char *fmt, ...)
{
	_cleanup_(buf_done) struct buf path = BUF_INIT;
	va_list ap;

	if (!c->err)
		return ERR_MISMATCH;
	va_start(ap, fmt);
	err_setv(c->err, ERR_MISMATCH, fmt, ap);
	va_end(ap);
	buf_puts(&path, c->name ? c->name : "");
	place_print(at, !c->name, &path);
	if (path.len > 0 && !path.failed)
		err_wrap(c->err, "%s", path.data);
	return ERR_MISMATCH;
}

int convert_expected(struct conversion *c,
		     const struct place *at,
		     const LiteralType *type,
		     struct value got)
{
	_cleanup_(buf_done) struct buf want = BUF_INIT;
	_cleanup_(buf_done) struct buf have = BUF_INIT;

	if (!c->err)
		return ERR_MISMATCH;
	type_describe(type, &want);
	value_describe(got, &have);
	if (want.failed || have.failed)
		return convert_nomem(c);
	return convert_mismatch(c, at, "expected %s, got %s", want.data, have.data);
}

int convert_nomem(struct conversion *c)
{
	return err_nomem(c->err, "value");
}

/* While variants are tried these two leave no sentence. */
int convert_told(struct error *err, int r)
{
	if (r == ERR_NOMEM)
		err_nomem(err, "value");
	if (r == ERR_LIMIT)
		err_set(err, ERR_LIMIT, "the declared type allows too many ways to read the value");
	return r;
}

int convert_step(struct conversion *c)
{
	if (c->trying == 0 || ++c->steps <= STEPS_MAX)
		return 0;
	return ERR_LIMIT;
}

/* ---- helpers --------------------------------------------------------------------------------- */

Literal *keep_annotations(const Literal *from, Literal *made)
{
	if (!made || made == from)
		return made;
	made->hash = from->hash;
	made->n_metadata = from->n_metadata;
	made->metadata = from->metadata;
	return made;
}

bool literal_is_annotated(const Literal *lit)
{
	return (lit->hash && *lit->hash) || lit->n_metadata > 0;
}

int convert_open(struct conversion *c,
		 const struct place *at,
		 const Literal *lit,
		 struct value *ret)
{
	struct error e = ERROR_INIT;
	struct value v = value_open(value_of_literal(lit), c->arena, &e);

	if (v.source == VALUE_OF_NOTHING)
		return e.code == ERR_NOMEM ? convert_nomem(c)
					   : convert_mismatch(c, at, "%s", e.message);
	*ret = v;
	return 0;
}

/* ---- containers ------------------------------------------------------------------------------ */

static Literal *copy_collection(struct arena *a, const Literal *lit)
{
	const Flyteidl__Core__LiteralCollection *from = lit->collection;
	Literal *copy = keep_annotations(lit, literal_new_collection(a, from->n_literals));

	if (copy && from->n_literals > 0)
		memcpy(copy->collection->literals, from->literals,
		       from->n_literals * sizeof(Literal *));
	return copy;
}

static int convert_collection(struct conversion *c,
			      const struct place *at,
			      const Literal *lit,
			      const LiteralType *type,
			      Literal **ret)
{
	Literal *copy = NULL;

	for (size_t i = 0; i < lit->collection->n_literals; i++) {
		struct place here = place_index(at, i);
		Literal *from = lit->collection->literals[i], *item = NULL;
		int r = convert_literal(c, &here, from, type->collection_type, &item);

		if (r < 0)
			return r;
		if (item == from)
			continue;
		if (!copy && !(copy = copy_collection(c->arena, lit)))
			return convert_nomem(c);
		copy->collection->literals[i] = item;
	}
	*ret = copy ? copy : (Literal *)lit;
	return 0;
}

static Literal *copy_map(struct arena *a, const Literal *lit)
{
	Literal *copy = keep_annotations(lit, literal_new_map(a, lit->map->n_literals));

	for (size_t i = 0; copy && i < lit->map->n_literals; i++) {
		copy->map->literals[i]->key = lit->map->literals[i]->key;
		copy->map->literals[i]->value = lit->map->literals[i]->value;
	}
	return copy;
}

static int convert_map(struct conversion *c,
		       const struct place *at,
		       const Literal *lit,
		       const LiteralType *type,
		       Literal **ret)
{
	Literal *copy = NULL;

	for (size_t i = 0; i < lit->map->n_literals; i++) {
		const LiteralEntry *e = lit->map->literals[i];
		struct place here = place_key(at, str_of(e->key));
		Literal *value = NULL;
		int r;

		if (!e->key)
			return convert_mismatch(c, at, "an entry of the map has no key");
		r = convert_literal(c, &here, e->value, type->map_value_type, &value);
		if (r < 0)
			return r;
		if (value == e->value)
			continue;
		if (!copy && !(copy = copy_map(c->arena, lit)))
			return convert_nomem(c);
		copy->map->literals[i]->value = value;
	}
	*ret = copy ? copy : (Literal *)lit;
	return 0;
}

/* ---- one literal ----------------------------------------------------------------------------- */

/* Reading: msgpack, and the Struct that older versions wrote, into literals of the type. */
static int convert_document(struct conversion *c,
			    const struct place *at,
			    const Literal *lit,
			    const LiteralType *type,
			    Literal **ret)
{
	struct value v = {.source = VALUE_OF_NOTHING};
	Literal *made = NULL;
	int r = convert_open(c, at, lit, &v);

	if (r == 0)
		r = convert_value(c, at, v, type, true, &made);
	if (r == 0)
		*ret = keep_annotations(lit, made);
	return r;
}

/* A union where none is declared: its value counts, since a union of one type may be passed on as
 * that type. */
static int convert_out_of_union(struct conversion *c,
				const struct place *at,
				const Literal *lit,
				const LiteralType *type,
				Literal **ret)
{
	const Literal *inner = literal_union(lit)->value;
	Literal *made = NULL;
	int r;

	if (c->write)
		return convert_expected(c, at, type, value_of_literal(lit));
	r = convert_literal(c, at, inner, type, &made);
	if (r < 0)
		return r;
	if (literal_is_annotated(lit)) {
		made = arena_memdup(c->arena, made, sizeof(*made));
		if (!keep_annotations(lit, made))
			return convert_nomem(c);
	}
	*ret = made;
	return 0;
}

static bool holds_document(const Literal *lit, enum value_kind kind, const LiteralType *type)
{
	if (type_is_simple(type, SIMPLE_(STRUCT)) || type_is_simple(type, SIMPLE_(BINARY)))
		return false;
	return kind == VALUE_GENERIC || (kind == VALUE_BINARY && literal_msgpack(lit));
}

static int convert_by_type(struct conversion *c,
			   const struct place *at,
			   const Literal *lit,
			   enum value_kind kind,
			   const LiteralType *type,
			   Literal **ret)
{
	switch (type->type_case) {
	case TYPE_(SIMPLE):
		return convert_simple(c, at, lit, type, ret);
	case TYPE_(ENUM_TYPE):
		return convert_enum(c, at, lit, type, ret);
	case TYPE_(BLOB):
		return convert_blob(c, at, lit, type, ret);
	case TYPE_(SCHEMA):
		return convert_schema(c, at, lit, type, ret);
	case TYPE_(STRUCTURED_DATASET_TYPE):
		return convert_dataset(c, at, lit, type, ret);
	case TYPE_(COLLECTION_TYPE):
		if (kind == VALUE_COLLECTION)
			return convert_collection(c, at, lit, type, ret);
		break;
	case TYPE_(MAP_VALUE_TYPE):
		if (kind == VALUE_MAP)
			return convert_map(c, at, lit, type, ret);
		break;
	default:
		break;
	}
	return convert_expected(c, at, type, value_of_literal(lit));
}

/* Recursion follows the type, which its decoder has bounded. */
int convert_literal(struct conversion *c,
		    const struct place *at,
		    const Literal *lit,
		    const LiteralType *type,
		    Literal **ret)
{
	enum value_kind kind = value_kind(value_of_literal(lit));
	int r = convert_step(c);

	if (r < 0)
		return r;
	if (!type || type->type_case == TYPE_(_NOT_SET))
		return convert_mismatch(c, at, "the interface declares no type for this value");
	if (kind == VALUE_UNSET)
		return convert_expected(c, at, type, value_of_literal(lit));
	if (kind == VALUE_OFFLOADED) {
		*ret = (Literal *)lit;
		return 0;
	}
	if (type->type_case == TYPE_(UNION_TYPE))
		return convert_to_union(c, at, lit, type, ret);
	if (kind == VALUE_UNION)
		return convert_out_of_union(c, at, lit, type, ret);
	if (!c->write && holds_document(lit, kind, type))
		return convert_document(c, at, lit, type, ret);
	return convert_by_type(c, at, lit, kind, type, ret);
}

int literal_convert(const Literal *lit,
		    const LiteralType *type,
		    enum literal_direction direction,
		    struct arena *arena,
		    Literal **ret,
		    struct error *err)
{
	struct conversion c = {.arena = arena, .err = err, .write = direction == LITERAL_WRITE};

	return convert_told(err, convert_literal(&c, NULL, lit, type, ret));
}

int literal_renew(const Literal *lit,
		  const LiteralType *type,
		  const struct literal_renewal *how,
		  struct arena *arena,
		  Literal **ret,
		  struct error *err)
{
	struct conversion c = {.arena = arena, .err = err, .write = true, .renewal = how};

	return convert_told(err, convert_literal(&c, NULL, lit, type, ret));
}
