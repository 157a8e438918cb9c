#include "literal_help.h"

#define INTEGER  "{\"simple\":\"INTEGER\"}"
#define FLOAT    "{\"simple\":\"FLOAT\"}"
#define STRING   "{\"simple\":\"STRING\"}"
#define BOOLEAN  "{\"simple\":\"BOOLEAN\"}"
#define DATETIME "{\"simple\":\"DATETIME\"}"
#define DURATION "{\"simple\":\"DURATION\"}"
#define NONE     "{\"simple\":\"NONE\"}"
#define STRUCT   "{\"simple\":\"STRUCT\"}"
#define LIST(t)  "{\"collectionType\":" t "}"
#define MAP(t)   "{\"mapValueType\":" t "}"
#define COLORS   "{\"enumType\":{\"values\":[\"red\",\"blue\"]}}"

#define PRIM(m)  "{\"scalar\":{\"primitive\":{" m "}}}"
#define INT(v)   PRIM("\"integer\":\"" #v "\"")
#define FLT(v)   PRIM("\"floatValue\":" #v)
#define TEXT(v)  PRIM("\"stringValue\":\"" v "\"")
#define ITEMS(x) "{\"collection\":{\"literals\":[" x "]}}"
#define VOID     "{\"scalar\":{\"noneType\":{}}}"

static int convert(const char *lit, const char *type, enum literal_direction d, Literal **ret)
{
	return literal_convert(literal_json(lit), type_json(type), d, &help_arena, ret, &help_err);
}

/* Converts to a literal equal to `want`. */
static void gives(const char *lit, const char *type, enum literal_direction d, const char *want)
{
	Literal *got;

	CHECK_OK(convert(lit, type, d, &got), help_err);
	CHECK_STR(hex_of(&got->base), hex_of(&literal_json(want)->base));
}

/* Stays the very same literal. */
static void keeps(const char *lit, const char *type, enum literal_direction d)
{
	Literal *from = literal_json(lit), *got;

	CHECK_OK(literal_convert(from, type_json(type), d, &help_arena, &got, &help_err), help_err);
	CHECK(got == from);
}

static void both_keep(const char *lit, const char *type)
{
	keeps(lit, type, LITERAL_READ);
	keeps(lit, type, LITERAL_WRITE);
}

static void refuses(const char *lit, const char *type, enum literal_direction d, const char *words)
{
	Literal *got;

	CHECK_ERR(convert(lit, type, d, &got), ERR_MISMATCH, help_err, words);
}

static void both_refuse(const char *lit, const char *type, const char *words)
{
	refuses(lit, type, LITERAL_READ, words);
	refuses(lit, type, LITERAL_WRITE, words);
}

/* A Binary literal with this msgpack. */
static Literal *packed(const char *hex)
{
	return literal_new_binary(&help_arena, unhex(hex), STR("msgpack"));
}

static void packed_gives(const char *hex, const char *type, const char *want)
{
	Literal *got;

	CHECK_OK(literal_convert(packed(hex), type_json(type), LITERAL_READ, &help_arena, &got,
				 &help_err),
		 help_err);
	CHECK_STR(hex_of(&got->base), hex_of(&literal_json(want)->base));
}

static void packed_refused(const char *hex, const char *type, const char *words)
{
	Literal *got;

	CHECK_ERR(literal_convert(packed(hex), type_json(type), LITERAL_READ, &help_arena, &got,
				  &help_err),
		  ERR_MISMATCH, help_err, words);
}

TEST(what_fits_is_kept)
{
	both_keep(INT(5), INTEGER);
	both_keep(FLT(2.5), FLOAT);
	both_keep(TEXT("x"), STRING);
	both_keep(PRIM("\"boolean\":false"), BOOLEAN);
	both_keep(PRIM("\"datetime\":\"2024-01-02T03:04:05Z\""), DATETIME);
	both_keep(PRIM("\"duration\":\"1.5s\""), DURATION);
	both_keep(VOID, NONE);
	both_keep("{\"scalar\":{\"binary\":{\"tag\":\"any\",\"value\":\"AA==\"}}}",
		  "{\"simple\":\"BINARY\"}");
	both_keep("{\"scalar\":{\"error\":{\"message\":\"m\"}}}", "{\"simple\":\"ERROR\"}");
	both_keep("{\"scalar\":{\"generic\":{\"a\":1}}}", STRUCT);
	both_keep(ITEMS(INT(1) "," INT(2)), LIST(INTEGER));
	both_keep("{\"map\":{\"literals\":{\"a\":" TEXT("x") "}}}", MAP(STRING));
	both_keep(ITEMS(""), LIST(INTEGER));
	both_keep(TEXT("red"), COLORS);
}

