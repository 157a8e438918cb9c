#include "literal_help.h"

#define INTEGER     "{\"simple\":\"INTEGER\"}"
#define FLOAT       "{\"simple\":\"FLOAT\"}"
#define STRING      "{\"simple\":\"STRING\"}"
#define LIST(t)     "{\"collectionType\":" t "}"
#define MAP(t)      "{\"mapValueType\":" t "}"
#define COLORS      "{\"enumType\":{\"values\":[\"red\",\"green\"]}}"
#define V(t, g)     "{\"simple\":\"" t "\",\"structure\":{\"tag\":\"" g "\"}}"
#define UNION(a, b) "{\"unionType\":{\"variants\":[" a "," b "]}}"

/* The input is taken, and printed as `want`. */
static void takes(const char *json, const char *type, const char *want)
{
	LiteralType *t = type_json(type);
	Literal *lit;

	CHECK_OK(human_json(json, t, "input 'x'", &lit), help_err);
	CHECK_STR(human_text(lit, t), want);
}

static void refuses(const char *json, const char *type, const char *words)
{
	Literal *lit;

	CHECK_ERR(human_json(json, type_json(type), "input 'x'", &lit), ERR_MISMATCH, help_err,
		  words);
}

TEST(integers)
{
	takes("5", INTEGER, "5");
	takes("9223372036854775807", INTEGER, "9223372036854775807");
	takes("-9223372036854775808", INTEGER, "-9223372036854775808");
	takes("1.0", INTEGER, "1");
	takes("1e3", INTEGER, "1000");
	refuses("1.5", INTEGER, "input 'x': expected integer, got float 1.5, which has a fraction");
	refuses("1e300", INTEGER, "too big to be exact");
	refuses("9007199254740994.0", INTEGER, "too big to be exact");
	refuses("\"5\"", INTEGER, "input 'x': expected integer, got string \"5\"");
	refuses("true", INTEGER, "expected integer, got boolean true");
	refuses("null", INTEGER, "expected integer, got null");
}

TEST(floats)
{
	takes("2.5", FLOAT, "2.5");
	takes("3", FLOAT, "3.0");
	takes("\"NaN\"", FLOAT, "\"NaN\"");
	takes("\"-Infinity\"", FLOAT, "\"-Infinity\"");
	takes("1e300", FLOAT, "1e+300");
	refuses("\"2.5\"", FLOAT, "expected float, got string \"2.5\"");
}

TEST(strings_and_booleans)
{
	takes("\"a\\nb\"", STRING, "\"a\\nb\"");
	takes("true", "{\"simple\":\"BOOLEAN\"}", "true");
	refuses("1", "{\"simple\":\"BOOLEAN\"}", "expected boolean, got integer 1");
	refuses("\"true\"", "{\"simple\":\"BOOLEAN\"}", "expected boolean, got string \"true\"");
	refuses("1", STRING, "expected string, got integer 1");
	takes("null", "{\"simple\":\"NONE\"}", "null");
	refuses("0", "{\"simple\":\"NONE\"}", "expected none, got integer 0");
}

TEST(datetimes)
{
	takes("\"2024-01-02T03:04:05Z\"", "{\"simple\":\"DATETIME\"}", "\"2024-01-02T03:04:05Z\"");
	takes("\"2024-01-02T03:04:05.5+02:00\"", "{\"simple\":\"DATETIME\"}",
	      "\"2024-01-02T01:04:05.500Z\"");
	takes("\"2024-01-02T03:04:05.123456789Z\"", "{\"simple\":\"DATETIME\"}",
	      "\"2024-01-02T03:04:05.123456789Z\"");
	refuses("\"tomorrow\"", "{\"simple\":\"DATETIME\"}",
		"expected datetime like \"2024-01-02T03:04:05Z\", got string \"tomorrow\"");
	refuses("5", "{\"simple\":\"DATETIME\"}", "expected datetime");
}

