/* Slots become literals: what the plugin set meets what was declared. */
#include "task/val.h"

#include "base/json.h"
#include "base/map.h"
#include "data/data.h"
#include "flyte/literal_convert.h"
#include "flyte/msgpack.h"
#include "task/exec.h"
#include "task/names.h"
#include "task/upload.h"

static int
build(const struct th_val *v, const LiteralType *type, const Literal **ret, struct error *err);

static int no_memory(struct error *err)
{
	return err_nomem(err, "an output");
}

/* ---- the type that is meant ------------------------------------------------------------------ */

static bool accepts(const LiteralType *t, enum val_kind kind)
{
	switch (kind) {
	case VAL_BLOB:
		return t->type_case == LTYPE_(BLOB);
	case VAL_DATASET:
		return t->type_case == LTYPE_(STRUCTURED_DATASET_TYPE) ||
		       t->type_case == LTYPE_(SCHEMA);
	case VAL_JSON:
	case VAL_GENERIC:
		return type_simple_is(t, SIMPLE_(STRUCT));
	case VAL_COLLECTION:
		return t->type_case == LTYPE_(COLLECTION_TYPE);
	case VAL_MAP:
		return t->type_case == LTYPE_(MAP_VALUE_TYPE);
	default:
		return false;
	}
}

/* For a bare value of a declared union: the first variant of this kind, which says what format or
 * element type is wanted. Which variant it is in the end, literal_convert decides. */
static const LiteralType *meant(const LiteralType *type, enum val_kind kind)
{
	if (!type || type->type_case == LTYPE_(_NOT_SET))
		return NULL;
	if (type->type_case != LTYPE_(UNION_TYPE))
		return accepts(type, kind) ? type : NULL;
	for (size_t i = 0; type->union_type && i < type->union_type->n_variants; i++)
		if (accepts(type->union_type->variants[i], kind))
			return type->union_type->variants[i];
	return NULL;
}

/* ---- each kind ------------------------------------------------------------------------------- */

static int build_text(const struct th_val *v, const Literal **ret, struct error *err)
{
	size_t bad;

	if (v->in_place && memchr(v->text.ptr, 0, v->text.len))
		return err_set(err, ERR_INVALID, "the text holds U+0000");
	if (v->in_place && !utf8_valid(v->text.ptr, v->text.len, &bad))
		return err_set(err, ERR_INVALID, "the text is not UTF-8 at byte %zu", bad);
	*ret = literal_new_string(&v->exec->home.arena, str_of_th(v->text));
	return *ret ? 0 : no_memory(err);
}

static int build_blob(const struct th_val *v,
		      const LiteralType *declared,
		      const Literal **ret,
		      struct error *err)
{
	const LiteralType *type = meant(declared, VAL_BLOB);
	struct str format = str_of_th(v->blob.format), uri;
	int r = upload_place(v->exec, v->blob.uri.ptr, v->blob.multipart, &uri, err);

	if (r < 0)
		return r;
	if (format.len == 0 && type && type->blob)
		format = str_of(type->blob->format);
	*ret = literal_new_blob(&v->exec->home.arena, uri, format, v->blob.multipart);
	return *ret ? 0 : no_memory(err);
}

static int build_dataset(const struct th_val *v,
			 const LiteralType *declared,
			 const Literal **ret,
			 struct error *err)
{
	struct arena *arena = &v->exec->home.arena;
	const LiteralType *type = meant(declared, VAL_DATASET);
	Flyteidl__Core__StructuredDatasetType own = FLYTEIDL__CORE__STRUCTURED_DATASET_TYPE__INIT;
	Flyteidl__Core__StructuredDatasetType *copy;
	const char *place = v->dataset.uri.ptr;
	struct error unknown = ERROR_INIT;
	/* One file, or a directory of them: whatever is there. */
	bool multipart = !data_is_remote(place) && data_kind(place, &unknown) == 1;
	const char *from_input = upload_input_uri(v->exec, place);
	struct str uri = str_of(from_input);
	int r = from_input ? 0 : upload_place(v->exec, place, multipart, &uri, err);

	if (r < 0)
		return r;
	if (type && type->type_case == LTYPE_(SCHEMA)) {
		*ret = literal_new_schema(arena, uri, type->schema);
		return *ret ? 0 : no_memory(err);
	}
	if (type && type->structured_dataset_type)
		own = *type->structured_dataset_type;
	if (!own.format || !*own.format)
		own.format = (char *)v->dataset.format.ptr;
	copy = arena_memdup(arena, &own, sizeof(own));
	*ret = copy ? literal_new_dataset(arena, uri, copy) : NULL;
	return *ret ? 0 : no_memory(err);
}

static int pack_json(const struct th_val *v,
		     json_t *j,
		     const LiteralType *type,
		     const Literal **ret,
		     struct error *err)
{
	_cleanup_(buf_done) struct buf packed = BUF_INIT;
	int r = msgpack_from_json(j, type, &packed, err);

	if (r == 0)
		r = buf_check(&packed, "an output", err);
	if (r < 0)
		return r;
	*ret = literal_new_binary(&v->exec->home.arena, (struct str){packed.data, packed.len},
				  STR("msgpack"));
	return *ret ? 0 : no_memory(err);
}