TEST(reading_takes_whole_floats_as_integers)
{
	gives(FLT(3.0), INTEGER, LITERAL_READ, INT(3));
	gives(FLT(-9223372036854775808.0), INTEGER, LITERAL_READ, INT(-9223372036854775808));
	refuses(FLT(3.5), INTEGER, LITERAL_READ,
		"expected integer, got float 3.5, which has a fraction");
	refuses(FLT(1e19), INTEGER, LITERAL_READ, "too big");
	refuses(FLT(9223372036854775808.0), INTEGER, LITERAL_READ, "too big");
	refuses(PRIM("\"floatValue\":\"NaN\""), INTEGER, LITERAL_READ,
		"expected integer, got float NaN");
	refuses(FLT(3.0), INTEGER, LITERAL_WRITE, "expected integer, got float 3");
}

TEST(reading_takes_integers_as_floats)
{
	gives(INT(3), FLOAT, LITERAL_READ, FLT(3.0));
	refuses(INT(3), FLOAT, LITERAL_WRITE, "expected float, got integer 3");
}

TEST(nothing_else_is_converted)
{
	both_refuse(TEXT("1"), INTEGER, "expected integer, got string \"1\"");
	both_refuse(PRIM("\"boolean\":true"), INTEGER, "expected integer, got boolean true");
	both_refuse(INT(1), BOOLEAN, "expected boolean, got integer 1");
	both_refuse(INT(1), STRING, "expected string");
	both_refuse(VOID, INTEGER, "expected integer, got none");
	both_refuse(INT(0), NONE, "expected none, got integer 0");
	both_refuse(TEXT("2024-01-02T03:04:05Z"), DATETIME, "expected datetime");
	both_refuse(INT(1), LIST(INTEGER), "expected list of integer, got integer 1");
	both_refuse(ITEMS(""), MAP(INTEGER), "expected map of integer, got list of 0");
	both_refuse("{}", INTEGER, "expected integer, got no value");
	both_refuse(INT(1), "{}", "declares no type");
	both_refuse("{\"scalar\":{\"binary\":{\"tag\":\"x\"}}}", STRUCT,
		    "expected struct, got binary (x)");
}

TEST(errors_name_the_path)
{
	both_refuse(ITEMS(INT(1) "," TEXT("x")), LIST(INTEGER),
		    "[1]: expected integer, got string \"x\"");
	both_refuse("{\"map\":{\"literals\":{\"a\":" ITEMS(INT(1) "," VOID) "}}}",
		    MAP(LIST(INTEGER)), "a[1]: expected integer, got none");
	both_refuse("{\"map\":{\"literals\":{\"a b\":" VOID "}}}", MAP(INTEGER),
		    "[\"a b\"]: expected integer, got none");
	both_refuse(ITEMS("{\"map\":{\"literals\":{\"weights\":" TEXT("x") "}}}"), LIST(MAP(FLOAT)),
		    "[0].weights: expected float, got string \"x\"");
}

TEST(conversion_keeps_hash_and_metadata)
{
	Literal *got;

	CHECK_OK(convert("{\"scalar\":{\"primitive\":{\"floatValue\":2}},\"hash\":\"H\","
			 "\"metadata\":{\"k\":\"v\"}}",
			 INTEGER, LITERAL_READ, &got),
		 help_err);
	CHECK_STR(got->hash, "H");
	CHECK_INT(got->n_metadata, 1);
	CHECK_OK(convert("{\"collection\":{\"literals\":[" INT(1) "]},\"hash\":\"L\"}", LIST(FLOAT),
			 LITERAL_READ, &got),
		 help_err);
	CHECK_STR(got->hash, "L");
}