TEST(durations)
{
	takes("\"90.5s\"", "{\"simple\":\"DURATION\"}", "\"90.5s\"");
	takes("\"1m30s\"", "{\"simple\":\"DURATION\"}", "\"90s\"");
	takes("\"-1.5s\"", "{\"simple\":\"DURATION\"}", "\"-1.5s\"");
	takes("\"0s\"", "{\"simple\":\"DURATION\"}", "\"0s\"");
	takes("\"100s\"", "{\"simple\":\"DURATION\"}", "\"100s\"");
	takes("\"5ns\"", "{\"simple\":\"DURATION\"}", "\"0.000000005s\"");
	refuses("\"90\"", "{\"simple\":\"DURATION\"}", "expected duration like \"90.5s\"");
	refuses("90", "{\"simple\":\"DURATION\"}", "expected duration like \"90.5s\"");
}

TEST(enums)
{
	takes("\"red\"", COLORS, "\"red\"");
	refuses("\"gren\"", COLORS,
		"expected enum(red, green), got \"gren\"; did you mean \"green\"?");
	refuses("\"x\"", COLORS, "expected enum(red, green), got string \"x\"");
	refuses("1", COLORS, "expected enum(red, green), got integer 1");
}

TEST(lists_and_maps)
{
	takes("[1,2,3]", LIST(INTEGER), "[1,2,3]");
	takes("[]", LIST(INTEGER), "[]");
	takes("{\"b\":1,\"a\":2}", MAP(FLOAT), "{\"a\":2.0,\"b\":1.0}");
	takes("{\"a\":[[1.5]]}", MAP(LIST(LIST(FLOAT))), "{\"a\":[[1.5]]}");
	refuses("[1,2,\"x\"]", LIST(INTEGER), "input 'x'[2]: expected integer, got string \"x\"");
	refuses("{\"a\":{\"b c\":[true]}}", MAP(MAP(LIST(INTEGER))),
		"input 'x'.a[\"b c\"][0]: expected integer, got boolean true");
	refuses("1", LIST(INTEGER), "expected list of integer, got integer 1");
	refuses("[]", MAP(INTEGER), "expected map of integer, got list of 0");
}

TEST(files)
{
	takes("\"/data/a.csv\"", "{\"blob\":{\"format\":\"csv\"}}",
	      "{\"uri\":\"/data/a.csv\",\"format\":\"csv\"}");
	takes("{\"uri\":\"s3://b/f\"}", "{\"blob\":{}}", "{\"uri\":\"s3://b/f\"}");
	takes("{\"uri\":\"u\",\"format\":\"txt\"}", "{\"blob\":{}}",
	      "{\"uri\":\"u\",\"format\":\"txt\"}");
	refuses("{\"uri\":\"u\",\"format\":\"txt\"}", "{\"blob\":{\"format\":\"csv\"}}",
		"expected format \"csv\", got \"txt\"");
	refuses("{\"uri\":\"u\",\"formt\":\"txt\"}", "{\"blob\":{}}",
		"unknown key \"formt\"; did you mean \"format\"?");
	refuses("{\"format\":\"txt\"}", "{\"blob\":{}}", "the key \"uri\" is missing");
	refuses("{\"uri\":5}", "{\"blob\":{}}", "input 'x'.uri: expected text, got integer 5");
	refuses("5", "{\"blob\":{}}", "expected the path of a file");
	refuses("\"\"", "{\"blob\":{}}", "expected the path of a file, got none");
}

static int kind_of(void *ctx, const char *path, struct error *err)
{
	(void)ctx;
	if (strstr(path, "missing"))
		return err_set(err, ERR_NOT_FOUND, "no file %s", path);
	return strstr(path, "dir") != NULL;
}

static void path_gives(const char *json, const char *type, int code, const char *words)
{
	struct human_paths paths = {.kind = kind_of};
	json_t *j;
	Literal *lit;
	int r;

	CHECK_OK(json_parse(str_of(json), "test", &j, &help_err), help_err);
	help_err.message[0] = '\0';
	r = human_to_literal(j, type_json(type), "input 'x'", &paths, &help_arena, &lit, &help_err);
	json_decref(j);
	CHECK_ERR(r, code, help_err, words);
}

TEST(paths_are_looked_at)
{
	static const char directory[] = "{\"blob\":{\"dimensionality\":\"MULTIPART\"}}";

	path_gives("\"a\"", "{\"blob\":{}}", 0, "");
	path_gives("\"dir\"", directory, 0, "");
	path_gives("\"file:///dir\"", directory, 0, "");
	path_gives("\"dir\"", "{\"blob\":{}}", ERR_MISMATCH,
		   "input 'x': expected a file, but \"dir\" is a directory");
	path_gives("\"a\"", directory, ERR_MISMATCH, "expected a directory, but \"a\" is a file");
	path_gives("\"missing\"", "{\"blob\":{}}", ERR_MISMATCH, "input 'x': no file missing");
	path_gives("\"s3://b/missing\"", "{\"blob\":{}}", 0, "");
}

