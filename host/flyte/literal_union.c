#include "flyte/literal_convert.h"

#define NAMED_MAX 4 /* variants named in an error */

/* One search among the variants of a union, for a literal or a value inside a document. */
struct trial {
	struct conversion *c;
	const struct place *at;
	const LiteralType *type;
	const LiteralType *stored; /* of a union literal: only variants it can be are tried */
	const Literal *lit;        /* NULL: v counts */
	struct value v;
	bool exact; /* for v */

	size_t found;
	const LiteralType *fits[NAMED_MAX]; /* the first ones found */
	Literal *made;                      /* by the first one */
	size_t candidates;                  /* tried, none apart */
	const LiteralType *candidate;       /* the last of them */
};

/* For declarations that name no tag. */
static const char *natural_tag(const LiteralType *t)
{
	static const char *const simple[] = {
		[SIMPLE_(NONE)] = "none",          [SIMPLE_(INTEGER)] = "int",
		[SIMPLE_(FLOAT)] = "float",        [SIMPLE_(STRING)] = "str",
		[SIMPLE_(BOOLEAN)] = "bool",       [SIMPLE_(DATETIME)] = "datetime",
		[SIMPLE_(DURATION)] = "timedelta", [SIMPLE_(BINARY)] = "BinaryIO",
		[SIMPLE_(ERROR)] = "FlyteError",   [SIMPLE_(STRUCT)] = "Typed Dict",
	};

	switch (t ? t->type_case : TYPE_(_NOT_SET)) {
	case TYPE_(SIMPLE):
		if (t->simple == SIMPLE_(STRUCT) && t->metadata && t->metadata->n_fields > 0)
			return "Object-Dataclass-Transformer";
		return (size_t)t->simple < ARRAY_LEN(simple) ? simple[t->simple] : "";
	case TYPE_(COLLECTION_TYPE):
		return "Typed List";
	case TYPE_(MAP_VALUE_TYPE):
		return "Typed Dict";
	case TYPE_(UNION_TYPE):
		return "Typed Union";
	case TYPE_(ENUM_TYPE):
		return "DefaultEnumTransformer";
	case TYPE_(BLOB):
		if (streq(t->blob->format, "PythonPickle"))
			return "FlytePickle";
		if (streq(t->blob->format, "NumpyArray"))
			return "Numpy Array";
		return t->blob->dimensionality == MULTIPART ? "FlyteDirectory" : "FlyteFilePath";
	case TYPE_(STRUCTURED_DATASET_TYPE):
		return "StructuredDataset Transformer";
	case TYPE_(SCHEMA):
		return "FlyteSchema Transformer";
	default:
		return "";
	}
}

const char *variant_tag(const LiteralType *variant)
{
	const char *tag = type_tag(variant);

	return *tag ? tag : natural_tag(variant);
}

const LiteralType *variant_tagged(struct arena *a, const LiteralType *variant)
{
	LiteralType *copy;
	Flyteidl__Core__TypeStructure *structure;

	if (!variant || *type_tag(variant) || !*natural_tag(variant))
		return variant;
	copy = arena_memdup(a, variant, sizeof(*variant));
	structure = NEW_MESSAGE(a, flyteidl__core__type_structure);
	if (!copy || !structure)
		return NULL;
	if (variant->structure)
		*structure = *variant->structure;
	structure->tag = (char *)natural_tag(variant);
	copy->structure = structure;
	return copy;
}

static bool stored_fits(const LiteralType *stored, const LiteralType *variant)
{
	if (!stored || stored->type_case == TYPE_(_NOT_SET))
		return true;
	if (*type_tag(stored) && !streq(type_tag(stored), variant_tag(variant)))
		return false;
	return type_castable(stored, variant);
}

static int attempt(struct trial *t, const LiteralType *variant, Literal **ret)
{
	return t->lit ? convert_literal(t->c, t->at, t->lit, variant, ret)
		      : convert_value(t->c, t->at, t->v, variant, t->exact, ret);
}

static int try_variant(struct trial *t, const LiteralType *variant)
{
	Literal *made;
	int r;

	if (!variant || !stored_fits(t->stored, variant))
		return 0;
	if (!type_is_simple(variant, SIMPLE_(NONE))) {
		t->candidates++;
		t->candidate = variant;
	}
	r = attempt(t, variant, &made);
	if (r < 0)
		return r == ERR_MISMATCH ? 0 : r;
	if (t->found == 0)
		t->made = made;
	if (t->found < NAMED_MAX)
		t->fits[t->found] = variant;
	t->found++;
	return 0;
}

static int try_variants(struct trial *t)
{
	const UnionType *u = t->type->union_type;
	struct error *err = t->c->err;
	int r = convert_step(t->c);

	t->found = t->candidates = 0;
	t->c->err = NULL;
	t->c->trying++;
	for (size_t i = 0; r == 0 && i < u->n_variants; i++)
		r = try_variant(t, u->variants[i]);
	t->c->trying--;
	t->c->err = err;
	return r;
}

