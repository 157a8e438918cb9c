#include "flyte/literal_parts.h"

#include "flyte/message.h"

#include "desc_table.h"

#define DEPTH_MAX                                                                                  \
	200 /* decoded types are at most 100 deep, those made from literals a bit more             \
	     */

static bool castable(const LiteralType *up, const LiteralType *down, unsigned depth);

static const char *text(const char *s)
{
	return s ? s : "";
}

static bool any_variant_takes(const LiteralType *up, const UnionType *down, unsigned depth)
{
	for (size_t i = 0; i < down->n_variants; i++)
		if (castable(up, down->variants[i], depth))
			return true;
	return false;
}

static bool every_variant_fits(const UnionType *up, const LiteralType *down, unsigned depth)
{
	for (size_t i = 0; i < up->n_variants; i++)
		if (!castable(up->variants[i], down, depth))
			return false;
	return true;
}

static bool same_bytes(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* The same columns in the same order, the same format and the same outside schema. */
static bool same_dataset(const DatasetType *a, const DatasetType *b, unsigned depth)
{
	if (!streq(text(a->format), text(b->format)) || a->n_columns != b->n_columns ||
	    !streq(text(a->external_schema_type), text(b->external_schema_type)) ||
	    !same_bytes(&a->external_schema_bytes, &b->external_schema_bytes))
		return false;
	for (size_t i = 0; i < a->n_columns; i++)
		if (!streq(text(a->columns[i]->name), text(b->columns[i]->name)) ||
		    !castable(a->columns[i]->literal_type, b->columns[i]->literal_type, depth))
			return false;
	return true;
}

/* Equal but for what describes a type without being part of it. */
static bool same_type(const LiteralType *a, const LiteralType *b)
{
	LiteralType x = *a, y = *b;

	x.metadata = y.metadata = NULL;
	x.annotation = y.annotation = NULL;
	x.structure = y.structure = NULL;
	return message_equal(MESSAGE_DESC(flyteidl__core__literal_type), &x, &y);
}

static bool castable(const LiteralType *up, const LiteralType *down, unsigned depth)
{
	if (!up || !down || depth > DEPTH_MAX)
		return false;
	if (up->type_case == TYPE_(UNION_TYPE))
		return every_variant_fits(up->union_type, down, depth + 1);
	if (down->type_case == TYPE_(UNION_TYPE))
		return any_variant_takes(up, down->union_type, depth + 1);
	if (up->type_case == TYPE_(ENUM_TYPE) && type_is_simple(down, SIMPLE_(STRING)))
		return true;
	if (up->type_case != down->type_case)
		return false;
	switch (up->type_case) {
	case TYPE_(COLLECTION_TYPE):
		return castable(up->collection_type, down->collection_type, depth + 1);
	case TYPE_(MAP_VALUE_TYPE):
		return castable(up->map_value_type, down->map_value_type, depth + 1);
	case TYPE_(STRUCTURED_DATASET_TYPE):
		return same_dataset(up->structured_dataset_type, down->structured_dataset_type,
				    depth + 1);
	default:
		return same_type(up, down);
	}
}

bool type_castable(const LiteralType *up, const LiteralType *down)
{
	return castable(up, down, 0);
}