static int struct_json(const struct th_val *v,
		       json_t *j,
		       const LiteralType *type,
		       const Literal **ret,
		       struct error *err)
{
	struct arena *arena = &v->exec->home.arena;
	Google__Protobuf__Struct *s;
	Literal *lit;
	int r = struct_from_json(j, type, arena, &s, err);

	if (r < 0)
		return r;
	lit = literal_new_generic(arena, s);
	if (!lit)
		return no_memory(err);
	*ret = lit;
	if (v->kind == VAL_JSON && type && !type->metadata && !type->structure &&
	    !literal_mark_json(arena, lit))
		return no_memory(err);
	return 0;
}

static int build_json(const struct th_val *v,
		      const LiteralType *declared,
		      const Literal **ret,
		      struct error *err)
{
	const LiteralType *type = meant(declared, VAL_JSON);
	json_t *j = NULL;
	int r = json_parse(str_of_th(v->text), "output", &j, err);

	if (r < 0)
		return r;
	if (v->kind == VAL_GENERIC || (v->exec->ctx->old_struct_form && json_is_object(j)))
		r = struct_json(v, j, type, ret, err);
	else
		r = pack_json(v, j, type, ret, err);
	json_decref(j);
	return r;
}

static int build_list(const struct th_val *v, const Literal **ret, struct error *err)
{
	struct arena *arena = &v->exec->home.arena;
	Literal *lit = literal_new_collection(arena, v->list.n);

	if (!lit)
		return no_memory(err);
	for (size_t i = 0; i < v->list.n; i++) {
		Literal *item =
			v->kind == VAL_INTEGERS
				? literal_new_integer(arena, ((const int64_t *)v->list.values)[i])
				: literal_new_float(arena, ((const double *)v->list.values)[i]);

		if (!item)
			return no_memory(err);
		lit->collection->literals[i] = item;
	}
	*ret = lit;
	return 0;
}

static int build_collection(const struct th_val *v,
			    const LiteralType *declared,
			    const Literal **ret,
			    struct error *err)
{
	const LiteralType *type = meant(declared, VAL_COLLECTION);
	Literal *lit = literal_new_collection(&v->exec->home.arena, v->children.n);
	size_t i = 0;

	if (!lit)
		return no_memory(err);
	for (const struct th_val *c = v->children.first; c; c = c->next, i++) {
		const Literal *item;
		int r = build(c, type ? type->collection_type : NULL, &item, err);

		if (r < 0)
			return err_wrap(err, "[%zu]", i);
		lit->collection->literals[i] = (Literal *)item;
	}
	*ret = lit;
	return 0;
}

static void map_freep(struct map *m)
{
	map_done(m, NULL);
}

static int
build_entries(const struct map *children, const LiteralType *type, Literal *lit, struct error *err)
{
	for (size_t i = 0; i < children->len; i++) {
		const struct th_val *c = children->entries[i].value;
		const Literal *item;
		int r = build(c, type, &item, err);

		if (r < 0)
			return err_wrap(err, "[\"%s\"]", c->key.ptr);
		lit->map->literals[i]->key = (char *)c->key.ptr;
		lit->map->literals[i]->value = (Literal *)item;
	}
	return 0;
}

static int build_map(const struct th_val *v,
		     const LiteralType *declared,
		     const Literal **ret,
		     struct error *err)
{
	_cleanup_(map_freep) struct map children = MAP_INIT; /* of equal keys the last one counts */
	const LiteralType *type = meant(declared, VAL_MAP);
	Literal *lit;

	for (struct th_val *c = v->children.first; c; c = c->next)
		if (map_put(&children, str_of_th(c->key), c, NULL) < 0)
			return no_memory(err);
	lit = literal_new_map(&v->exec->home.arena, children.len);
	if (!lit)
		return no_memory(err);
	*ret = lit;
	return build_entries(&children, type ? type->map_value_type : NULL, lit, err);
}

static const LiteralType *variant_named(const LiteralType *type, struct str tag)
{
	if (!type || type->type_case != LTYPE_(UNION_TYPE) || !type->union_type)
		return NULL;
	for (size_t i = 0; i < type->union_type->n_variants; i++)
		if (str_is(tag, variant_tag(type->union_type->variants[i])))
			return type->union_type->variants[i];
	return NULL;
}

static int
build_union(const struct th_val *v, const LiteralType *type, const Literal **ret, struct error *err)
{
	const LiteralType *variant;
	const Literal *inner;
	int r;

	if (v->children.tag.len == 0) /* the one variant that fits is found with the checks */
		return build(v->children.first, type, ret, err);
	variant = variant_named(type, str_of_th(v->children.tag));
	if (!variant)
		return err_set(err, ERR_MISMATCH,
			       "the declared type has no variant with the tag \"%s\"",
			       v->children.tag.ptr);
	r = build(v->children.first, variant, &inner, err);
	if (r < 0)
		return r;
	variant = variant_tagged(&v->exec->home.arena, variant);
	*ret = variant ? literal_new_union(&v->exec->home.arena, (Literal *)inner, variant) : NULL;
	return *ret ? 0 : no_memory(err);
}

