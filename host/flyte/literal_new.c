#include "flyte/literal_parts.h"

void *message_new(struct arena *a, const ProtobufCMessageDescriptor *d)
{
	void *m = arena_alloc(a, d->sizeof_message);

	if (m)
		protobuf_c_message_init(d, m);
	return m;
}

static char *copy_text(struct arena *a, struct str s)
{
	return arena_strndup(a, s.ptr, s.len);
}

/* A literal with a scalar whose member is still to be set. */
static Scalar *scalar_new(struct arena *a, Literal **ret, Flyteidl__Core__Scalar__ValueCase of)
{
	Literal *lit = NEW_MESSAGE(a, flyteidl__core__literal);
	Scalar *s = NEW_MESSAGE(a, flyteidl__core__scalar);

	if (!lit || !s)
		return NULL;
	lit->value_case = LITERAL_(SCALAR);
	lit->scalar = s;
	s->value_case = of;
	*ret = lit;
	return s;
}

static Primitive *
primitive_new(struct arena *a, Literal **ret, Flyteidl__Core__Primitive__ValueCase of)
{
	Scalar *s = scalar_new(a, ret, SCALAR_(PRIMITIVE));

	if (!s)
		return NULL;
	s->primitive = NEW_MESSAGE(a, flyteidl__core__primitive);
	if (s->primitive)
		s->primitive->value_case = of;
	return s->primitive;
}

Literal *literal_new_integer(struct arena *a, int64_t v)
{
	Literal *lit = NULL;
	Primitive *p = primitive_new(a, &lit, PRIMITIVE_(INTEGER));

	if (!p)
		return NULL;
	p->integer = v;
	return lit;
}

Literal *literal_new_float(struct arena *a, double v)
{
	Literal *lit = NULL;
	Primitive *p = primitive_new(a, &lit, PRIMITIVE_(FLOAT_VALUE));

	if (!p)
		return NULL;
	p->float_value = v;
	return lit;
}

Literal *literal_new_string(struct arena *a, struct str v)
{
	Literal *lit = NULL;
	Primitive *p = primitive_new(a, &lit, PRIMITIVE_(STRING_VALUE));

	if (!p)
		return NULL;
	p->string_value = copy_text(a, v);
	return p->string_value ? lit : NULL;
}

Literal *literal_new_boolean(struct arena *a, bool v)
{
	Literal *lit = NULL;
	Primitive *p = primitive_new(a, &lit, PRIMITIVE_(BOOLEAN));

	if (!p)
		return NULL;
	p->boolean = v;
	return lit;
}

Literal *literal_new_datetime(struct arena *a, int64_t seconds, int32_t nanos)
{
	Literal *lit = NULL;
	Primitive *p = primitive_new(a, &lit, PRIMITIVE_(DATETIME));
	Google__Protobuf__Timestamp *t = NEW_MESSAGE(a, google__protobuf__timestamp);

	if (!p || !t)
		return NULL;
	t->seconds = seconds;
	t->nanos = nanos;
	p->datetime = t;
	return lit;
}

Literal *literal_new_duration(struct arena *a, int64_t seconds, int32_t nanos)
{
	Literal *lit = NULL;
	Primitive *p = primitive_new(a, &lit, PRIMITIVE_(DURATION));
	Google__Protobuf__Duration *d = NEW_MESSAGE(a, google__protobuf__duration);

	if (!p || !d)
		return NULL;
	d->seconds = seconds;
	d->nanos = nanos;
	p->duration = d;
	return lit;
}

Literal *literal_new_none(struct arena *a)
{
	Literal *lit = NULL;
	Scalar *s = scalar_new(a, &lit, SCALAR_(NONE_TYPE));

	if (!s)
		return NULL;
	s->none_type = NEW_MESSAGE(a, flyteidl__core__void);
	return s->none_type ? lit : NULL;
}

Literal *literal_new_binary(struct arena *a, struct str value, struct str tag)
{
	Literal *lit = NULL;
	Scalar *s = scalar_new(a, &lit, SCALAR_(BINARY));
	Flyteidl__Core__Binary *b = NEW_MESSAGE(a, flyteidl__core__binary);

	if (!s || !b)
		return NULL;
	s->binary = b;
	b->value.data = arena_memdup(a, value.ptr, value.len);
	b->value.len = value.len;
	b->tag = copy_text(a, tag);
	return b->value.data && b->tag ? lit : NULL;
}

Literal *literal_new_blob(struct arena *a, struct str uri, struct str format, bool multipart)
{
	Literal *lit = NULL;
	Scalar *s = scalar_new(a, &lit, SCALAR_(BLOB));
	Blob *b = NEW_MESSAGE(a, flyteidl__core__blob);
	Flyteidl__Core__BlobMetadata *m = NEW_MESSAGE(a, flyteidl__core__blob_metadata);
	BlobType *t = NEW_MESSAGE(a, flyteidl__core__blob_type);

	if (!s || !b || !m || !t)
		return NULL;
	s->blob = b;
	b->metadata = m;
	m->type = t;
	b->uri = copy_text(a, uri);
	t->format = copy_text(a, format);
	t->dimensionality = multipart ? MULTIPART : 0;
	return b->uri && t->format ? lit : NULL;
}

