#include "flyte/literal_convert.h"

#include "base/whole.h"
#include "desc_table.h"
#include "flyte/message.h"
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
	if (r == 0 && c->renewal)
		return renew_document(c, at, lit, v, type, ret);
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

/* Formats and columns other than declared count only to tell variants apart: what opens a value
 * reads what is there, and a file or schema that is written repeats the declared type. */
static bool formats_agree(const char *a, const char *b)
{
	return !a || !b || !*a || !*b || streq(a, b);
}

static bool is_text(const char *s)
{
	return s && *s;
}

static int declare_blob(struct conversion *c,
			const struct place *at,
			const Literal *lit,
			const BlobType *type,
			Literal **ret)
{
	struct str uri = str_of(lit->scalar->blob->uri);
	bool multipart = type->dimensionality == MULTIPART;
	int r = multipart ? 0 : renew_place(c, at, uri.ptr, &uri);

	if (r < 0)
		return r;
	*ret = keep_annotations(lit,
				literal_new_blob(c->arena, uri, str_of(type->format), multipart));
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
	    (c->particular && !formats_agree(have ? have->format : "", want->format)))
		return convert_expected(c, at, type, value_of_literal(lit));
	if (c->write && (c->renewal || !(have && streq(have->format, want->format))))
		return declare_blob(c, at, lit, want, ret);
	*ret = (Literal *)lit;
	return 0;
}

/* ---- schemas --------------------------------------------------------------------------------- */

static bool has_schema_column(const SchemaType *have,
			      const Flyteidl__Core__SchemaType__SchemaColumn *want)
{
	for (size_t i = 0; i < have->n_columns; i++)
		if (streq(have->columns[i]->name, want->name))
			return have->columns[i]->type == want->type;
	return false;
}

static bool has_every_column(const SchemaType *have, const SchemaType *want)
{
	for (size_t i = 0; have && have->n_columns > 0 && i < want->n_columns; i++)
		if (!has_schema_column(have, want->columns[i]))
			return false;
	return true;
}

static bool is_same_schema(const SchemaType *a, const SchemaType *b)
{
	return message_equal(MESSAGE_DESC(flyteidl__core__schema_type), a, b);
}

static int declare_schema(struct conversion *c,
			  const Literal *lit,
			  const char *uri,
			  const SchemaType *want,
			  Literal **ret)
{
	*ret = keep_annotations(lit, literal_new_schema(c->arena, str_of(uri), want));
	return *ret ? 0 : convert_nomem(c);
}

int convert_schema(struct conversion *c,
		   const struct place *at,
		   const Literal *lit,
		   const LiteralType *type,
		   Literal **ret)
{
	const SchemaType *want = type->schema;
	const Flyteidl__Core__Schema *have;
	enum value_kind kind = value_kind(value_of_literal(lit));

	if (kind == VALUE_DATASET && !c->write)
		return declare_schema(c, lit, lit->scalar->structured_dataset->uri, want, ret);
	if (kind != VALUE_SCHEMA)
		return convert_expected(c, at, type, value_of_literal(lit));
	have = lit->scalar->schema;
	if (c->particular && !has_every_column(have->type, want))
		return convert_expected(c, at, type, value_of_literal(lit));
	if (c->write && !(have->type && is_same_schema(have->type, want)))
		return declare_schema(c, lit, have->uri, want, ret);
	*ret = (Literal *)lit;
	return 0;
}

/* ---- structured datasets --------------------------------------------------------------------- */

static bool has_dataset_column(const DatasetType *have,
			       const Flyteidl__Core__StructuredDatasetType__DatasetColumn *want)
{
	for (size_t i = 0; i < have->n_columns; i++)
		if (streq(have->columns[i]->name, want->name))
			return type_castable(have->columns[i]->literal_type, want->literal_type);
	return false;
}

static bool is_that_dataset(const DatasetType *have, const DatasetType *want)
{
	if (is_text(have->format) && is_text(want->format) &&
	    strcasecmp(have->format, want->format) != 0)
		return false;
	for (size_t i = 0; have->n_columns > 0 && i < want->n_columns; i++)
		if (!has_dataset_column(have, want->columns[i]))
			return false;
	return true;
}

static Flyteidl__Core__SimpleType column_type(const Flyteidl__Core__SchemaType__SchemaColumn *c)
{
	static const Flyteidl__Core__SimpleType types[] = {
		SIMPLE_(INTEGER), SIMPLE_(FLOAT),    SIMPLE_(STRING),
		SIMPLE_(BOOLEAN), SIMPLE_(DATETIME), SIMPLE_(DURATION),
	};

	return (size_t)c->type < ARRAY_LEN(types) ? types[c->type] : SIMPLE_(NONE);
}

static bool copy_columns(struct arena *a, const SchemaType *from, DatasetType *to)
{
	to->columns = arena_array(a, from->n_columns, sizeof(*to->columns));
	if (!to->columns)
		return false;
	for (size_t i = 0; i < from->n_columns; i++) {
		Flyteidl__Core__StructuredDatasetType__DatasetColumn *col =
			NEW_MESSAGE(a, flyteidl__core__structured_dataset_type__dataset_column);
		LiteralType *type = NEW_MESSAGE(a, flyteidl__core__literal_type);

		if (!col || !type)
			return false;
		type->type_case = TYPE_(SIMPLE);
		type->simple = column_type(from->columns[i]);
		col->name = from->columns[i]->name;
		col->literal_type = type;
		to->columns[i] = col;
	}
	to->n_columns = from->n_columns;
	return true;
}

/* The columns are the declared ones, else the schema's. */
static int
schema_to_dataset(struct conversion *c, const Literal *lit, const DatasetType *want, Literal **ret)
{
	const Flyteidl__Core__Schema *s = lit->scalar->schema;
	DatasetType *type = arena_memdup(c->arena, want, sizeof(*want));

	if (!type)
		return convert_nomem(c);
	if (!is_text(type->format))
		type->format = (char *)"parquet";
	if (type->n_columns == 0 && s->type && !copy_columns(c->arena, s->type, type))
		return convert_nomem(c);
	*ret = keep_annotations(lit, literal_new_dataset(c->arena, str_of(s->uri), type));
	return *ret ? 0 : convert_nomem(c);
}

/* A dataset that is written stays what it is, even if that is less than declared. */
int convert_dataset(struct conversion *c,
		    const struct place *at,
		    const Literal *lit,
		    const LiteralType *type,
		    Literal **ret)
{
	const DatasetType *want = type->structured_dataset_type, *have;
	const Flyteidl__Core__StructuredDataset *d;
	enum value_kind kind = value_kind(value_of_literal(lit));

	if (kind == VALUE_SCHEMA && !c->write &&
	    (!is_text(want->format) || strcasecmp(want->format, "parquet") == 0))
		return schema_to_dataset(c, lit, want, ret);
	if (kind != VALUE_DATASET)
		return convert_expected(c, at, type, value_of_literal(lit));
	d = lit->scalar->structured_dataset;
	have = d->metadata ? d->metadata->structured_dataset_type : NULL;
	if (have && c->particular && !is_that_dataset(have, want))
		return convert_expected(c, at, type, value_of_literal(lit));
	*ret = (Literal *)lit;
	if (c->write && !have)
		*ret = keep_annotations(lit, literal_new_dataset(c->arena, str_of(d->uri), NULL));
	return *ret ? 0 : convert_nomem(c);
}