TEST(only_what_changes_is_made_anew)
{
	Literal *from = literal_json(ITEMS(FLT(1.5) "," INT(2))), *got;

	CHECK_OK(literal_convert(from, type_json(LIST(FLOAT)), LITERAL_READ, &help_arena, &got,
				 &help_err),
		 help_err);
	CHECK(got != from && got->collection->literals[0] == from->collection->literals[0]);
	CHECK(from->collection->literals[1]->scalar->primitive->value_case ==
	      FLYTEIDL__CORE__PRIMITIVE__VALUE_INTEGER);
}

TEST(enum_membership)
{
	both_refuse(TEXT("green"), COLORS, "expected enum(red, blue), got string \"green\"");
	both_refuse(INT(1), COLORS, "expected enum(red, blue), got integer 1");
	packed_gives("a3726564", COLORS, TEXT("red"));
	packed_refused("a3726578", COLORS, "expected enum(red, blue), got string \"rex\"");
}

#define BLOB(fmt, dim)                                                                             \
	"{\"scalar\":{\"blob\":{\"uri\":\"u\",\"metadata\":{\"type\":{\"format\":\"" fmt           \
	"\",\"dimensionality\":\"" dim "\"}}}}}"

TEST(blobs)
{
	both_keep(BLOB("", "SINGLE"), "{\"blob\":{}}");
	both_keep(BLOB("csv", "SINGLE"), "{\"blob\":{\"format\":\"csv\"}}");
	keeps(BLOB("", "SINGLE"), "{\"blob\":{\"format\":\"csv\"}}", LITERAL_READ);
	gives(BLOB("", "SINGLE"), "{\"blob\":{\"format\":\"csv\"}}", LITERAL_WRITE,
	      BLOB("csv", "SINGLE"));
	both_refuse(BLOB("", "MULTIPART"), "{\"blob\":{}}", "expected file, got directory \"u\"");
	both_refuse(BLOB("", "SINGLE"), "{\"blob\":{\"dimensionality\":\"MULTIPART\"}}",
		    "expected directory, got file");
	both_refuse(TEXT("u"), "{\"blob\":{}}", "expected file, got string \"u\"");
	keeps("{\"scalar\":{\"blob\":{\"uri\":\"u\"}}}", "{\"blob\":{}}", LITERAL_READ);
}

TEST(a_written_file_repeats_the_declared_type)
{
	static const char csv[] = "{\"blob\":{\"format\":\"csv\"}}";

	gives(BLOB("csv", "SINGLE"), "{\"blob\":{}}", LITERAL_WRITE, BLOB("", "SINGLE"));
	gives(BLOB("txt", "SINGLE"), csv, LITERAL_WRITE, BLOB("csv", "SINGLE"));
	gives(BLOB("PythonPickle", "SINGLE"), csv, LITERAL_WRITE, BLOB("csv", "SINGLE"));
	gives(ITEMS(BLOB("txt", "SINGLE")), LIST("{\"blob\":{}}"), LITERAL_WRITE,
	      ITEMS(BLOB("", "SINGLE")));
	gives(BLOB("csv", "MULTIPART"), "{\"blob\":{\"dimensionality\":\"MULTIPART\"}}",
	      LITERAL_WRITE, BLOB("", "MULTIPART"));
	gives("{\"scalar\":{\"blob\":{\"uri\":\"u\"}}}", "{\"blob\":{}}", LITERAL_WRITE,
	      BLOB("", "SINGLE"));
}

TEST(a_file_of_another_format_is_read)
{
	keeps(BLOB("txt", "SINGLE"), "{\"blob\":{\"format\":\"csv\"}}", LITERAL_READ);
	keeps(BLOB("CSV", "SINGLE"), "{\"blob\":{\"format\":\"csv\"}}", LITERAL_READ);
	keeps(ITEMS(BLOB("txt", "SINGLE")), LIST("{\"blob\":{\"format\":\"csv\"}}"), LITERAL_READ);
	refuses(BLOB("txt", "MULTIPART"), "{\"blob\":{\"format\":\"csv\"}}", LITERAL_READ,
		"expected file (csv), got directory \"u\" (txt)");
}

#define DATASET(fmt, cols)                                                                         \
	"{\"scalar\":{\"structuredDataset\":{\"uri\":\"u\",\"metadata\":{"                         \
	"\"structuredDatasetType\":{\"format\":\"" fmt "\",\"columns\":[" cols "]}}}}}"