/* What fits a variant in all that is declared is that one; only then do decoders decide. */
static int search(struct trial *t)
{
	bool particular = t->c->particular;
	int r;

	t->c->particular = true;
	r = try_variants(t);
	t->c->particular = particular;
	if (r == 0 && t->found == 0 && !particular)
		r = try_variants(t);
	return r;
}

/* ---- errors ---------------------------------------------------------------------------------- */

static struct value subject(const struct trial *t)
{
	return t->lit ? value_of_literal(t->lit) : t->v;
}

static int tell_ambiguous(struct trial *t)
{
	_cleanup_(buf_done) struct buf names = BUF_INIT;
	_cleanup_(buf_done) struct buf have = BUF_INIT;

	if (!t->c->err)
		return ERR_MISMATCH;
	for (size_t i = 0; i < t->found && i < NAMED_MAX; i++) {
		buf_puts(&names, i > 0 ? ", " : "");
		type_describe(t->fits[i], &names);
	}
	if (t->found > NAMED_MAX)
		buf_puts(&names, ", …");
	value_describe(subject(t), &have);
	if (names.failed || have.failed)
		return convert_nomem(t->c);
	return convert_mismatch(t->c, t->at, "%s is ambiguous: several variants take it: %s",
				have.data, names.data);
}

static int tell_stored(struct trial *t)
{
	_cleanup_(buf_done) struct buf want = BUF_INIT;
	_cleanup_(buf_done) struct buf have = BUF_INIT;

	if (!t->c->err)
		return ERR_MISMATCH;
	type_describe(t->type, &want);
	type_describe(t->stored, &have);
	if (want.failed || have.failed)
		return convert_nomem(t->c);
	return convert_mismatch(t->c, t->at,
				"expected %s, got a union whose variant is %s (tag \"%s\")",
				want.data, have.data, type_tag(t->stored));
}

/* None took it. With one candidate its own reason says most. */
static int tell_none(struct trial *t)
{
	Literal *made;
	int r;

	if (!t->c->err)
		return ERR_MISMATCH;
	if (t->stored && t->candidates == 0)
		return tell_stored(t);
	if (t->candidates == 1 && t->candidate) {
		enum value_kind kind = value_kind(subject(t));

		if (kind == VALUE_COLLECTION || kind == VALUE_MAP || kind == VALUE_BINARY ||
		    kind == VALUE_GENERIC) {
			r = attempt(t, t->candidate, &made);
			return r == 0 ? ERR_MISMATCH : r;
		}
	}
	return convert_expected(t->c, t->at, t->type, subject(t));
}

static int settle(struct trial *t)
{
	if (t->found == 1)
		return 0;
	return t->found == 0 ? tell_none(t) : tell_ambiguous(t);
}

/* ---- the two ways in ------------------------------------------------------------------------- */

/* The union has hash and metadata; its value goes without. */
static Literal *wrap(struct trial *t, const Literal *annotated)
{
	const LiteralType *variant = variant_tagged(t->c->arena, t->fits[0]);
	Literal *made = t->made, *wrapped;

	if (variant && annotated && made && literal_is_annotated(made)) {
		made = arena_memdup(t->c->arena, made, sizeof(*made));
		if (made) {
			made->hash = (char *)protobuf_c_empty_string;
			made->n_metadata = 0;
			made->metadata = NULL;
		}
	}
	wrapped = variant && made ? literal_new_union(t->c->arena, made, variant) : NULL;
	return annotated ? keep_annotations(annotated, wrapped) : wrapped;
}

int convert_to_union(struct conversion *c,
		     const struct place *at,
		     const Literal *lit,
		     const LiteralType *type,
		     Literal **ret)
{
	const Union *u = literal_union(lit);
	struct trial t = {.c = c, .at = at, .type = type, .lit = u ? u->value : lit};
	Literal *made;
	int r;

	if (u && !u->value)
		return convert_expected(c, at, type, value_of_literal(NULL));
	t.stored = u ? u->type : NULL;
	r = search(&t);
	if (r == 0)
		r = settle(&t);
	if (r < 0)
		return r;
	if (u && t.made == u->value && t.stored && *type_tag(t.stored)) {
		*ret = (Literal *)lit;
		return 0;
	}
	made = wrap(&t, u ? NULL : lit);
	if (!made)
		return convert_nomem(c);
	*ret = keep_annotations(lit, made);
	return 0;
}

int convert_value_to_union(struct conversion *c,
			   const struct place *at,
			   struct value v,
			   const LiteralType *type,
			   Literal **ret)
{
	struct trial t = {.c = c, .at = at, .type = type, .v = v, .exact = true};
	bool exact = c->exact;
	int r;

	/* 1 is an integer and 2.5 a float, if both are variants. Only when that fits none may the
	 * one stand for the other. */
	c->exact = true;
	r = search(&t);
	c->exact = exact;
	if (r == 0 && t.found == 0 && !exact) {
		t.exact = false;
		r = search(&t);
	}
	if (r == 0)
		r = settle(&t);
	if (r < 0)
		return r;
	*ret = wrap(&t, NULL);
	return *ret ? 0 : convert_nomem(c);
}