TEST(tables)
{
	takes("{\"uri\":\"u\",\"format\":\"csv\"}", "{\"structuredDatasetType\":{}}",
	      "{\"uri\":\"u\",\"format\":\"csv\"}");
	takes("{\"uri\":\"u\"}", "{\"structuredDatasetType\":{\"format\":\"parquet\"}}",
	      "{\"uri\":\"u\",\"format\":\"parquet\"}");
	refuses("{\"uri\":\"u\",\"format\":\"csv\"}",
		"{\"structuredDatasetType\":{\"format\":\"parquet\"}}",
		"expected format \"parquet\", got \"csv\"");
	takes("{\"uri\":\"u\",\"format\":\"parquet\"}", "{\"schema\":{}}", "{\"uri\":\"u\"}");
	refuses("{\"uri\":\"u\",\"format\":\"csv\"}", "{\"schema\":{}}",
		"always in format parquet");
	refuses("\"u\"", "{\"schema\":{}}", "expected schema like {\"uri\":…}");
}

TEST(binaries_and_errors)
{
	takes("{\"tag\":\"t\",\"base64\":\"AAEC\"}", "{\"simple\":\"BINARY\"}",
	      "{\"tag\":\"t\",\"base64\":\"AAEC\"}");
	takes("{\"tag\":\"msgpack\",\"base64\":\"BQ==\"}", "{\"simple\":\"BINARY\"}",
	      "{\"tag\":\"msgpack\",\"base64\":\"BQ==\"}");
	refuses("{\"tag\":\"t\",\"base64\":\"*\"}", "{\"simple\":\"BINARY\"}", "is not base64");
	refuses("{\"tag\":\"t\"}", "{\"simple\":\"BINARY\"}", "the key \"base64\" is missing");
	takes("{\"message\":\"m\"}", "{\"simple\":\"ERROR\"}", "{\"message\":\"m\"}");
	takes("{\"message\":\"m\",\"failed_node_id\":\"n\"}", "{\"simple\":\"ERROR\"}",
	      "{\"message\":\"m\",\"failed_node_id\":\"n\"}");
	refuses("{\"mesage\":\"m\"}", "{\"simple\":\"ERROR\"}", "did you mean \"message\"?");
}

TEST(structs)
{
	static const char typed[] = "{\"simple\":\"STRUCT\",\"structure\":{\"dataclassType\":{"
				    "\"f\":{\"simple\":\"FLOAT\"}"
				    ",\"i\":{\"simple\":\"INTEGER\"}}}}";

	takes("{\"a\":[1,2.5,null,true,\"x\"]}", "{\"simple\":\"STRUCT\"}",
	      "{\"a\":[1,2.5,null,true,\"x\"]}");
	takes("{\"f\":1,\"i\":2.0}", typed, "{\"f\":1.0,\"i\":2}");
	refuses("{\"f\":\"x\",\"i\":2}", typed, "input 'x'.f: expected float, got string \"x\"");
	refuses("{\"f\":1}", typed, "input 'x': the field \"i\" is missing");
	refuses("5", "{\"simple\":\"STRUCT\"}", "expected struct, got integer 5");
	refuses("[1]", "{\"simple\":\"STRUCT\"}", "expected struct, got list of 1");
	refuses("{\"f\":true,\"i\":2}", typed, "input 'x'.f: expected float, got boolean");
}

TEST(structs_that_are_lists)
{
	static const char list[] =
		"{\"simple\":\"STRUCT\",\"metadata\":{\"type\":\"array\",\"items\":{\"type\":"
		"\"integer\"}},\"structure\":{\"dataclassType\":{\"root\":{\"collectionType\":{"
		"\"simple\":\"INTEGER\"}}}}}";

	takes("[1,2.0]", list, "[1,2]");
	refuses("[1,\"x\"]", list, "input 'x'[1]: expected integer, got string \"x\"");
	refuses("{\"root\":[1]}", list, "expected list, got map of 1");
}

