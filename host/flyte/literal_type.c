#include "flyte/literal_parts.h"

#include "base/map.h"
#include "flyte/message.h"
#include "flyte/value.h"

#include "desc_table.h"

#define DEPTH_MAX 64 /* each level takes two messages, of which no decoder reads over 100 */

static LiteralType *type_of(const Literal *lit, unsigned depth, struct arena *a);

static LiteralType *simple_type(struct arena *a, Flyteidl__Core__SimpleType simple)
{
	LiteralType *t = NEW_MESSAGE(a, flyteidl__core__literal_type);

	if (t) {
		t->type_case = TYPE_(SIMPLE);
		t->simple = simple;
	}
	return t;
}

/* ---- the order of a union's variants --------------------------------------------------------- */

/* Go's text form of a type, by which the control plane sorts; what it leaves out does not differ
 * between types of literals. */
static void put_text_form(const LiteralType *t, struct buf *out)
{
	static const char *const simple[] = {
		[SIMPLE_(NONE)] = "NONE",         [SIMPLE_(INTEGER)] = "INTEGER",
		[SIMPLE_(FLOAT)] = "FLOAT",       [SIMPLE_(STRING)] = "STRING",
		[SIMPLE_(BOOLEAN)] = "BOOLEAN",   [SIMPLE_(DATETIME)] = "DATETIME",
		[SIMPLE_(DURATION)] = "DURATION", [SIMPLE_(BINARY)] = "BINARY",
		[SIMPLE_(ERROR)] = "ERROR",       [SIMPLE_(STRUCT)] = "STRUCT",
	};

	switch (t ? t->type_case : TYPE_(_NOT_SET)) {
	case TYPE_(SIMPLE):
		buf_puts(out, "simple:");
		buf_puts(out, (size_t)t->simple < ARRAY_LEN(simple) ? simple[t->simple] : "?");
		break;
	case TYPE_(SCHEMA):
		buf_puts(out, "schema:{");
		for (size_t i = 0; i < t->schema->n_columns; i++)
			buf_printf(out, "columns:{name:\"%s\" type:%d}",
				   t->schema->columns[i]->name, (int)t->schema->columns[i]->type);
		buf_putc(out, '}');
		break;
	case TYPE_(COLLECTION_TYPE):
		buf_puts(out, "collection_type:{");
		put_text_form(t->collection_type, out);
		buf_putc(out, '}');
		break;
	case TYPE_(MAP_VALUE_TYPE):
		buf_puts(out, "map_value_type:{");
		put_text_form(t->map_value_type, out);
		buf_putc(out, '}');
		break;
	case TYPE_(BLOB):
		buf_printf(out, "blob:{format:\"%s\" %d}", t->blob->format,
			   (int)t->blob->dimensionality);
		break;
	case TYPE_(STRUCTURED_DATASET_TYPE):
		buf_printf(out, "structured_dataset_type:{%zu format:\"%s\"}",
			   t->structured_dataset_type->n_columns,
			   t->structured_dataset_type->format);
		break;
	case TYPE_(UNION_TYPE):
		buf_puts(out, "union_type:{");
		for (size_t i = 0; i < t->union_type->n_variants; i++)
			put_text_form(t->union_type->variants[i], out);
		buf_putc(out, '}');
		break;
	default:
		break;
	}
}

struct sorted_type {
	const char *text;
	LiteralType *type;
};

static int compare_types(const void *a, const void *b)
{
	const struct sorted_type *x = a, *y = b;

	return strcmp(x->text, y->text);
}

/* ---- types of elements ----------------------------------------------------------------------- */

/* The distinct types of elements, found by their wire form. */
struct elements {
	struct arena *arena;
	struct map seen;
	const LiteralType *last; /* neighbours mostly have one type */
};

static bool is_same_simple(const LiteralType *a, const LiteralType *b)
{
	return a && a->type_case == TYPE_(SIMPLE) && b->type_case == TYPE_(SIMPLE) &&
	       a->simple == b->simple;
}