#define COLUMN(n, t) "{\"name\":\"" n "\",\"literalType\":" t "}"
#define DATASET_TYPE(fmt, cols)                                                                    \
	"{\"structuredDatasetType\":{\"format\":\"" fmt "\",\"columns\":[" cols "]}}"

TEST(structured_datasets)
{
	both_keep(DATASET("parquet", COLUMN("a", INTEGER)), DATASET_TYPE("", ""));
	both_keep(DATASET("Parquet", ""), DATASET_TYPE("parquet", ""));
	both_keep(DATASET("", COLUMN("a", INTEGER) "," COLUMN("b", STRING)),
		  DATASET_TYPE("", COLUMN("b", STRING)));
	both_refuse(TEXT("u"), DATASET_TYPE("", ""), "expected structured dataset");
}

TEST(a_dataset_stays_what_it_is)
{
	static const char bare[] = "{\"scalar\":{\"structuredDataset\":{\"uri\":\"u\"}}}";

	both_keep(DATASET("csv", ""), DATASET_TYPE("parquet", ""));
	both_keep(DATASET("", COLUMN("a", INTEGER)), DATASET_TYPE("", COLUMN("b", STRING)));
	both_keep(DATASET("", COLUMN("a", INTEGER)), DATASET_TYPE("", COLUMN("a", STRING)));
	both_keep(DATASET("", ""), DATASET_TYPE("csv", COLUMN("a", INTEGER)));
	keeps(bare, DATASET_TYPE("csv", COLUMN("a", INTEGER)), LITERAL_READ);
	gives(bare, DATASET_TYPE("csv", COLUMN("a", INTEGER)), LITERAL_WRITE, DATASET("", ""));
	packed_gives("82a3757269a175ab66696c655f666f726d6174a3637376",
		     DATASET_TYPE("parquet", COLUMN("a", INTEGER)), DATASET("csv", ""));
	packed_gives("81a3757269a175", DATASET_TYPE("parquet", COLUMN("a", INTEGER)),
		     DATASET("", ""));
}

#define COLUMNS(cols)     "{\"columns\":[" cols "]}"
#define SCHEMA(cols)      "{\"scalar\":{\"schema\":{\"uri\":\"u\",\"type\":" COLUMNS(cols) "}}}"
#define SCHEMA_TYPE(cols) "{\"schema\":" COLUMNS(cols) "}"
#define X_FLOAT           "{\"name\":\"x\",\"type\":\"FLOAT\"}"
#define Y_TEXT            "{\"name\":\"y\",\"type\":\"STRING\"}"

TEST(a_written_schema_repeats_the_declared_type)
{
	keeps(SCHEMA(X_FLOAT), SCHEMA_TYPE(Y_TEXT), LITERAL_READ);
	both_keep(SCHEMA(X_FLOAT), SCHEMA_TYPE(X_FLOAT));
	gives(SCHEMA(X_FLOAT), SCHEMA_TYPE(Y_TEXT), LITERAL_WRITE, SCHEMA(Y_TEXT));
	gives(SCHEMA(X_FLOAT), SCHEMA_TYPE(""), LITERAL_WRITE, SCHEMA(""));
	gives("{\"scalar\":{\"schema\":{\"uri\":\"u\"}}}", SCHEMA_TYPE(""), LITERAL_WRITE,
	      SCHEMA(""));
	gives("{\"scalar\":{\"schema\":{\"uri\":\"u\"}}}", SCHEMA_TYPE(Y_TEXT), LITERAL_WRITE,
	      SCHEMA(Y_TEXT));
}

TEST(schemas_and_datasets_stand_for_each_other_when_read)
{
	gives("{\"scalar\":{\"schema\":{\"uri\":\"u\"}}}", DATASET_TYPE("", ""), LITERAL_READ,
	      DATASET("parquet", ""));
	gives(SCHEMA(X_FLOAT "," Y_TEXT), DATASET_TYPE("", ""), LITERAL_READ,
	      DATASET("parquet", COLUMN("x", FLOAT) "," COLUMN("y", STRING)));
	gives(SCHEMA(X_FLOAT), DATASET_TYPE("parquet", COLUMN("a", INTEGER)), LITERAL_READ,
	      DATASET("parquet", COLUMN("a", INTEGER)));
	gives(DATASET("parquet", ""), "{\"schema\":{}}", LITERAL_READ, SCHEMA(""));
	refuses("{\"scalar\":{\"schema\":{\"uri\":\"u\"}}}", DATASET_TYPE("csv", ""), LITERAL_READ,
		"expected structured dataset (csv)");
	refuses(DATASET("", ""), "{\"schema\":{}}", LITERAL_WRITE, "expected schema");
}

