#include "pbjson_help.h"

TEST(names_in_both_forms)
{
	PRIM("\"stringValue\":\"x\"", "\"stringValue\":\"x\"");
	PRIM("\"string_value\":\"x\"", "\"stringValue\":\"x\"");
	REFUSE(MESSAGE_DESC(flyteidl__core__container), "{\"data_config\":{},\"dataConfig\":{}}",
	       "in.json: flyteidl.core.Container: \"dataConfig\" is given twice");
}

TEST(unknown_names_are_told)
{
	REFUSE(PRIMITIVE, "{\"strngValue\":\"x\"}",
	       "flyteidl.core.Primitive has no field \"strngValue\"; did you mean "
	       "\"stringValue\"?");
	REFUSE(LITERAL_MAP, "{\"literals\":{\"a\":{\"scalar\":{\"nothing_like_it\":1}}}}",
	       "flyteidl.core.LiteralMap, field literals[\"a\"].scalar: flyteidl.core.Scalar has "
	       "no field \"nothing_like_it\"");
}

TEST(oneof_members_exclude_each_other)
{
	REFUSE(PRIMITIVE, "{\"integer\":1,\"boolean\":true}",
	       "\"integer\" and \"boolean\" exclude each other (oneof value)");
	PRIM("\"integer\":1,\"boolean\":null", "\"integer\":\"1\"");
}

TEST(oneof_zero_values_are_kept)
{
	PRIM("\"integer\":0", "\"integer\":\"0\"");
	PRIM("\"floatValue\":0", "\"floatValue\":0.0");
	PRIM("\"stringValue\":\"\"", "\"stringValue\":\"\"");
	PRIM("\"boolean\":false", "\"boolean\":false");
	PRIM("\"duration\":\"0s\"", "\"duration\":\"0s\"");
	SAME(LITERAL_TYPE, "{\"simple\":\"NONE\"}");
	SAME(LITERAL, "{\"collection\":{}}");
}

TEST(other_zero_values_are_left_out)
{
	TURN(MESSAGE_DESC(flyteidl__core__identifier),
	     "{\"resourceType\":\"UNSPECIFIED\",\"name\":\"\",\"project\":\"p\"}",
	     "{\"project\":\"p\"}");
	TURN(MESSAGE_DESC(flyteidl__core__enum_type), "{\"values\":[]}", "{}");
	TURN(LITERAL_MAP, "{\"literals\":{}}", "{}");
}

TEST(null_is_absent)
{
	TURN(LITERAL, "{\"scalar\":null,\"hash\":null,\"metadata\":null}", "{}");
	REFUSE(MESSAGE_DESC(flyteidl__core__enum_type), "{\"values\":[\"a\",null]}",
	       "field values[1]: null is not an element");
	REFUSE(LITERAL_MAP, "{\"literals\":{\"a\":null}}",
	       "field literals[\"a\"]: null is not a value of a map");
	REFUSE(LITERAL_MAP, "null", "null is not a flyteidl.core.LiteralMap");
}

TEST(bad_wire_is_refused)
{
	refuse_wire(LITERAL, BYTES("\x22\x01\xff"), "field hash: not UTF-8");
	refuse_wire(LITERAL, BYTES("\x22\x01"), "field hash: the bytes end inside a field");
}

TEST(structs)
{
	SAME(STRUCT, "{}");
	SAME(STRUCT, "{\"a\":null,\"b\":[1.0,\"x\",true,{}],\"c\":{\"d\":[]}}");
	TURN(STRUCT, "{\"b\":1,\"a\":2}", "{\"a\":2.0,\"b\":1.0}");
	REFUSE(STRUCT, "[]", "expected an object, not an array");
	SAME(VALUE, "null");
	SAME(VALUE, "\"NaN\"");
	TURN(MESSAGE_DESC(flyteidl__core__task_template), "{\"custom\":{\"x\":null}}",
	     "{\"custom\":{\"x\":null}}");
	refuse_wire(VALUE, BYTES("\x11\0\0\0\0\0\0\xf0\x7f"),
		    "field number_value: a Value that is NaN or infinite has no JSON");
}