TEST(durations_inside_structs)
{
	static const char seconds[] =
		"{\"simple\":\"STRUCT\",\"metadata\":{\"properties\":{\"d\":{\"type\":\"number\"}}}"
		","
		"\"structure\":{\"dataclassType\":{\"d\":{\"simple\":\"DURATION\"}}}}";
	static const char text[] =
		"{\"simple\":\"STRUCT\",\"metadata\":{\"properties\":{\"d\":{\"type\":\"string\"}}}"
		","
		"\"structure\":{\"dataclassType\":{\"d\":{\"simple\":\"DURATION\"}}}}";

	takes("{\"d\":\"90.5s\"}", seconds, "{\"d\":90.5}");
	takes("{\"d\":\"PT1M30.5S\"}", seconds, "{\"d\":90.5}");
	takes("{\"d\":\"PT1M30.5S\"}", text, "{\"d\":\"PT1M30.5S\"}");
	refuses("{\"d\":\"soon\"}", text, "d: expected duration");
}

TEST(old_structs_print_their_integers)
{
	LiteralType *t =
		type_json("{\"simple\":\"STRUCT\",\"structure\":{\"dataclassType\":{\"f\":{"
			  "\"simple\":\"FLOAT\"},\"i\":{\"simple\":\"INTEGER\"}}}}");
	Literal *lit = literal_json("{\"scalar\":{\"generic\":{\"f\":1,\"i\":2}}}");

	CHECK_STR(human_text(lit, t), "{\"f\":1.0,\"i\":2}");
	CHECK_STR(human_text(lit, NULL), "{\"f\":1.0,\"i\":2.0}");
}

TEST(unions)
{
	takes("3", UNION(V("INTEGER", "int"), V("STRING", "str")), "3");
	takes("\"3\"", UNION(V("INTEGER", "int"), V("STRING", "str")), "\"3\"");
	takes("null", UNION(V("INTEGER", "int"), V("NONE", "none")), "null");
	takes("2.5", UNION(V("INTEGER", "int"), V("FLOAT", "float")), "2.5");
	takes("2.0", UNION(V("INTEGER", "int"), V("FLOAT", "float")), "2.0");
	takes("2.0", UNION(V("INTEGER", "int"), V("NONE", "none")), "2");
	takes("[1,null]", LIST(UNION(V("INTEGER", "int"), V("NONE", "none"))), "[1,null]");
	refuses("3", UNION(V("INTEGER", "int"), V("FLOAT", "float")),
		"input 'x': integer 3 is ambiguous, as the variants \"int\", \"float\" all take "
		"it; "
		"choose one with {\"type\":\"int\",\"value\":…}");
	refuses("true", UNION(V("INTEGER", "int"), V("NONE", "none")),
		"input 'x': expected integer or none, got boolean true");
	refuses("[1,\"x\"]", UNION(LIST(INTEGER), V("NONE", "none")),
		"input 'x'[1]: expected integer, got string \"x\"");
}

static const char *tag_of(const char *json, const char *type)
{
	Literal *lit;

	CHECK_OK(human_json(json, type_json(type), "input 'x'", &lit), help_err);
	return lit->scalar->union_->type->structure->tag;
}

TEST(a_variant_can_be_chosen)
{
	static const char number[] = UNION(V("INTEGER", "int"), V("FLOAT", "float"));

	CHECK_STR(tag_of("{\"type\":\"int\",\"value\":3}", number), "int");
	CHECK_STR(tag_of("{\"type\":\"float\",\"value\":3}", number), "float");
	CHECK_STR(tag_of("{\"type\":\"integer\",\"value\":3}", number), "int");
	refuses("{\"type\":\"str\",\"value\":3}", number,
		"the union has no variant called \"str\"; its variants are \"int\", \"float\"");
	refuses("{\"type\":\"int\",\"value\":\"x\"}", number, "expected integer, got string \"x\"");
	CHECK_STR(tag_of("{\"type\":\"a\",\"value\":\"b\"}", UNION(MAP(STRING), V("NONE", "none"))),
		  "Typed Dict");
}

static void text_takes(const char *text, const char *type, const char *want)
{
	LiteralType *t = type_json(type);
	Literal *lit;

	CHECK_OK(human_text_to_literal(str_of(text), t, "input 'x'", NULL, &help_arena, &lit,
				       &help_err),
		 help_err);
	CHECK_STR(human_text(lit, t), want);
}