TEST(msgpack_scalars_are_exact)
{
	packed_gives("05", INTEGER, INT(5));
	packed_gives("d3ffffffffffffffff", INTEGER, INT(-1));
	packed_gives("cb4004000000000000", FLOAT, FLT(2.5));
	packed_gives("ca40200000", FLOAT, FLT(2.5));
	packed_gives("a178", STRING, TEXT("x"));
	packed_gives("c3", BOOLEAN, PRIM("\"boolean\":true"));
	packed_gives("c0", NONE, VOID);
	packed_gives("cb4056a00000000000", DURATION, PRIM("\"duration\":\"90.5s\""));
	packed_gives("b9323032342d30312d30325430333a30343a30352b30303a3030", DATETIME,
		     PRIM("\"datetime\":\"2024-01-02T03:04:05Z\""));
	packed_gives("aa323032342d30312d3032", DATETIME,
		     PRIM("\"datetime\":\"2024-01-02T00:00:00Z\""));
	packed_refused("05", FLOAT, "expected float, got integer 5");
	packed_refused("cb4000000000000000", INTEGER, "expected integer, got float 2");
	packed_refused("c3", INTEGER, "expected integer, got boolean");
	packed_refused("cfffffffffffffffff", INTEGER, "above 9223372036854775807");
	packed_refused("a3612062", DATETIME, "expected datetime");
	packed_refused("a3610062", STRING, "U+0000");
}

static const char *packed_text(const char *s)
{
	static char hex[128];
	int n = snprintf(hex, sizeof(hex), "%02zx", 0xa0 + strlen(s));

	CHECK(strlen(s) < 32);
	for (; *s; s++)
		n += snprintf(hex + n, sizeof(hex) - (size_t)n, "%02x", (unsigned char)*s);
	return hex;
}

/* pydantic writes a timedelta as ISO 8601, with years of 365 days and months of 30. */
TEST(msgpack_durations_as_text)
{
	static const char *const good[][2] = {
		{"PT1M30.5S", "90.5s"},
		{"P1DT2H", "93600s"},
		{"-PT0.1S", "-0.1s"},
		{"+P1W", "604800s"},
		{"P1Y2M3W4DT5H6M7S", "38898367s"},
		{"PT0.000000001S", "0.000000001s"},
		{"PT1.1234567899S", "1.123456789s"},
		{"-PT0,5H", "-1800s"},
		{"PT0.000000001M", "0.000000060s"},
		{"PT0S", "0s"},
		{"P10006Y310D", "315576000000s"},
	};
	static const char *const bad[] = {
		"",
		"90s",
		"PT",
		"P",
		"P1S",
		"PT1D",
		"PT1.5M2S",
		"PT1.S",
		"PT.5S",
		"P1",
		"1D",
		"PT-1S",
		"PT1S ",
		" PT1S",
		"pt1s",
		"P1DT1HT1S",
		"P10006Y311D",
		"--PT1S",
		"P10007Y",
		"P99999999999Y",
		"P99999999999999999999D",
	};
	char want[128];

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		snprintf(want, sizeof(want), PRIM("\"duration\":\"%s\""), good[i][1]);
		packed_gives(packed_text(good[i][0]), DURATION, want);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		packed_refused(packed_text(bad[i]), DURATION, "expected duration, got string");
	packed_refused("cb42525e72e7804000", DURATION, "expected duration, got float");
}

