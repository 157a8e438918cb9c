/* th.literal/1, reading: one value at a time. Containers and bulk views are in api_contents.c. */
#include "task/api.h"

#include "task/names.h"

_Static_assert((int)VALUE_INTEGER == TH_KIND_INTEGER && (int)VALUE_STRING == TH_KIND_STRING &&
		       (int)VALUE_NONE == TH_KIND_NONE && (int)VALUE_BLOB == TH_KIND_BLOB &&
		       (int)VALUE_GENERIC == TH_KIND_GENERIC && (int)VALUE_MAP == TH_KIND_MAP &&
		       (int)VALUE_OFFLOADED == TH_KIND_OFFLOADED,
	       "value kinds and TH_KIND_… are the same numbers");

/* ---- inputs by place and name ---------------------------------------------------------------- */

uint32_t read_input_count(th_exec *handle)
{
	struct exec *e = exec_of(handle);

	return e ? (uint32_t)e->n_inputs : 0;
}

const th_lit *read_input_at(th_exec *handle, uint32_t i, th_str *ret_name)
{
	struct exec *e = exec_of(handle);

	if (!e || i >= e->n_inputs)
		return NULL;
	if (ret_name)
		*ret_name = e->inputs[i].name;
	return &e->inputs[i].lit;
}

const th_lit *read_input(th_exec *handle, th_str name)
{
	struct exec *e = exec_of(handle);
	size_t low = 0, high = e ? e->n_inputs : 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		th_str at = e->inputs[mid].name;
		int c = str_cmp((struct str){at.ptr, at.len}, str_of_th(name));

		if (c == 0)
			return &e->inputs[mid].lit;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* ---- plain values ---------------------------------------------------------------------------- */

uint32_t read_kind(const th_lit *lit)
{
	return lit ? (uint32_t)value_kind(lit->value) : TH_KIND_UNSET;
}

th_status read_i64(const th_lit *lit, int64_t *ret)
{
	if (!lit || !ret)
		return TH_E_INVALID;
	return value_i64(lit->value, ret) ? TH_OK : TH_E_TYPE;
}

th_status read_f64(const th_lit *lit, double *ret)
{
	if (!lit || !ret)
		return TH_E_INVALID;
	return value_f64(lit->value, ret) ? TH_OK : TH_E_TYPE;
}

th_status read_bool(const th_lit *lit, uint32_t *ret)
{
	bool b;

	if (!lit || !ret)
		return TH_E_INVALID;
	if (!value_bool(lit->value, &b))
		return TH_E_TYPE;
	*ret = b;
	return TH_OK;
}

/* The string or one of the messages of a primitive; NULL when it is of another kind. */
static const Flyteidl__Core__Primitive *primitive_of(const th_lit *lit,
						     Flyteidl__Core__Primitive__ValueCase kind)
{
	const Flyteidl__Core__Scalar *s = scalar_of(lit_literal(lit), SCAL_(PRIMITIVE));

	return s && s->primitive && s->primitive->value_case == kind ? s->primitive : NULL;
}

th_status read_datetime(const th_lit *lit, th_datetime *ret)
{
	const Flyteidl__Core__Primitive *p = primitive_of(lit, PRIM_(DATETIME));

	if (!lit || !ret)
		return TH_E_INVALID;
	if (!p || !p->datetime)
		return TH_E_TYPE;
	*ret = (th_datetime){p->datetime->seconds, p->datetime->nanos, 0};
	return TH_OK;
}

th_status read_duration(const th_lit *lit, th_duration *ret)
{
	const Flyteidl__Core__Primitive *p = primitive_of(lit, PRIM_(DURATION));

	if (!lit || !ret)
		return TH_E_INVALID;
	if (!p || !p->duration)
		return TH_E_TYPE;
	*ret = (th_duration){p->duration->seconds, p->duration->nanos, 0};
	return TH_OK;
}

th_status read_binary(const th_lit *lit, th_bytes *ret_value, th_str *ret_tag)
{
	const Flyteidl__Core__Scalar *s = scalar_of(lit_literal(lit), SCAL_(BINARY));
	struct str bytes;

	if (!lit || !ret_value)
		return TH_E_INVALID;
	if (!value_bytes(lit->value, &bytes)) /* of a literal, or inside msgpack */
		return TH_E_TYPE;
	*ret_value = (th_bytes){(const uint8_t *)bytes.ptr, bytes.len};
	if (ret_tag)
		*ret_tag = th_z(s ? s->binary->tag : "");
	return TH_OK;
}

th_status read_blob(const th_lit *lit, th_blob *ret)
{
	const Flyteidl__Core__Scalar *s = scalar_of(lit_literal(lit), SCAL_(BLOB));
	const Flyteidl__Core__BlobType *type;

	if (!lit || !ret)
		return TH_E_INVALID;
	if (!s || !s->blob)
		return TH_E_TYPE;
	type = s->blob->metadata ? s->blob->metadata->type : NULL;
	*ret = (th_blob){
		.uri = th_z(s->blob->uri),
		.format = th_z(type ? type->format : ""),
		.multipart = type && type->dimensionality != 0,
	};
	return TH_OK;
}

th_status read_dataset(const th_lit *lit, th_dataset *ret)
{
	const Literal *inner = lit_literal(lit);
	const Flyteidl__Core__Scalar *s = scalar_of(inner, SCAL_(STRUCTURED_DATASET));
	const Flyteidl__Core__StructuredDatasetMetadata *m;

	if (!lit || !ret)
		return TH_E_INVALID;
	if (s && s->structured_dataset) {
		m = s->structured_dataset->metadata;
		*ret = (th_dataset){
			.uri = th_z(s->structured_dataset->uri),
			.format = th_z(m && m->structured_dataset_type
					       ? m->structured_dataset_type->format
					       : ""),
		};
		return TH_OK;
	}
	s = scalar_of(inner, SCAL_(SCHEMA));
	if (!s || !s->schema)
		return TH_E_TYPE;
	*ret = (th_dataset){.uri = th_z(s->schema->uri), .format = th_z("")};
	return TH_OK;
}

th_status read_error(const th_lit *lit, th_str *ret_node_id, th_str *ret_message)
{
	const Flyteidl__Core__Scalar *s = scalar_of(lit_literal(lit), SCAL_(ERROR));

	if (!lit)
		return TH_E_INVALID;
	if (!s || !s->error)
		return TH_E_TYPE;
	if (ret_node_id)
		*ret_node_id = th_z(s->error->failed_node_id);
	if (ret_message)
		*ret_message = th_z(s->error->message);
	return TH_OK;
}

th_status read_offloaded(const th_lit *lit, th_str *ret_uri, uint64_t *ret_size)
{
	const Literal *inner = lit_literal(lit);

	if (!lit)
		return TH_E_INVALID;
	if (!inner || inner->value_case != LIT_(OFFLOADED_METADATA) || !inner->offloaded_metadata)
		return TH_E_TYPE;
	if (ret_uri)
		*ret_uri = th_z(inner->offloaded_metadata->uri);
	if (ret_size)
		*ret_size = inner->offloaded_metadata->size_bytes;
	return TH_OK;
}

/* ---- what lies around a value ---------------------------------------------------------------- */

static const Literal *outer_literal(const th_lit *lit)
{
	return lit && lit->value.source == VALUE_OF_LITERAL ? lit->value.literal : NULL;
}

th_status read_union_tag(const th_lit *lit, th_str *ret)
{
	const Flyteidl__Core__Scalar *s = scalar_of(outer_literal(lit), SCAL_(UNION));

	if (!lit || !ret)
		return TH_E_INVALID;
	*ret = th_z(s && s->union_ ? type_tag_of(s->union_->type) : "");
	return TH_OK;
}

th_status read_hash(const th_lit *lit, th_str *ret)
{
	const Literal *outer = outer_literal(lit);

	if (!lit || !ret)
		return TH_E_INVALID;
	*ret = th_z(outer ? outer->hash : "");
	return TH_OK;
}

th_status read_metadata(const th_lit *lit, th_str key, th_str *ret)
{
	const Literal *outer = outer_literal(lit);

	if (!lit || !ret)
		return TH_E_INVALID;
	for (size_t i = 0; outer && i < outer->n_metadata; i++) {
		if (!str_is(str_of_th(key), outer->metadata[i]->key))
			continue;
		*ret = th_z(outer->metadata[i]->value);
		return TH_OK;
	}
	return TH_E_NOT_FOUND;
}

th_status read_metadata_at(const th_lit *lit, uint32_t i, th_str *ret_key, th_str *ret_value)
{
	const Literal *outer = outer_literal(lit);

	if (!lit)
		return TH_E_INVALID;
	if (!outer || i >= outer->n_metadata)
		return TH_E_NOT_FOUND;
	if (ret_key)
		*ret_key = th_z(outer->metadata[i]->key);
	if (ret_value)
		*ret_value = th_z(outer->metadata[i]->value);
	return TH_OK;
}