static void text_refused(const char *text, const char *type, int code, const char *words)
{
	Literal *lit;

	CHECK_ERR(human_text_to_literal(str_of(text), type_json(type), "input 'x'", NULL,
					&help_arena, &lit, &help_err),
		  code, help_err, words);
}

TEST(text_of_a_command_line)
{
	text_takes("5", INTEGER, "5");
	text_takes("-5", INTEGER, "-5");
	text_takes("1.0", INTEGER, "1");
	text_takes("5", STRING, "\"5\"");
	text_takes("\"quoted\"", STRING, "\"\\\"quoted\\\"\"");
	text_takes("", STRING, "\"\"");
	text_takes("3", FLOAT, "3.0");
	text_takes("NaN", FLOAT, "\"NaN\"");
	text_takes("true", "{\"simple\":\"BOOLEAN\"}", "true");
	text_takes("red", COLORS, "\"red\"");
	text_takes("2024-01-02T03:04:05Z", "{\"simple\":\"DATETIME\"}", "\"2024-01-02T03:04:05Z\"");
	text_takes("1m30s", "{\"simple\":\"DURATION\"}", "\"90s\"");
	text_takes("null", "{\"simple\":\"NONE\"}", "null");
	text_takes("[1, 2]", LIST(INTEGER), "[1,2]");
	text_takes("{\"a\":1}", "{\"simple\":\"STRUCT\"}", "{\"a\":1}");
	text_takes("/a/b", "{\"blob\":{}}", "{\"uri\":\"/a/b\"}");
	text_takes("{\"uri\":\"u\"}", "{\"blob\":{}}", "{\"uri\":\"u\"}");
}

TEST(text_for_unions)
{
	static const char optional[] = UNION(V("STRING", "str"), V("NONE", "none"));

	text_takes("hello", optional, "\"hello\"");
	text_takes("null", optional, "null");
	text_takes("\"null\"", optional, "\"null\"");
	text_takes("3", optional, "\"3\"");
	text_takes("3", UNION(V("INTEGER", "int"), V("STRING", "str")), "3");
	text_takes("x", UNION(V("INTEGER", "int"), V("STRING", "str")), "\"x\"");
	text_refused("3",
		     "{\"unionType\":{\"variants\":[" V("INTEGER", "int") "," V(
			     "FLOAT", "float") "," V("STRING", "str") "]}}",
		     ERR_MISMATCH, "integer 3 is ambiguous");
	text_refused("x", UNION(V("INTEGER", "int"), V("NONE", "none")), ERR_MISMATCH,
		     "input 'x': expected integer or none, got string \"x\"");
	text_refused("2.5", UNION(V("INTEGER", "int"), V("NONE", "none")), ERR_MISMATCH,
		     "expected integer or none, got float 2.5");
}

TEST(text_that_does_not_fit)
{
	text_refused("abc", INTEGER, ERR_MISMATCH,
		     "input 'x': expected integer, got string \"abc\"");
	text_refused("99999999999999999999", INTEGER, ERR_MISMATCH, "integer outside");
	text_refused("1.5", INTEGER, ERR_MISMATCH, "has a fraction");
	text_refused("yes", "{\"simple\":\"BOOLEAN\"}", ERR_MISMATCH, "expected boolean");
	text_refused("[1,", LIST(INTEGER), ERR_INVALID, "input 'x': line 1");
	text_refused("", INTEGER, ERR_MISMATCH, "expected integer, got string \"\"");
	text_refused("\xff", STRING, ERR_MISMATCH, "not valid UTF-8");
	text_refused("x", "{}", ERR_MISMATCH, "declares no type");
}

TEST(printing_without_a_value)
{
	CHECK_STR(human_text(NULL, NULL), "null");
	CHECK_STR(human_text(literal_json(
				     "{\"offloadedMetadata\":{\"uri\":\"u\",\"sizeBytes\":\"9\"}}"),
			     NULL),
		  "{\"offloaded\":{\"uri\":\"u\",\"size_bytes\":9}}");
}

