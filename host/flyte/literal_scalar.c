#include "flyte/literal_convert.h"

#include "base/whole.h"
#include "flyte/shape.h"

#include <math.h>
#include <strings.h>

/* ---- simple types ---------------------------------------------------------------------------- */

static int float_to_integer(struct conversion *c,
			    const struct place *at,
			    const Literal *lit,
			    const LiteralType *type,
			    Literal **ret)
{
	double d = lit->scalar->primitive->float_value;
	char text[32];
	int64_t i;

	if (!isfinite(d))
		return convert_expected(c, at, type, value_of_literal(lit));
	format_double(d, text);
	if (!whole_to_i64(d, &i))
		return convert_mismatch(c, at, "expected integer, got float %s, which %s", text,
					is_whole(d) ? "is too big" : "has a fraction");
	*ret = keep_annotations(lit, literal_new_integer(c->arena, i));
	return *ret ? 0 : convert_nomem(c);
}

static int integer_to_float(struct conversion *c, const Literal *lit, Literal **ret)
{
	double d = (double)lit->scalar->primitive->integer;

	*ret = keep_annotations(lit, literal_new_float(c->arena, d));
	return *ret ? 0 : convert_nomem(c);
}

static int convert_struct(struct conversion *c,
			  const struct place *at,
			  const Literal *lit,
			  const LiteralType *type,
			  Literal **ret)
{
	enum value_kind kind = value_kind(value_of_literal(lit));
	struct value v;
	int r;

	/* flytekit writes a protobuf ListValue as a list, though its type says struct. */
	if (kind == VALUE_COLLECTION && schema_get(type->metadata, "pb_type")) {
		*ret = (Literal *)lit;
		return 0;
	}
	if (!literal_msgpack(lit) && kind != VALUE_GENERIC)
		return convert_expected(c, at, type, value_of_literal(lit));
	r = convert_open(c, at, lit, &v);
	if (r == 0)
		r = check_document(c, at, v, type);
	if (r == 0)
		*ret = (Literal *)lit;
	return r;
}

/* The kind a literal of this simple type has. */
static enum value_kind wanted_kind(Flyteidl__Core__SimpleType simple)
{
	static const enum value_kind kinds[] = {
		[SIMPLE_(NONE)] = VALUE_NONE,         [SIMPLE_(INTEGER)] = VALUE_INTEGER,
		[SIMPLE_(FLOAT)] = VALUE_FLOAT,       [SIMPLE_(STRING)] = VALUE_STRING,
		[SIMPLE_(BOOLEAN)] = VALUE_BOOLEAN,   [SIMPLE_(DATETIME)] = VALUE_DATETIME,
		[SIMPLE_(DURATION)] = VALUE_DURATION, [SIMPLE_(BINARY)] = VALUE_BINARY,
		[SIMPLE_(ERROR)] = VALUE_ERROR,       [SIMPLE_(STRUCT)] = VALUE_GENERIC,
	};

	return (size_t)simple < ARRAY_LEN(kinds) ? kinds[simple] : VALUE_UNSET;
}

int convert_simple(struct conversion *c,
		   const struct place *at,
		   const Literal *lit,
		   const LiteralType *type,
		   Literal **ret)
{
	enum value_kind kind = value_kind(value_of_literal(lit));

	if (type->simple == SIMPLE_(STRUCT))
		return convert_struct(c, at, lit, type, ret);
	if (kind == wanted_kind(type->simple)) {
		*ret = (Literal *)lit;
		return 0;
	}
	if (!c->write && !c->exact && type->simple == SIMPLE_(INTEGER) && kind == VALUE_FLOAT)
		return float_to_integer(c, at, lit, type, ret);
	if (!c->write && !c->exact && type->simple == SIMPLE_(FLOAT) && kind == VALUE_INTEGER)
		return integer_to_float(c, lit, ret);
	return convert_expected(c, at, type, value_of_literal(lit));
}

/* ---- enums ----------------------------------------------------------------------------------- */

bool enum_has(const EnumType *e, struct str value)
{
	for (size_t i = 0; i < e->n_values; i++)
		if (str_is(value, e->values[i]))
			return true;
	return false;
}

int convert_enum(struct conversion *c,
		 const struct place *at,
		 const Literal *lit,
		 const LiteralType *type,
		 Literal **ret)
{
	struct str value;

	if (!value_str(value_of_literal(lit), &value) || !enum_has(type->enum_type, value))
		return convert_expected(c, at, type, value_of_literal(lit));
	*ret = (Literal *)lit;
	return 0;
}

/* ---- files and directories ------------------------------------------------------------------- */

/* A value read may have another format or other columns than declared: what opens it decides. */
static bool is_particular(const struct conversion *c)
{
	return c->write || c->particular;
}

static bool formats_agree(const char *a, const char *b)
{
	return !a || !b || !*a || !*b || streq(a, b);
}

static bool is_text(const char *s)
{
	return s && *s;
}

/* Writing: the literal repeats the format declared. */
static int
declare_format(struct conversion *c, const Literal *lit, const BlobType *type, Literal **ret)
{
	const Blob *b = lit->scalar->blob;

	*ret = keep_annotations(lit,
				literal_new_blob(c->arena, str_of(b->uri), str_of(type->format),
						 type->dimensionality == MULTIPART));
	return *ret ? 0 : convert_nomem(c);
}

