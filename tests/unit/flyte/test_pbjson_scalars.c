/* Numbers, booleans, enums, bytes, times. */
#include "pbjson_help.h"

TEST(int64_edges)
{
	PRIM("\"integer\":9223372036854775807", "\"integer\":\"9223372036854775807\"");
	PRIM("\"integer\":-9223372036854775808", "\"integer\":\"-9223372036854775808\"");
	PRIM("\"integer\":\"-9223372036854775808\"", "\"integer\":\"-9223372036854775808\"");
	PRIM("\"integer\":1e3", "\"integer\":\"1000\"");
	PRIM("\"integer\":1.0", "\"integer\":\"1\"");
	PRIM("\"integer\":-0", "\"integer\":\"0\"");
	PRIM("\"integer\":\"1e3\"", "\"integer\":\"1000\"");
	PRIM("\"integer\":9007199254740992.0", "\"integer\":\"9007199254740992\"");
	REFUSE(PRIMITIVE, "{\"integer\":9223372036854775808}", "write it as a string");
	REFUSE(PRIMITIVE, "{\"integer\":\"9223372036854775808\"}", "too large");
	REFUSE(PRIMITIVE, "{\"integer\":1.5}", "field integer: expected an integer, not 1.5");
	REFUSE(PRIMITIVE, "{\"integer\":9007199254740994.0}", "too large to be read exactly");
	REFUSE(PRIMITIVE, "{\"integer\":\"\"}", "expected an integer, not the string");
	REFUSE(PRIMITIVE, "{\"integer\":\" 1\"}", "expected an integer");
	REFUSE(PRIMITIVE, "{\"integer\":\"0x10\"}", "expected an integer");
	REFUSE(PRIMITIVE, "{\"integer\":\"NaN\"}", "expected an integer");
	REFUSE(PRIMITIVE, "{\"integer\":true}", "expected an integer, not a boolean");
	REFUSE(PRIMITIVE, "{\"integer\":[1]}", "expected an integer, not an array");
}

TEST(uint64_edges)
{
	const struct message_desc *m = MESSAGE_DESC(flyteidl__core__literal_offloaded_metadata);

	SAME(m, "{\"sizeBytes\":\"18446744073709551615\"}");
	TURN(m, "{\"sizeBytes\":1}", "{\"sizeBytes\":\"1\"}");
	REFUSE(m, "{\"sizeBytes\":18446744073709551615}", "write it as a string of digits");
	REFUSE(m, "{\"sizeBytes\":\"18446744073709551616\"}", "too large");
	REFUSE(m, "{\"sizeBytes\":-1}", "out of range; expected 0 to 18446744073709551615");
	REFUSE(m, "{\"sizeBytes\":\"-1\"}", "out of range");
}

TEST(int32_edges)
{
	const struct message_desc *m = MESSAGE_DESC(flyteidl__core__promise_attribute);

	SAME(m, "{\"intValue\":2147483647}");
	SAME(m, "{\"intValue\":-2147483648}");
	TURN(m, "{\"intValue\":\"7\"}", "{\"intValue\":7}");
	REFUSE(m, "{\"intValue\":2147483648}", "expected -2147483648 to 2147483647");
	SAME(MESSAGE_DESC(flyteidl__core__retry_strategy), "{\"retries\":4294967295}");
	REFUSE(MESSAGE_DESC(flyteidl__core__retry_strategy), "{\"retries\":4294967296}",
	       "expected 0 to 4294967295");
}

TEST(doubles_read_back_equal)
{
	static const double values[] = {0.1,     1e308,  DBL_MAX, DBL_MIN,      5e-324,   4.9e-320,
					1.0 / 3, 1e22,   1e23,    123456789012, -2.5,     1e15,
					1e-7,    3.0e10, M_PI,    0x1p53,       0x1p-1074};

	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		for (int sign = -1; sign <= 1; sign += 2) {
			_cleanup_(buf_done) struct buf wire = BUF_INIT;
			_cleanup_(buf_done) struct buf text = BUF_INIT;
			_cleanup_(buf_done) struct buf again = BUF_INIT;
			double v = sign * values[i];
			uint64_t bits;
			struct error err = ERROR_INIT;

			memcpy(&bits, &v, sizeof(v));
			wire_put_tag(&wire, 2, WIRE_I64);
			wire_put_fixed(&wire, bits, 8);
			CHECK_OK(pbjson_print(PRIMITIVE, whole(&wire), 0, &text, &err), err);
			CHECK_OK(pbjson_parse(PRIMITIVE, whole(&text), "t", &again, &err), err);
			CHECK(str_eq(whole(&wire), whole(&again)));
		}
	PRIM("\"floatValue\":0.1", "\"floatValue\":0.1");
	PRIM("\"floatValue\":-0.0", "\"floatValue\":-0.0");
	PRIM("\"floatValue\":-0", "\"floatValue\":-0.0");
	PRIM("\"floatValue\":3", "\"floatValue\":3.0");
	PRIM("\"floatValue\":\"3.5\"", "\"floatValue\":3.5");
}