TEST(unset_value_is_null)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(pbjson_print(VALUE, STR_NULL, 0, &out, &err), err);
	CHECK_STR(out.data, "null");
}

TEST(wrappers)
{
	const struct message_desc *m = MESSAGE_DESC(flyteidl__core__task_metadata);

	SAME(m, "{\"generatesDeck\":true}");
	SAME(m, "{\"generatesDeck\":false}");
	TURN(m, "{\"generatesDeck\":null}", "{}");
	REFUSE(m, "{\"generatesDeck\":{\"value\":true}}",
	       "field generates_deck.value: expected true or false, not an object");
	SAME(MESSAGE_DESC(google__protobuf__int64_value), "\"-7\"");
	SAME(MESSAGE_DESC(google__protobuf__bytes_value), "\"AQ==\"");
}

TEST(any)
{
	const struct message_desc *m = MESSAGE_DESC(flyteidl__admin__launch_plan_metadata);

	SAME(m, "{\"launchConditions\":{}}");
	SAME(m, "{\"launchConditions\":{\"@type\":\"type.googleapis.com/flyteidl.core.Primitive\","
		"\"integer\":\"7\"}}");
	SAME(m, "{\"launchConditions\":{\"@type\":\"type.googleapis.com/google.protobuf.Duration\","
		"\"value\":\"1s\"}}");
	SAME(m, "{\"launchConditions\":{\"@type\":\"x/google.protobuf.Any\",\"value\":{\"@type\":"
		"\"y/flyteidl.core.Void\"}}}");
	refuse(m, "{\"launchConditions\":{\"@type\":\"x/no.Such\"}}", ERR_UNSUPPORTED,
	       "field launch_conditions: \"x/no.Such\" is not a known type", __LINE__);
	REFUSE(m, "{\"launchConditions\":{\"integer\":7}}", "an Any needs the string \"@type\"");
	REFUSE(m, "{\"launchConditions\":{\"@type\":\"/google.protobuf.Duration\",\"valu\":1}}",
	       "needs \"@type\" and \"value\"");
	REFUSE(m, "{\"launchConditions\":{\"@type\":\"/flyteidl.core.Primitive\",\"integr\":7}}",
	       "has no field \"integr\"");
}

TEST(any_content_is_checked)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	wire_put_bytes(&wire, 1, STR("x/flyteidl.core.Literal"));
	wire_put_bytes(&wire, 2, BYTES("\x22\x01\xff"));
	refuse_wire(MESSAGE_DESC(google__protobuf__any), whole(&wire), "field hash: not UTF-8");
	buf_clear(&wire);
	wire_put_bytes(&wire, 1, STR("x/no.Such"));
	CHECK_ERR(pbjson_print(MESSAGE_DESC(google__protobuf__any), whole(&wire), 0, &out, &err),
		  ERR_UNSUPPORTED, err, "\"x/no.Such\", which is not known");
}

TEST(maps_are_sorted_and_last_wins)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(pbjson_print(MESSAGE_DESC(flyteidl__admin__labels),
			      BYTES("\x0a\x06\x0a\x01z\x12\x01"
				    "1\x0a\x06\x0a\x01"
				    "a\x12\x01"
				    "2\x0a\x06\x0a\x01z\x12\x01"
				    "3\x0a\x00"),
			      0, &out, &err),
		 err);
	CHECK_STR(out.data, "{\"values\":{\"\":\"\",\"a\":\"2\",\"z\":\"3\"}}");
	REFUSE(MESSAGE_DESC(flyteidl__admin__labels), "{\"values\":{\"a\":\"1\",\"a\":\"2\"}}",
	       "line 1");
}

TEST(split_messages_are_merged)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(pbjson_print(LITERAL, BYTES("\x0a\x05\x1a\x03\x0a\x01v\x0a\x05\x1a\x03\x12\x01t"),
			      0, &out, &err),
		 err);
	CHECK_STR(out.data, "{\"scalar\":{\"binary\":{\"value\":\"dg==\",\"tag\":\"t\"}}}");
}