int convert_blob(struct conversion *c,
		 const struct place *at,
		 const Literal *lit,
		 const LiteralType *type,
		 Literal **ret)
{
	const BlobType *want = type->blob, *have;

	if (value_kind(value_of_literal(lit)) != VALUE_BLOB)
		return convert_expected(c, at, type, value_of_literal(lit));
	have = lit->scalar->blob->metadata ? lit->scalar->blob->metadata->type : NULL;
	if ((have ? have->dimensionality : 0) != want->dimensionality ||
	    (is_particular(c) && !formats_agree(have ? have->format : "", want->format)))
		return convert_expected(c, at, type, value_of_literal(lit));
	if (c->write && is_text(want->format) && !(have && is_text(have->format)))
		return declare_format(c, lit, want, ret);
	*ret = (Literal *)lit;
	return 0;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static bool has_schema_column(const SchemaType *have,
			      const Flyteidl__Core__SchemaType__SchemaColumn *want)
{
	for (size_t i = 0; i < have->n_columns; i++)
		if (streq(have->columns[i]->name, want->name))
			return have->columns[i]->type == want->type;
	return false;
}

int convert_schema(struct conversion *c,
		   const struct place *at,
		   const Literal *lit,
		   const LiteralType *type,
		   Literal **ret)
{
	const SchemaType *want = type->schema, *have;
	enum value_kind kind = value_kind(value_of_literal(lit));

	if (kind == VALUE_DATASET && !c->write) {
		struct str uri = str_of(lit->scalar->structured_dataset->uri);

		*ret = keep_annotations(lit, literal_new_schema(c->arena, uri, want));
		return *ret ? 0 : convert_nomem(c);
	}
	if (kind != VALUE_SCHEMA)
		return convert_expected(c, at, type, value_of_literal(lit));
	have = lit->scalar->schema->type;
	for (size_t i = 0; have && have->n_columns > 0 && i < want->n_columns; i++)
		if (!has_schema_column(have, want->columns[i]))
			return convert_mismatch(c, at,
						"expected a schema with a column \"%s\" of the "
						"declared type, the value's schema has none",
						shown(str_of(want->columns[i]->name)).text);
	*ret = (Literal *)lit;
	return 0;
}

static bool has_dataset_column(const DatasetType *have,
			       const Flyteidl__Core__StructuredDatasetType__DatasetColumn *want)
{
	for (size_t i = 0; i < have->n_columns; i++)
		if (streq(have->columns[i]->name, want->name))
			return type_castable(have->columns[i]->literal_type, want->literal_type);
	return false;
}

static int check_dataset(struct conversion *c,
			 const struct place *at,
			 const DatasetType *have,
			 const DatasetType *want)
{
	if (is_text(have->format) && is_text(want->format) &&
	    strcasecmp(have->format, want->format) != 0)
		return convert_mismatch(c, at, "expected a structured dataset in format %s, got %s",
					shown(str_of(want->format)).text,
					shown(str_of(have->format)).text);
	for (size_t i = 0; is_particular(c) && have->n_columns > 0 && i < want->n_columns; i++)
		if (!has_dataset_column(have, want->columns[i]))
			return convert_mismatch(c, at,
						"expected a structured dataset with a column "
						"\"%s\" of the declared type, the value has none",
						shown(str_of(want->columns[i]->name)).text);
	return 0;
}

/* Writing: what the literal leaves open is as declared. */
static int declare_dataset(struct conversion *c,
			   const Literal *lit,
			   const DatasetType *have,
			   const DatasetType *want,
			   Literal **ret)
{
	DatasetType *type = NEW_MESSAGE(c->arena, flyteidl__core__structured_dataset_type);
	struct str uri = str_of(lit->scalar->structured_dataset->uri);

	if (!type)
		return convert_nomem(c);
	if (have)
		*type = *have;
	if (type->n_columns == 0) {
		type->n_columns = want->n_columns;
		type->columns = want->columns;
	}
	if (!is_text(type->format))
		type->format = want->format;
	*ret = keep_annotations(lit, literal_new_dataset(c->arena, uri, type));
	return *ret ? 0 : convert_nomem(c);
}

static int
schema_to_dataset(struct conversion *c, const Literal *lit, const DatasetType *want, Literal **ret)
{
	DatasetType *type = arena_memdup(c->arena, want, sizeof(*want));

	if (!type)
		return convert_nomem(c);
	if (!is_text(type->format))
		type->format = (char *)"parquet";
	*ret = keep_annotations(
		lit, literal_new_dataset(c->arena, str_of(lit->scalar->schema->uri), type));
	return *ret ? 0 : convert_nomem(c);
}

int convert_dataset(struct conversion *c,
		    const struct place *at,
		    const Literal *lit,
		    const LiteralType *type,
		    Literal **ret)
{
	const DatasetType *want = type->structured_dataset_type, *have;
	const Flyteidl__Core__StructuredDataset *d;
	enum value_kind kind = value_kind(value_of_literal(lit));
	int r;

	if (kind == VALUE_SCHEMA && !c->write &&
	    (!is_text(want->format) || strcasecmp(want->format, "parquet") == 0))
		return schema_to_dataset(c, lit, want, ret);
	if (kind != VALUE_DATASET)
		return convert_expected(c, at, type, value_of_literal(lit));
	d = lit->scalar->structured_dataset;
	have = d->metadata ? d->metadata->structured_dataset_type : NULL;
	r = have ? check_dataset(c, at, have, want) : 0;
	if (r < 0)
		return r;
	if (c->write && ((want->n_columns > 0 && !(have && have->n_columns > 0)) ||
			 (is_text(want->format) && !(have && is_text(have->format)))))
		return declare_dataset(c, lit, have, want, ret);
	*ret = (Literal *)lit;
	return 0;
}