TEST(printing_bytes_that_are_no_msgpack)
{
	CHECK_STR(human_text(literal_json("{\"scalar\":{\"binary\":{\"tag\":\"msgpack\",\"value\":"
					  "\"wQ==\"}}}"),
			     NULL),
		  "{\"tag\":\"msgpack\",\"base64\":\"wQ==\"}");
}

TEST(printing_what_json_cannot_say)
{
	struct buf out = BUF_INIT;
	struct jw w = JW_INIT(&out, 0);

	CHECK_ERR(human_print(literal_new_datetime(&help_arena, INT64_MAX, 0), NULL, &w, &help_err),
		  ERR_INVALID, help_err, "outside the years 1 to 9999");
	CHECK_ERR(human_print(literal_new_duration(&help_arena, INT64_MAX, 0), NULL, &w, &help_err),
		  ERR_INVALID, help_err, "a duration is outside");
	buf_done(&out);
}

TEST(printing_deep_values)
{
	struct buf out = BUF_INIT;
	struct jw w = JW_INIT(&out, 0);
	Literal *lit = literal_new_integer(&help_arena, 1);

	for (int i = 0; i < 100000; i++) {
		Literal *outer = literal_new_collection(&help_arena, 1);

		outer->collection->literals[0] = lit;
		lit = outer;
	}
	CHECK_ERR(human_print(lit, NULL, &w, &help_err), ERR_LIMIT, help_err, "nested more than");
	CHECK(literal_type_of(lit, &help_arena) != NULL);
	buf_done(&out);
}

TEST(ten_thousand_entries)
{
	LiteralType *list = type_json(LIST(INTEGER)), *map = type_json(MAP(FLOAT));
	struct buf text = BUF_INIT;
	Literal *lit;

	buf_putc(&text, '[');
	for (int i = 0; i < 10000; i++)
		buf_printf(&text, "%s%d", i ? "," : "", i - 5000);
	buf_putc(&text, ']');
	CHECK_OK(human_json(text.data, list, "input 'x'", &lit), help_err);
	CHECK_INT(lit->collection->n_literals, 10000);
	CHECK_STR(human_text(lit, list), text.data);

	buf_clear(&text);
	buf_putc(&text, '{');
	for (int i = 0; i < 10000; i++)
		buf_printf(&text, "%s\"k%05d\":%d.5", i ? "," : "", i, i);
	buf_putc(&text, '}');
	CHECK_OK(human_json(text.data, map, "input 'x'", &lit), help_err);
	CHECK_STR(human_text(lit, map), text.data);
	buf_done(&text);
}

TEST(all_of_unicode)
{
	LiteralType *t = type_json(STRING);
	struct buf text = BUF_INIT;
	Literal *lit;

	for (uint32_t c = 1; c < 0x110000; c += c < 0x800 ? 1 : 0x3f) {
		char utf8[8] = {0};

		if (c >= 0xd800 && c < 0xe000)
			continue;
		if (c < 0x80)
			utf8[0] = (char)c;
		else if (c < 0x800)
			snprintf(utf8, sizeof(utf8), "%c%c", 0xc0 | (int)(c >> 6),
				 0x80 | (int)(c & 0x3f));
		else if (c < 0x10000)
			snprintf(utf8, sizeof(utf8), "%c%c%c", 0xe0 | (int)(c >> 12),
				 0x80 | (int)(c >> 6 & 0x3f), 0x80 | (int)(c & 0x3f));
		else
			snprintf(utf8, sizeof(utf8), "%c%c%c%c", 0xf0 | (int)(c >> 18),
				 0x80 | (int)(c >> 12 & 0x3f), 0x80 | (int)(c >> 6 & 0x3f),
				 0x80 | (int)(c & 0x3f));
		buf_puts(&text, utf8);
	}
	lit = literal_new_string(&help_arena, (struct str){text.data, text.len});
	CHECK_OK(human_json(human_text(lit, t), t, "input 'x'", &lit), help_err);
	CHECK_STR(lit->scalar->primitive->string_value, text.data);
	buf_done(&text);
}

TEST(struct_fields_that_are_not_declared)
{
	refuses("{\"count\":1,\"cuont\":2}",
		"{\"simple\":\"STRUCT\",\"metadata\":{\"properties\":{\"count\":{\"type\":"
		"\"integer\"}}"
		",\"additionalProperties\":false}}",
		"input 'x'.cuont: no such field in the declared type; did you mean \"count\"?");
}