static bool add_type(struct elements *e, LiteralType *t)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;

	if (!t)
		return false;
	if (is_same_simple(e->last, t))
		return true;
	e->last = t;
	if (message_encode(&t->base, &wire, NULL) < 0)
		return false;
	if (map_get(&e->seen, (struct str){wire.data, wire.len}))
		return true;
	return map_put(&e->seen, (struct str){wire.data, wire.len}, t, NULL) == 0;
}

/* Of an empty list or map: nothing is known of its elements. */
static bool is_empty_container(const LiteralType *t)
{
	return (t->type_case == TYPE_(COLLECTION_TYPE) &&
		type_is_simple(t->collection_type, SIMPLE_(NONE))) ||
	       (t->type_case == TYPE_(MAP_VALUE_TYPE) &&
		type_is_simple(t->map_value_type, SIMPLE_(NONE)));
}

static LiteralType *union_of(struct elements *e, struct sorted_type *sorted, size_t n)
{
	LiteralType *t = NEW_MESSAGE(e->arena, flyteidl__core__literal_type);
	UnionType *u = NEW_MESSAGE(e->arena, flyteidl__core__union_type);

	if (!t || !u)
		return NULL;
	qsort(sorted, n, sizeof(*sorted), compare_types);
	t->type_case = TYPE_(UNION_TYPE);
	t->union_type = u;
	u->variants = arena_array(e->arena, n, sizeof(LiteralType *));
	if (!u->variants)
		return NULL;
	for (size_t i = 0; i < n; i++)
		u->variants[i] = sorted[i].type;
	u->n_variants = n;
	return t;
}

static bool add_sorted(struct elements *e, LiteralType *t, struct sorted_type *ret)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	put_text_form(t, &text);
	ret->type = t;
	ret->text = text.failed ? NULL : arena_strndup(e->arena, text.data, text.len);
	return ret->text != NULL;
}

/* One type for all elements; empty containers count only when there is nothing else. */
static LiteralType *common_type(struct elements *e)
{
	struct sorted_type *sorted;
	size_t n = 0;

	if (e->seen.len == 0)
		return simple_type(e->arena, SIMPLE_(NONE));
	sorted = arena_array(e->arena, e->seen.len, sizeof(*sorted));
	if (!sorted)
		return NULL;
	map_foreach (&e->seen, entry) {
		if (!is_empty_container(entry->value) && !add_sorted(e, entry->value, &sorted[n++]))
			return NULL;
	}
	if (n == 0)
		return e->seen.entries[0].value;
	return n == 1 ? sorted[0].type : union_of(e, sorted, n);
}

static LiteralType *container_type(const Literal *lit, unsigned depth, struct arena *a)
{
	bool list = lit->value_case == LITERAL_(COLLECTION);
	size_t n = list ? lit->collection->n_literals : lit->map->n_literals;
	struct elements e = {.arena = a, .seen = MAP_INIT};
	LiteralType *t = NEW_MESSAGE(a, flyteidl__core__literal_type);
	LiteralType *element = NULL;
	bool ok = t != NULL;

	for (size_t i = 0; ok && i < n; i++)
		ok = add_type(&e, type_of(list ? lit->collection->literals[i]
					       : lit->map->literals[i]->value,
					  depth + 1, a));
	if (ok)
		element = common_type(&e);
	map_done(&e.seen, NULL);
	if (!element)
		return NULL;
	t->type_case = list ? TYPE_(COLLECTION_TYPE) : TYPE_(MAP_VALUE_TYPE);
	t->collection_type = element; /* both members of the oneof are this pointer */
	return t;
}

/* ---- types of scalars ------------------------------------------------------------------------ */

