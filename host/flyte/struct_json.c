#include "flyte/msgpack.h"

#include "flyte/literal_parts.h"

/* Bounds the recursion. Each level takes two or three messages, so less can be encoded. */
#define DEPTH_MAX 100

static int
make_value(const json_t *j, unsigned depth, struct arena *a, StructValue **ret, struct error *err);

static int out_of_memory(struct error *err)
{
	return err_nomem(err, "struct");
}

static int copy_text(struct arena *a, const char *s, size_t len, char **ret, struct error *err)
{
	if (memchr(s, '\0', len))
		return err_set(err, ERR_INVALID, "struct: text with U+0000 is not supported");
	*ret = arena_strndup(a, s, len);
	return *ret ? 0 : out_of_memory(err);
}

static int
make_struct(const json_t *j, unsigned depth, struct arena *a, Struct **ret, struct error *err)
{
	json_t *object = (json_t *)j; /* iterating changes nothing */
	size_t n = json_object_size(j), i = 0;
	Google__Protobuf__Struct__FieldsEntry *entries = arena_array(a, n, sizeof(*entries));
	Struct *s = NEW_MESSAGE(a, google__protobuf__struct);
	int r = 0;

	if (s)
		s->fields = arena_array(a, n, sizeof(Google__Protobuf__Struct__FieldsEntry *));
	if (!s || !entries || !s->fields)
		return out_of_memory(err);
	for (void *it = json_object_iter(object); r == 0 && it;
	     it = json_object_iter_next(object, it), i++) {
		google__protobuf__struct__fields_entry__init(&entries[i]);
		s->fields[i] = &entries[i];
		r = copy_text(a, json_object_iter_key(it), json_object_iter_key_len(it),
			      &entries[i].key, err);
		if (r == 0)
			r = make_value(json_object_iter_value(it), depth + 1, a, &entries[i].value,
				       err);
	}
	s->n_fields = n;
	if (r == 0)
		*ret = s;
	return r;
}

static int make_list(const json_t *j,
		     unsigned depth,
		     struct arena *a,
		     Google__Protobuf__ListValue **ret,
		     struct error *err)
{
	size_t n = json_array_size(j);
	Google__Protobuf__ListValue *l = NEW_MESSAGE(a, google__protobuf__list_value);
	int r = 0;

	if (l)
		l->values = arena_array(a, n, sizeof(StructValue *));
	if (!l || !l->values)
		return out_of_memory(err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = make_value(json_array_get(j, i), depth + 1, a, &l->values[i], err);
	l->n_values = n;
	if (r == 0)
		*ret = l;
	return r;
}

static int
make_value(const json_t *j, unsigned depth, struct arena *a, StructValue **ret, struct error *err)
{
	StructValue *v = NEW_MESSAGE(a, google__protobuf__value);
	int r = 0;

	if (!v)
		return out_of_memory(err);
	if (depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "struct: nested more than %d levels deep",
			       DEPTH_MAX);
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		v->kind_case = STRUCT_(STRUCT_VALUE);
		r = make_struct(j, depth, a, &v->struct_value, err);
		break;
	case JSON_ARRAY:
		v->kind_case = STRUCT_(LIST_VALUE);
		r = make_list(j, depth, a, &v->list_value, err);
		break;
	case JSON_STRING:
		v->kind_case = STRUCT_(STRING_VALUE);
		r = copy_text(a, json_string_value(j), json_string_length(j), &v->string_value,
			      err);
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		v->kind_case = STRUCT_(NUMBER_VALUE);
		v->number_value = json_number_value(j);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		v->kind_case = STRUCT_(BOOL_VALUE);
		v->bool_value = json_is_true(j);
		break;
	case JSON_NULL:
		v->kind_case = STRUCT_(NULL_VALUE);
		break;
	}
	if (r == 0)
		*ret = v;
	return r;
}

int struct_from_json(const json_t *j, struct arena *arena, Struct **ret, struct error *err)
{
	if (!json_is_object(j))
		return err_set(err, ERR_MISMATCH, "struct: expected a JSON object");
	return make_struct(j, 0, arena, ret, err);
}