TEST(msgpack_containers)
{
	packed_gives("920102", LIST(INTEGER), ITEMS(INT(1) "," INT(2)));
	packed_gives("9201cb4000000000000000", LIST(FLOAT), ITEMS(FLT(1.0) "," FLT(2.0)));
	packed_gives("91cb4000000000000000", LIST(INTEGER), ITEMS(INT(2)));
	packed_refused("91cb4004000000000000", LIST(INTEGER),
		       "[0]: expected integer, got float 2.5");
	packed_gives("81a16191a178", MAP(LIST(STRING)),
		     "{\"map\":{\"literals\":{\"a\":" ITEMS(TEXT("x")) "}}}");
	packed_refused("81a16101", MAP(STRING), "a: expected string, got integer 1");
	packed_gives(
		"9181a16101", LIST(STRUCT),
		ITEMS("{\"scalar\":{\"binary\":{\"value\":\"gaFhAQ==\",\"tag\":\"msgpack\"}}}"));
	packed_gives("9181a47061746ea175", LIST(MAP(STRING)),
		     ITEMS("{\"map\":{\"literals\":{\"patn\":" TEXT("u") "}}}"));
	packed_gives("9181a470617468a175", LIST("{\"blob\":{\"format\":\"csv\"}}"),
		     ITEMS(BLOB("csv", "SINGLE")));
	packed_gives("82a3757269a175ab66696c655f666f726d6174a3637376", DATASET_TYPE("", ""),
		     DATASET("csv", ""));
	packed_gives("81ab72656d6f74655f70617468a175", "{\"schema\":{}}",
		     "{\"scalar\":{\"schema\":{\"uri\":\"u\",\"type\":{}}}}");
}

TEST(msgpack_that_is_none)
{
	packed_refused("", INTEGER, "msgpack: empty");
	packed_refused("0505", INTEGER, "msgpack: 1 bytes behind the value");
	packed_refused("92", STRUCT, "msgpack: truncated");
	packed_refused("c1", STRUCT, "msgpack: malformed");
	packed_refused("d70000000000000000ff", STRUCT, "ext values are not supported");
}

TEST(writing_takes_no_msgpack_for_scalars)
{
	Literal *got;

	CHECK_ERR(literal_convert(packed("05"), type_json(INTEGER), LITERAL_WRITE, &help_arena,
				  &got, &help_err),
		  ERR_MISMATCH, help_err, "expected integer, got binary (msgpack)");
}

TEST(old_struct_forms)
{
	gives("{\"scalar\":{\"generic\":{\"a\":5,\"b\":6}}}", MAP(INTEGER), LITERAL_READ,
	      "{\"map\":{\"literals\":{\"a\":" INT(5) ",\"b\":" INT(6) "}}}");
	refuses("{\"scalar\":{\"generic\":{\"a\":5.5}}}", MAP(INTEGER), LITERAL_READ,
		"a: expected integer, got float 5.5");
	gives("{\"scalar\":{\"generic\":{\"a\":[1,2.5]}}}", MAP(LIST(FLOAT)), LITERAL_READ,
	      "{\"map\":{\"literals\":{\"a\":" ITEMS(FLT(1.0) "," FLT(2.5)) "}}}");
	gives("{\"scalar\":{\"generic\":{\"a\":{\"b\":1}}}}", MAP(STRUCT), LITERAL_READ,
	      "{\"map\":{\"literals\":{\"a\":{\"scalar\":{\"generic\":{\"b\":1}}}}}}");
	refuses("{\"scalar\":{\"generic\":{}}}", MAP(INTEGER), LITERAL_WRITE,
		"expected map of integer, got struct");
}

TEST(offloaded_values_are_left_alone)
{
	both_keep("{\"offloadedMetadata\":{\"uri\":\"u\",\"sizeBytes\":\"9\"}}", LIST(INTEGER));
}

TEST(a_hole_in_a_list_is_an_error)
{
	Literal *l = literal_new_collection(&help_arena, 2), *got;

	l->collection->literals[0] = literal_new_integer(&help_arena, 1);
	CHECK_ERR(literal_convert(l, type_json(LIST(INTEGER)), LITERAL_WRITE, &help_arena, &got,
				  &help_err),
		  ERR_MISMATCH, help_err, "[1]: expected integer, got no value");
	CHECK_ERR(literal_convert(literal_new_map(&help_arena, 1), type_json(MAP(INTEGER)),
				  LITERAL_WRITE, &help_arena, &got, &help_err),
		  ERR_MISMATCH, help_err, "has no key");
	CHECK_ERR(literal_convert(NULL, type_json(INTEGER), LITERAL_WRITE, &help_arena, &got,
				  &help_err),
		  ERR_MISMATCH, help_err, "expected integer, got no value");
}