static LiteralType *blob_type(const Blob *b, struct arena *a)
{
	LiteralType *t = NEW_MESSAGE(a, flyteidl__core__literal_type);

	if (!t)
		return NULL;
	t->type_case = TYPE_(BLOB);
	t->blob = b->metadata && b->metadata->type ? b->metadata->type
						   : NEW_MESSAGE(a, flyteidl__core__blob_type);
	return t->blob ? t : NULL;
}

static LiteralType *schema_type(const Flyteidl__Core__Schema *s, struct arena *a)
{
	LiteralType *t = NEW_MESSAGE(a, flyteidl__core__literal_type);

	if (!t)
		return NULL;
	t->type_case = TYPE_(SCHEMA);
	t->schema = s->type ? s->type : NEW_MESSAGE(a, flyteidl__core__schema_type);
	return t->schema ? t : NULL;
}

static LiteralType *dataset_type(const Flyteidl__Core__StructuredDataset *d, struct arena *a)
{
	LiteralType *t = NEW_MESSAGE(a, flyteidl__core__literal_type);
	DatasetType *stored = d->metadata ? d->metadata->structured_dataset_type : NULL;

	if (!t)
		return NULL;
	t->type_case = TYPE_(STRUCTURED_DATASET_TYPE);
	t->structured_dataset_type =
		stored ? stored : NEW_MESSAGE(a, flyteidl__core__structured_dataset_type);
	return t->structured_dataset_type ? t : NULL;
}

static LiteralType *stored_union_type(const Union *u, struct arena *a)
{
	struct elements e = {.arena = a};
	struct sorted_type one = {.text = "", .type = u->type};

	if (!u->type)
		one.type = NEW_MESSAGE(a, flyteidl__core__literal_type);
	return one.type ? union_of(&e, &one, 1) : NULL;
}

/* No type at all: an empty message. */
static LiteralType *unknown_type(struct arena *a)
{
	return NEW_MESSAGE(a, flyteidl__core__literal_type);
}

static LiteralType *type_of(const Literal *lit, unsigned depth, struct arena *a)
{
	if (depth > DEPTH_MAX)
		return unknown_type(a);
	switch (value_kind(value_of_literal(lit))) {
	case VALUE_INTEGER:
		return simple_type(a, SIMPLE_(INTEGER));
	case VALUE_FLOAT:
		return simple_type(a, SIMPLE_(FLOAT));
	case VALUE_STRING:
		return simple_type(a, SIMPLE_(STRING));
	case VALUE_BOOLEAN:
		return simple_type(a, SIMPLE_(BOOLEAN));
	case VALUE_DATETIME:
		return simple_type(a, SIMPLE_(DATETIME));
	case VALUE_DURATION:
		return simple_type(a, SIMPLE_(DURATION));
	case VALUE_NONE:
		return simple_type(a, SIMPLE_(NONE));
	case VALUE_ERROR:
		return simple_type(a, SIMPLE_(ERROR));
	case VALUE_GENERIC:
		return simple_type(a, SIMPLE_(STRUCT));
	case VALUE_BINARY:
		return simple_type(a, literal_msgpack(lit) ? SIMPLE_(STRUCT) : SIMPLE_(BINARY));
	case VALUE_BLOB:
		return blob_type(lit->scalar->blob, a);
	case VALUE_SCHEMA:
		return schema_type(lit->scalar->schema, a);
	case VALUE_DATASET:
		return dataset_type(lit->scalar->structured_dataset, a);
	case VALUE_UNION:
		return stored_union_type(lit->scalar->union_, a);
	case VALUE_COLLECTION:
	case VALUE_MAP:
		return container_type(lit, depth, a);
	case VALUE_OFFLOADED:
		return lit->offloaded_metadata->inferred_type
			       ? lit->offloaded_metadata->inferred_type
			       : unknown_type(a);
	case VALUE_UNSET:
		break;
	}
	return unknown_type(a);
}

LiteralType *literal_type_of(const Literal *lit, struct arena *arena)
{
	return type_of(lit, 0, arena);
}