Literal *literal_new_schema(struct arena *a, struct str uri, const SchemaType *type)
{
	Literal *lit = NULL;
	Scalar *s = scalar_new(a, &lit, SCALAR_(SCHEMA));
	Flyteidl__Core__Schema *m = NEW_MESSAGE(a, flyteidl__core__schema);

	if (!s || !m)
		return NULL;
	s->schema = m;
	m->uri = copy_text(a, uri);
	m->type = type ? (SchemaType *)type : NEW_MESSAGE(a, flyteidl__core__schema_type);
	return m->uri && m->type ? lit : NULL;
}

Literal *literal_new_dataset(struct arena *a, struct str uri, const DatasetType *type)
{
	Literal *lit = NULL;
	Scalar *s = scalar_new(a, &lit, SCALAR_(STRUCTURED_DATASET));
	Flyteidl__Core__StructuredDataset *d = NEW_MESSAGE(a, flyteidl__core__structured_dataset);
	Flyteidl__Core__StructuredDatasetMetadata *m =
		NEW_MESSAGE(a, flyteidl__core__structured_dataset_metadata);

	if (!s || !d || !m)
		return NULL;
	s->structured_dataset = d;
	d->uri = copy_text(a, uri);
	d->metadata = m;
	m->structured_dataset_type = type ? (DatasetType *)type
					  : NEW_MESSAGE(a, flyteidl__core__structured_dataset_type);
	return d->uri && m->structured_dataset_type ? lit : NULL;
}

Literal *literal_new_error(struct arena *a, struct str node_id, struct str message)
{
	Literal *lit = NULL;
	Scalar *s = scalar_new(a, &lit, SCALAR_(ERROR));
	Flyteidl__Core__Error *e = NEW_MESSAGE(a, flyteidl__core__error);

	if (!s || !e)
		return NULL;
	s->error = e;
	e->failed_node_id = copy_text(a, node_id);
	e->message = copy_text(a, message);
	return e->failed_node_id && e->message ? lit : NULL;
}

Literal *literal_new_generic(struct arena *a, Struct *st)
{
	Literal *lit = NULL;
	Scalar *s = scalar_new(a, &lit, SCALAR_(GENERIC));

	if (!s)
		return NULL;
	s->generic = st;
	return lit;
}

bool literal_mark_json(struct arena *a, Literal *lit)
{
	Flyteidl__Core__Literal__MetadataEntry *entry =
		NEW_MESSAGE(a, flyteidl__core__literal__metadata_entry);

	lit->metadata = arena_array(a, 1, sizeof(*lit->metadata));
	if (!entry || !lit->metadata)
		return false;
	entry->key = (char *)"format";
	entry->value = (char *)"json";
	lit->metadata[0] = entry;
	lit->n_metadata = 1;
	return true;
}

Literal *literal_new_union(struct arena *a, Literal *value, const LiteralType *variant)
{
	Literal *lit = NULL;
	Scalar *s = scalar_new(a, &lit, SCALAR_(UNION));
	Union *u = NEW_MESSAGE(a, flyteidl__core__union);

	if (!s || !u)
		return NULL;
	s->union_ = u;
	u->value = value;
	u->type = (LiteralType *)variant;
	return lit;
}

Literal *literal_new_collection(struct arena *a, size_t n)
{
	Literal *lit = NEW_MESSAGE(a, flyteidl__core__literal);
	Flyteidl__Core__LiteralCollection *c = NEW_MESSAGE(a, flyteidl__core__literal_collection);

	if (!lit || !c)
		return NULL;
	lit->value_case = LITERAL_(COLLECTION);
	lit->collection = c;
	c->literals = arena_array(a, n, sizeof(Literal *));
	if (!c->literals)
		return NULL;
	if (n > 0)
		memset(c->literals, 0, n * sizeof(Literal *));
	c->n_literals = n;
	return lit;
}

Literal *literal_new_map(struct arena *a, size_t n)
{
	Literal *lit = NEW_MESSAGE(a, flyteidl__core__literal);
	LiteralMap *m = NEW_MESSAGE(a, flyteidl__core__literal_map);
	LiteralEntry *entries;

	if (!lit || !m)
		return NULL;
	lit->value_case = LITERAL_(MAP);
	lit->map = m;
	m->literals = arena_array(a, n, sizeof(LiteralEntry *));
	entries = arena_array(a, n, sizeof(LiteralEntry));
	if (!m->literals || !entries)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		flyteidl__core__literal_map__literals_entry__init(&entries[i]);
		entries[i].key = NULL;
		m->literals[i] = &entries[i];
	}
	m->n_literals = n;
	return lit;
}

Literal *
literal_new_offloaded(struct arena *a, struct str uri, uint64_t size, const LiteralType *type)
{
	Literal *lit = NEW_MESSAGE(a, flyteidl__core__literal);
	Flyteidl__Core__LiteralOffloadedMetadata *o =
		NEW_MESSAGE(a, flyteidl__core__literal_offloaded_metadata);

	if (!lit || !o)
		return NULL;
	lit->value_case = LITERAL_(OFFLOADED_METADATA);
	lit->offloaded_metadata = o;
	o->uri = copy_text(a, uri);
	o->size_bytes = size;
	o->inferred_type = (LiteralType *)type;
	return o->uri ? lit : NULL;
}