TEST(interleaved_and_packed)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(pbjson_print(MESSAGE_DESC(grpc__reflection__v1__extension_number_response),
			      BYTES("\x10\x01\x0a\x01t\x12\x02\x02\x03\x10\x04\x12\x00"), 0, &out,
			      &err),
		 err);
	CHECK_STR(out.data, "{\"baseTypeName\":\"t\",\"extensionNumber\":[1,2,3,4]}");
	SAME(MESSAGE_DESC(grpc__reflection__v1__extension_number_response),
	     "{\"extensionNumber\":[1,-2,300]}");
}

TEST(strings_refuse_zero)
{
	REFUSE(PRIMITIVE, "{\"stringValue\":\"a\\u0000b\"}", "\\u0000");
	REFUSE(PRIMITIVE, "{\"stringValue\":\"\\ud800\"}", "line 1");
	REFUSE(PRIMITIVE, "{\"stringValue\":\"\xff\"}", "line 1");
}

TEST(all_of_unicode)
{
	PRIM("\"stringValue\":\"\\ud83d\\ude00\"", "\"stringValue\":\"\xf0\x9f\x98\x80\"");
	for (uint32_t c = 1; c < 0x110000; c += c < 0x3000 ? 1 : 61) {
		_cleanup_(buf_done) struct buf wire = BUF_INIT;
		_cleanup_(buf_done) struct buf text = BUF_INIT;
		_cleanup_(buf_done) struct buf again = BUF_INIT;
		struct error err = ERROR_INIT;
		char utf8[4];
		size_t n = 0;

		if (c >= 0xd800 && c < 0xe000)
			continue;
		if (c < 0x80) {
			utf8[n++] = (char)c;
		} else if (c < 0x800) {
			utf8[n++] = (char)(0xc0 | c >> 6);
			utf8[n++] = (char)(0x80 | (c & 63));
		} else if (c < 0x10000) {
			utf8[n++] = (char)(0xe0 | c >> 12);
			utf8[n++] = (char)(0x80 | (c >> 6 & 63));
			utf8[n++] = (char)(0x80 | (c & 63));
		} else {
			utf8[n++] = (char)(0xf0 | c >> 18);
			utf8[n++] = (char)(0x80 | (c >> 12 & 63));
			utf8[n++] = (char)(0x80 | (c >> 6 & 63));
			utf8[n++] = (char)(0x80 | (c & 63));
		}
		wire_put_bytes(&wire, 3, (struct str){utf8, n});
		CHECK_OK(pbjson_print(PRIMITIVE, whole(&wire), 0, &text, &err), err);
		CHECK_OK(pbjson_parse(PRIMITIVE, whole(&text), "t", &again, &err), err);
		CHECK(str_eq(whole(&wire), whole(&again)));
	}
}

/* Lists in lists: each is a Value, a ListValue and the next Value. */
static int nested_lists(int n, struct buf *wire, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	for (int i = 0; i < n; i++)
		buf_putc(&text, '[');
	for (int i = 0; i < n; i++)
		buf_putc(&text, ']');
	return pbjson_parse(MESSAGE_DESC(google__protobuf__list_value), whole(&text), "t", wire,
			    err);
}

TEST(depth_both_ways)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	_cleanup_(buf_done) struct buf deeper = BUF_INIT;
	struct error err = ERROR_INIT;

	/* 51 lists are 100 levels below the outermost: what is read can be written. */
	CHECK_OK(nested_lists(51, &wire, &err), err);
	CHECK_OK(pbjson_print(MESSAGE_DESC(google__protobuf__list_value), whole(&wire), 0, &text,
			      &err),
		 err);
	CHECK_INT(text.len, 102);
	CHECK_ERR(nested_lists(52, &wire, &err), ERR_LIMIT, err, "nested more than 100 deep");
	CHECK_ERR(nested_lists(2000, &wire, &err), ERR_LIMIT, err, "nested");
	CHECK_ERR(nested_lists(100000, &wire, &err), ERR_LIMIT, err, "nested");
	wire_put_bytes(&deeper, 1, STR_NULL);
	buf_clear(&deeper);
	size_t mark = wire_begin(&deeper, 1), inner = wire_begin(&deeper, 6);

	buf_append(&deeper, wire.data, wire.len);
	wire_end(&deeper, inner);
	wire_end(&deeper, mark);
	CHECK_ERR(pbjson_print(MESSAGE_DESC(google__protobuf__list_value), whole(&deeper), 0, &text,
			       &err),
		  ERR_LIMIT, err, "nested more than 100 deep");
}