TEST(large_integers_for_doubles)
{
	PRIM("\"floatValue\":100000000000000000000", "\"floatValue\":1e+20");
	PRIM("\"floatValue\":-9223372036854775809", "\"floatValue\":-9.223372036854776e+18");
	TURN(VALUE,
	     "[100000000000000000000,\"100000000000000000000\",{\"1\\\"2\":123456789012345678901}]",
	     "[1e+20,\"100000000000000000000\",{\"1\\\"2\":1.2345678901234568e+20}]");
}

TEST(not_numbers)
{
	PRIM("\"floatValue\":\"NaN\"", "\"floatValue\":\"NaN\"");
	PRIM("\"floatValue\":\"Infinity\"", "\"floatValue\":\"Infinity\"");
	PRIM("\"floatValue\":\"-Infinity\"", "\"floatValue\":\"-Infinity\"");
	REFUSE(PRIMITIVE, "{\"floatValue\":\"nan\"}", "expected a number, \"NaN\"");
	REFUSE(PRIMITIVE, "{\"floatValue\":\"\"}", "expected a number");
	REFUSE(PRIMITIVE, "{\"floatValue\":\"1,5\"}", "expected a number");
	REFUSE(PRIMITIVE, "{\"floatValue\":true}", "not a boolean");
	REFUSE(PRIMITIVE, "{\"floatValue\":1e400}", "in.json");
}

TEST(floats_are_short)
{
	const struct message_desc *m = MESSAGE_DESC(flyteidl__core__array_node);

	SAME(m, "{\"minSuccessRatio\":0.1}");
	SAME(m, "{\"minSuccessRatio\":0.33333334}");
	SAME(m, "{\"minSuccessRatio\":16777216.0}");
	TURN(m, "{\"minSuccessRatio\":3.4028235e38}", "{\"minSuccessRatio\":3.4028235e+38}");
	TURN(m, "{\"minSuccessRatio\":1e-45}", "{\"minSuccessRatio\":1e-45}");
	SAME(m, "{\"minSuccessRatio\":\"-Infinity\"}");
	REFUSE(m, "{\"minSuccessRatio\":3.5e38}", "does not fit a float");
}

TEST(booleans)
{
	PRIM("\"boolean\":true", "\"boolean\":true");
	REFUSE(PRIMITIVE, "{\"boolean\":1}", "expected true or false, not a number");
	REFUSE(PRIMITIVE, "{\"boolean\":\"true\"}", "expected true or false, not the string");
}

TEST(enums)
{
	SAME(LITERAL_TYPE, "{\"simple\":\"INTEGER\"}");
	TURN(LITERAL_TYPE, "{\"simple\":1}", "{\"simple\":\"INTEGER\"}");
	TURN(LITERAL_TYPE, "{\"simple\":\"1\"}", "{\"simple\":\"INTEGER\"}");
	SAME(LITERAL_TYPE, "{\"simple\":99}");
	SAME(LITERAL_TYPE, "{\"simple\":-1}");
	REFUSE(LITERAL_TYPE, "{\"simple\":\"INTEGR\"}",
	       "flyteidl.core.SimpleType has no value \"INTEGR\"; did you mean \"INTEGER\"?");
	REFUSE(LITERAL_TYPE, "{\"simple\":4294967296}", "out of range");
	TURN(MESSAGE_DESC(flyteidl__admin__notification), "{\"phases\":[\"FAILED\",4,77]}",
	     "{\"phases\":[\"FAILED\",\"SUCCEEDED\",77]}");
}

TEST(bytes_are_base64)
{
	const struct message_desc *m = MESSAGE_DESC(flyteidl__core__binary);

	SAME(m, "{\"value\":\"AAEC/w==\"}");
	TURN(m, "{\"value\":\"AAEC_w\"}", "{\"value\":\"AAEC/w==\"}");
	TURN(m, "{\"value\":\"\"}", "{}");
	REFUSE(m, "{\"value\":\"A\"}", "field value: expected base64 text");
	REFUSE(m, "{\"value\":\"AA EC\"}", "expected base64 text");
	REFUSE(m, "{\"value\":7}", "expected base64 text, not a number");
}

