#include "flyte/msgpack_write.h"

#include "flyte/literal_parts.h"
#include "flyte/msgpack_value.h"

static int append(void *data, const char *bytes, size_t len)
{
	struct buf *out = data;

	buf_append(out, bytes, len);
	return out->failed ? -1 : 0;
}

void msgpack_packer_for(msgpack_packer *p, struct buf *out)
{
	msgpack_packer_init(p, out, append);
}

static void too_long(msgpack_packer *p)
{
	struct buf *out = p->data;

	if (!out->failed)
		out->failed = ERR_LIMIT;
}

void msgpack_put_text(msgpack_packer *p, struct str s)
{
	if (s.len > UINT32_MAX)
		too_long(p);
	else
		msgpack_pack_str_with_body(p, s.ptr ? s.ptr : "", s.len);
}

/* ---- trees ----------------------------------------------------------------------------------- */

/* Recursion is bounded: the parser has refused deeper documents. */
static void put_tree(msgpack_packer *p, const struct msgpack_value *v)
{
	switch (v->kind) {
	case MSGPACK_NIL:
		msgpack_pack_nil(p);
		break;
	case MSGPACK_BOOLEAN:
		if (v->boolean)
			msgpack_pack_true(p);
		else
			msgpack_pack_false(p);
		break;
	case MSGPACK_INTEGER:
		msgpack_pack_int64(p, v->integer);
		break;
	case MSGPACK_UNSIGNED:
		msgpack_pack_uint64(p, v->unsigned_integer);
		break;
	case MSGPACK_FLOAT:
		msgpack_pack_double(p, v->number);
		break;
	case MSGPACK_TEXT:
		msgpack_pack_str_with_body(p, v->text, v->n);
		break;
	case MSGPACK_BYTES:
		msgpack_pack_bin_with_body(p, v->text, v->n);
		break;
	case MSGPACK_ARRAY:
		msgpack_pack_array(p, v->n);
		for (uint32_t i = 0; i < v->n; i++)
			put_tree(p, &v->items[i]);
		break;
	case MSGPACK_MAP:
		msgpack_pack_map(p, v->n);
		for (uint32_t i = 0; i < v->n; i++) {
			put_tree(p, &v->entries[i].original_key);
			put_tree(p, &v->entries[i].value);
		}
		break;
	}
}

/* ---- Struct ---------------------------------------------------------------------------------- */

static void put_struct_value(msgpack_packer *p, const StructValue *v);

static void put_object(msgpack_packer *p, const Struct *s)
{
	msgpack_pack_map(p, s->n_fields);
	for (size_t i = 0; i < s->n_fields; i++) {
		msgpack_put_text(p, str_of(s->fields[i]->key));
		put_struct_value(p, s->fields[i]->value);
	}
}

static void put_list(msgpack_packer *p, const Google__Protobuf__ListValue *l)
{
	msgpack_pack_array(p, l->n_values);
	for (size_t i = 0; i < l->n_values; i++)
		put_struct_value(p, l->values[i]);
}

static void put_struct_value(msgpack_packer *p, const StructValue *v)
{
	switch (v->kind_case) {
	case STRUCT_(NUMBER_VALUE):
		msgpack_pack_double(p, v->number_value);
		break;
	case STRUCT_(STRING_VALUE):
		msgpack_put_text(p, str_of(v->string_value));
		break;
	case STRUCT_(BOOL_VALUE):
		if (v->bool_value)
			msgpack_pack_true(p);
		else
			msgpack_pack_false(p);
		break;
	case STRUCT_(STRUCT_VALUE):
		put_object(p, v->struct_value);
		break;
	case STRUCT_(LIST_VALUE):
		put_list(p, v->list_value);
		break;
	default:
		msgpack_pack_nil(p);
	}
}

int msgpack_pack_value(struct value v, struct buf *out, struct error *err)
{
	msgpack_packer p;

	msgpack_packer_for(&p, out);
	if (v.source == VALUE_OF_MSGPACK)
		put_tree(&p, v.msgpack);
	else if (v.source == VALUE_OF_STRUCT)
		put_struct_value(&p, v.structure);
	else
		return err_set(err, ERR_INVALID, "msgpack: only values of documents are packed");
	return buf_check(out, "msgpack", err);
}