TEST(large_containers)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	_cleanup_(buf_done) struct buf again = BUF_INIT;
	struct error err = ERROR_INIT;

	buf_puts(&text, "{\"literals\":{\"list\":{\"collection\":{\"literals\":[");
	for (int i = 0; i < 10000; i++)
		buf_printf(&text, "%s{\"scalar\":{\"primitive\":{\"integer\":\"%d\"}}}",
			   i ? "," : "", i);
	buf_puts(&text, "]}},\"map\":{\"map\":{\"literals\":{");
	for (int i = 0; i < 10000; i++)
		buf_printf(&text, "%s\"k%05d\":{\"scalar\":{\"noneType\":{}}}", i ? "," : "", i);
	buf_puts(&text, "}}}}}");
	CHECK_OK(pbjson_parse(LITERAL_MAP, whole(&text), "t", &wire, &err), err);
	CHECK_OK(pbjson_print(LITERAL_MAP, whole(&wire), 0, &again, &err), err);
	CHECK(str_eq(whole(&text), whole(&again)));
}

TEST(indentation)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(pbjson_print(LITERAL, BYTES("\x0a\x02\x2a\x00\x22\x01h"), 2, &out, &err), err);
	CHECK_STR(out.data, "{\n  \"scalar\": {\n    \"noneType\": {}\n  },\n  \"hash\": \"h\"\n}");
}

/* Text of others is cut between characters, so that the error stays UTF-8. */
TEST(errors_stay_utf8)
{
	struct error err = ERROR_INIT;

	for (size_t before = 0; before < 4; before++) {
		_cleanup_(buf_done) struct buf text = BUF_INIT;
		_cleanup_(buf_done) struct buf wire = BUF_INIT;

		buf_puts(&text, "{\"");
		for (size_t i = 0; i < before; i++)
			buf_putc(&text, 'x');
		for (int i = 0; i < 100; i++)
			buf_puts(&text, "\xf0\x9f\x98\x80");
		buf_puts(&text, "\":1}");
		CHECK_INT(pbjson_parse(PRIMITIVE, whole(&text), "t", &wire, &err), ERR_INVALID);
		CHECK(strstr(err.message, "has no field"));
		CHECK(utf8_valid(err.message, strlen(err.message), NULL));
	}
}

TEST(wrong_shapes)
{
	REFUSE(LITERAL_MAP, "[]", "expected an object, not an array");
	REFUSE(LITERAL_MAP, "7", "expected an object, not a number");
	REFUSE(LITERAL_MAP, "{\"literals\":[]}",
	       "field literals: expected an object, not an array");
	REFUSE(MESSAGE_DESC(flyteidl__core__enum_type), "{\"values\":\"a\"}",
	       "field values: expected an array, not the string \"a\"");
	REFUSE(PRIMITIVE, "{\"stringValue\":5}", "expected a string, not a number");
	REFUSE(PRIMITIVE, "{\"integer\":1", "line 1");
	REFUSE(PRIMITIVE, "{} {}", "line 1");
	REFUSE(PRIMITIVE, "", "empty");
}

TEST(every_message_prints_empty)
{
	for (size_t i = 0; i < message_table_len; i++) {
		_cleanup_(buf_done) struct buf text = BUF_INIT;
		_cleanup_(buf_done) struct buf wire = BUF_INIT;
		_cleanup_(buf_done) struct buf again = BUF_INIT;
		struct error err = ERROR_INIT;

		CHECK_OK(pbjson_print(message_table[i], STR_NULL, 0, &text, &err), err);
		CHECK_OK(pbjson_parse(message_table[i], whole(&text), "t", &wire, &err), err);
		CHECK_OK(pbjson_print(message_table[i], whole(&wire), 0, &again, &err), err);
		CHECK_STR(whole(&again).ptr, whole(&text).ptr);
	}
}
