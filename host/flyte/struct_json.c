#include "flyte/msgpack.h"

#include "flyte/literal_parts.h"
#include "flyte/value.h"

/* Recursion is as deep as the value, which its parser has bounded. Each level takes two or three
 * messages, so less can be encoded. */
static int make_value(struct value v, struct arena *a, StructValue **ret, struct error *err);

static int out_of_memory(struct error *err)
{
	return err_nomem(err, "struct");
}

static int copy_text(struct arena *a, struct str s, char **ret, struct error *err)
{
	if (s.len > 0 && memchr(s.ptr, '\0', s.len))
		return err_set(err, ERR_INVALID, "struct: text with U+0000 is not supported");
	*ret = arena_strndup(a, s.len ? s.ptr : "", s.len);
	return *ret ? 0 : out_of_memory(err);
}

static int make_struct(struct value v, struct arena *a, Struct **ret, struct error *err)
{
	Google__Protobuf__Struct__FieldsEntry *entries;
	Struct *s = NEW_MESSAGE(a, google__protobuf__struct);
	size_t n = 0;
	int r = 0;

	value_len(v, &n);
	entries = arena_array(a, n, sizeof(*entries));
	if (s)
		s->fields = arena_array(a, n, sizeof(Google__Protobuf__Struct__FieldsEntry *));
	if (!s || !entries || !s->fields)
		return out_of_memory(err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct str key = STR_NULL;
		struct value member = value_entry(v, i, &key);

		google__protobuf__struct__fields_entry__init(&entries[i]);
		s->fields[i] = &entries[i];
		r = copy_text(a, key, &entries[i].key, err);
		if (r == 0)
			r = make_value(member, a, &entries[i].value, err);
	}
	s->n_fields = n;
	if (r == 0)
		*ret = s;
	return r;
}

static int
make_list(struct value v, struct arena *a, Google__Protobuf__ListValue **ret, struct error *err)
{
	Google__Protobuf__ListValue *l = NEW_MESSAGE(a, google__protobuf__list_value);
	size_t n = 0;
	int r = 0;

	value_len(v, &n);
	if (l)
		l->values = arena_array(a, n, sizeof(StructValue *));
	if (!l || !l->values)
		return out_of_memory(err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = make_value(value_item(v, i), a, &l->values[i], err);
	l->n_values = n;
	if (r == 0)
		*ret = l;
	return r;
}

static int make_scalar(struct value v, struct arena *a, StructValue *to, struct error *err)
{
	struct str text;
	bool b;

	if (value_str(v, &text)) {
		to->kind_case = STRUCT_(STRING_VALUE);
		return copy_text(a, text, &to->string_value, err);
	}
	if (value_bool(v, &b)) {
		to->kind_case = STRUCT_(BOOL_VALUE);
		to->bool_value = b;
		return 0;
	}
	if (value_kind(v) == VALUE_NONE) {
		to->kind_case = STRUCT_(NULL_VALUE);
		return 0;
	}
	if (!value_f64(v, &to->number_value))
		return err_set(err, ERR_MISMATCH, "struct: bytes have no place in it");
	to->kind_case = STRUCT_(NUMBER_VALUE);
	return 0;
}

static int make_value(struct value v, struct arena *a, StructValue **ret, struct error *err)
{
	StructValue *to = NEW_MESSAGE(a, google__protobuf__value);

	if (!to)
		return out_of_memory(err);
	*ret = to;
	switch (value_kind(v)) {
	case VALUE_MAP:
		to->kind_case = STRUCT_(STRUCT_VALUE);
		return make_struct(v, a, &to->struct_value, err);
	case VALUE_COLLECTION:
		to->kind_case = STRUCT_(LIST_VALUE);
		return make_list(v, a, &to->list_value, err);
	default:
		return make_scalar(v, a, to, err);
	}
}

int struct_from_msgpack(struct str bytes, struct arena *arena, Struct **ret, struct error *err)
{
	struct value v = value_of_msgpack(bytes, arena, err);

	if (v.source == VALUE_OF_NOTHING)
		return err->code;
	if (value_kind(v) != VALUE_MAP)
		return err_set(err, ERR_MISMATCH, "struct: expected an object");
	return make_struct(v, arena, ret, err);
}

int struct_from_json(const json_t *j,
		     const LiteralType *type,
		     struct arena *arena,
		     Struct **ret,
		     struct error *err)
{
	_cleanup_(buf_done) struct buf packed = BUF_INIT;
	int r = msgpack_from_json(j, type, &packed, err);

	return r < 0 ? r
		     : struct_from_msgpack((struct str){packed.data, packed.len}, arena, ret, err);
}