/* flytekit reads an input before it writes it again. What does not fit is told by the checks, with
 * its whole path. */
static int build_literal(const struct th_val *v,
			 const LiteralType *type,
			 const Literal **ret,
			 struct error *err)
{
	struct exec *e = v->exec;
	struct literal_renewal how = {
		.old_form = e->ctx->old_struct_form,
		.place = upload_input_file,
		.data = e,
	};
	struct error unfit = ERROR_INIT;
	Literal *renewed = NULL;
	int r;

	*ret = v->literal;
	if (!v->passed_on || e->params->shim || !type || type->type_case == LTYPE_(_NOT_SET))
		return 0;
	r = literal_renew(v->literal, type, &how, &e->home.arena, &renewed, &unfit);
	if (r == 0)
		*ret = renewed;
	return r == ERR_NOMEM ? no_memory(err) : 0;
}

static const Literal *plain(const struct th_val *v)
{
	struct arena *a = &v->exec->home.arena;

	switch (v->kind) {
	case VAL_INTEGER:
		return literal_new_integer(a, v->integer);
	case VAL_FLOAT:
		return literal_new_float(a, v->number);
	case VAL_BOOLEAN:
		return literal_new_boolean(a, v->boolean);
	case VAL_DATETIME:
		return literal_new_datetime(a, v->datetime.seconds, v->datetime.nanos);
	case VAL_DURATION:
		return literal_new_duration(a, v->duration.seconds, v->duration.nanos);
	case VAL_NONE:
		return literal_new_none(a);
	case VAL_BINARY:
		return literal_new_binary(a, v->binary.value, v->binary.tag);
	case VAL_ERROR:
		return literal_new_error(a, str_of_th(v->error.node_id),
					 str_of_th(v->error.message));
	default:
		return NULL;
	}
}

static int
build_value(const struct th_val *v, const LiteralType *type, const Literal **ret, struct error *err)
{
	switch (v->kind) {
	case VAL_UNSET:
		return err_set(err, ERR_INVALID, "no value was set");
	case VAL_STRING:
		return build_text(v, ret, err);
	case VAL_BLOB:
		return build_blob(v, type, ret, err);
	case VAL_DATASET:
		return build_dataset(v, type, ret, err);
	case VAL_JSON:
	case VAL_GENERIC:
		return build_json(v, type, ret, err);
	case VAL_LITERAL:
		return build_literal(v, type, ret, err);
	case VAL_COLLECTION:
		return build_collection(v, type, ret, err);
	case VAL_MAP:
		return build_map(v, type, ret, err);
	case VAL_UNION:
		return build_union(v, type, ret, err);
	case VAL_INTEGERS:
	case VAL_FLOATS:
		return build_list(v, ret, err);
	default:
		*ret = plain(v);
		return *ret ? 0 : no_memory(err);
	}
}

/* ---- hash and metadata ----------------------------------------------------------------------- */

static int
add_metadata(Literal *lit, const struct val_metadata *m, struct arena *arena, struct error *err)
{
	static const Flyteidl__Core__Literal__MetadataEntry init =
		FLYTEIDL__CORE__LITERAL__METADATA_ENTRY__INIT;
	Flyteidl__Core__Literal__MetadataEntry **all, *entry;
	size_t n = lit->n_metadata, i;

	all = arena_array(arena, n + 1, sizeof(*all));
	entry = arena_memdup(arena, &init, sizeof(init));
	if (!all || !entry)
		return no_memory(err);
	if (n)
		memcpy(all, lit->metadata, n * sizeof(*all));
	entry->key = (char *)m->key.ptr;
	entry->value = (char *)m->value.ptr;
	for (i = 0; i < n && !streq(all[i]->key, entry->key); i++)
		;
	all[i] = entry;
	lit->metadata = all;
	lit->n_metadata = MAX(n, i + 1);
	return 0;
}

int val_decorate(const struct th_val *v, const Literal **lit, struct error *err)
{
	struct arena *arena = &v->exec->home.arena;
	Literal *copy;
	int r = 0;

	if (!v->hash.ptr && !v->metadata)
		return 0;
	copy = arena_memdup(arena, *lit, sizeof(**lit));
	if (!copy)
		return no_memory(err);
	if (v->hash.ptr)
		copy->hash = (char *)v->hash.ptr;
	for (const struct val_metadata *m = v->metadata; m && r == 0; m = m->next)
		r = add_metadata(copy, m, arena, err);
	*lit = copy;
	return r;
}

static int
build(const struct th_val *v, const LiteralType *type, const Literal **ret, struct error *err)
{
	int r = build_value(v, type, ret, err);

	/* The outermost one is decorated after the checks, which may wrap it in a union. */
	if (r == 0 && v->depth > 0)
		r = val_decorate(v, ret, err);
	return r;
}

int val_to_literal(const struct th_val *v,
		   const LiteralType *type,
		   const Literal **ret,
		   struct error *err)
{
	return build(v, type, ret, err);
}
