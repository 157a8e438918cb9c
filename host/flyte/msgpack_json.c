#include "flyte/msgpack.h"

#include "flyte/literal_parts.h"
#include "flyte/value_json.h"

int msgpack_to_json(struct str bytes, struct buf *out, struct error *err)
{
	struct arena arena;
	struct value v;
	struct error e = ERROR_INIT;
	struct jw w = JW_INIT(out, 0);

	arena_init(&arena, 0);
	v = value_of_msgpack(bytes, &arena, &e);
	if (v.source != VALUE_OF_NOTHING)
		value_print_json(v, NULL, &w);
	arena_done(&arena);
	if (v.source == VALUE_OF_NOTHING)
		return err_set(err, e.code, "%s", e.message);
	return buf_check(out, "JSON of msgpack", err);
}

int struct_to_json(const Struct *s, struct buf *out, struct error *err)
{
	StructValue v = GOOGLE__PROTOBUF__VALUE__INIT;
	struct jw w = JW_INIT(out, 0);

	v.kind_case = STRUCT_(STRUCT_VALUE);
	v.struct_value = (Struct *)s;
	value_print_json((struct value){.source = VALUE_OF_STRUCT, .structure = &v}, NULL, &w);
	return buf_check(out, "JSON of a struct", err);
}