TEST(times_to_the_nanosecond)
{
	PRIM("\"datetime\":\"2024-02-29T23:59:59.123456789Z\"",
	     "\"datetime\":\"2024-02-29T23:59:59.123456789Z\"");
	PRIM("\"datetime\":\"2024-02-29T23:59:59.1Z\"",
	     "\"datetime\":\"2024-02-29T23:59:59.100Z\"");
	PRIM("\"datetime\":\"1969-12-31T23:59:59.999999999Z\"",
	     "\"datetime\":\"1969-12-31T23:59:59.999999999Z\"");
	PRIM("\"datetime\":\"2024-01-01T01:00:00+02:00\"", "\"datetime\":\"2023-12-31T23:00:00Z\"");
	PRIM("\"datetime\":\"0001-01-01T00:00:00Z\"", "\"datetime\":\"0001-01-01T00:00:00Z\"");
	PRIM("\"datetime\":\"9999-12-31T23:59:59.999999999Z\"",
	     "\"datetime\":\"9999-12-31T23:59:59.999999999Z\"");
	REFUSE(PRIMITIVE, "{\"datetime\":\"2023-02-29T00:00:00Z\"}",
	       "field datetime: expected a time");
	REFUSE(PRIMITIVE, "{\"datetime\":\"10000-01-01T00:00:00Z\"}", "expected a time");
	REFUSE(PRIMITIVE, "{\"datetime\":\"0000-01-01T00:00:00Z\"}", "expected a time");
	REFUSE(PRIMITIVE, "{\"datetime\":\"0001-01-01T00:00:00+01:00\"}", "expected a time");
	REFUSE(PRIMITIVE, "{\"datetime\":\"2024-01-01T00:00:00\"}", "expected a time");
	REFUSE(PRIMITIVE, "{\"datetime\":5}", "expected a time");
}

TEST(durations_to_the_nanosecond)
{
	PRIM("\"duration\":\"1.000000001s\"", "\"duration\":\"1.000000001s\"");
	PRIM("\"duration\":\"-0.000001s\"", "\"duration\":\"-0.000001s\"");
	PRIM("\"duration\":\"-3.5s\"", "\"duration\":\"-3.500s\"");
	PRIM("\"duration\":\"315576000000s\"", "\"duration\":\"315576000000s\"");
	REFUSE(PRIMITIVE, "{\"duration\":\"315576000001s\"}",
	       "field duration: expected a duration");
	REFUSE(PRIMITIVE, "{\"duration\":\"1\"}", "expected a duration");
	REFUSE(PRIMITIVE, "{\"duration\":\"1m\"}", "expected a duration");
	REFUSE(PRIMITIVE, "{\"duration\":\"1.0000000001s\"}", "expected a duration");
}

TEST(invalid_times_are_told)
{
	_cleanup_(buf_done) struct buf late = BUF_INIT;
	size_t mark = wire_begin(&late, 5);

	wire_put_tag(&late, 1, WIRE_VARINT);
	wire_put_varint(&late, 253402300800);
	wire_end(&late, mark);
	refuse_wire(PRIMITIVE, whole(&late),
		    "field datetime: 253402300800 s and 0 ns is not a valid time");
	/* nanos of a time are not negative; a duration has one sign */
	refuse_wire(PRIMITIVE, BYTES("\x2a\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		    "0 s and -1 ns is not a valid time");
	refuse_wire(PRIMITIVE,
		    BYTES("\x32\x0d\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		    "field duration: 1 s and -1 ns is not a valid duration");
}

/* protobuf has no JSON for them inside a Value. */
TEST(values_that_are_no_number)
{
	static const char nan[] = "\x11\x00\x00\x00\x00\x00\x00\xf8\x7f";
	static const char list[] = "\x0a\x09\x11\x00\x00\x00\x00\x00\x00\xf0\x7f"
				   "\x0a\x09\x11\x00\x00\x00\x00\x00\x00\xf0\xff"
				   "\x0a\x09\x11\x00\x00\x00\x00\x00\x00\xf8\x3f";
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	refuse_wire(VALUE, BYTES(nan), "NaN or infinite");
	CHECK_OK(pbjson_print_any_number(VALUE, BYTES(nan), &out, &err), err);
	CHECK_STR(out.data, "\"NaN\"");
	buf_clear(&out);
	CHECK_OK(pbjson_print_any_number(MESSAGE_DESC(google__protobuf__list_value), BYTES(list),
					 &out, &err),
		 err);
	CHECK_STR(out.data, "[\"Infinity\",\"-Infinity\",1.5]");
	buf_clear(&out);
	CHECK_ERR(pbjson_print_any_number(VALUE, BYTES("\x11"), &out, &err), ERR_INVALID, err, "");
}
