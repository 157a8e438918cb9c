/* Inputs that a task hands to its outputs as they are. */
#include "harness.h"

#include "base/file.h"

static struct fixture f;
static struct arena texts;

#define T_RECORD                                                                                   \
	"{\"simple\":\"STRUCT\",\"metadata\":{\"type\":\"object\",\"additionalProperties\":false," \
	"\"properties\":{\"n\":{\"type\":\"integer\"}}},"                                          \
	"\"structure\":{\"dataclassType\":{\"n\":" T_INTEGER "}}}"
#define T_LIST(of)      "{\"collectionType\":" of "}"
#define LIST(items)     "{\"collection\":{\"literals\":[" items "]}}"
#define GENERIC(fields) "{\"scalar\":{\"generic\":{" fields "}}}"
/* {"n": 1} */
#define PACKED "{\"scalar\":{\"binary\":{\"value\":\"gaFuAQ==\",\"tag\":\"msgpack\"}}}"

static th_status passes_on(th_exec *exec, const th_model *model, th_errout *error)
{
	(void)model;
	(void)error;
	return LIT->set_literal(slot(exec, "o0"), LIT->input(exec, th_s("i")));
}

/* Each item by itself into a list that is made anew. */
static th_status passes_items_on(th_exec *exec, const th_model *model, th_errout *error)
{
	const th_lit *in = LIT->input(exec, th_s("i"));
	th_val *out = slot(exec, "o0"), *item = NULL;
	uint64_t n = 0;

	(void)model;
	(void)error;
	CHECK_INT(LIT->len(in, &n), TH_OK);
	CHECK_INT(LIT->set_collection(out), TH_OK);
	for (uint64_t i = 0; i < n; i++) {
		CHECK_INT(LIT->append(out, &item), TH_OK);
		CHECK_INT(LIT->set_literal(item, LIT->item(in, i)), TH_OK);
	}
	return TH_OK;
}

static const char *run(const char *type, const char *input, bool old, body_fn body)
{
	const char *text;

	text = arena_printf(&texts, INTERFACE(VAR("i", "%s"), VAR("o0", "%s")), type, type);
	fixture_init(&f, text);
	f.ctx.old_struct_form = old;
	text = arena_printf(&texts, "{\"i\":%s}", input);
	fixture_inputs(&f, text);
	fixture_run(&f, body);
	return fixture_outputs(&f);
}

static void gives(const char *type, const char *input, bool old, body_fn body, const char *want)
{
	CHECK_STR(run(type, input, old, body), want);
	fixture_done(&f);
}

TEST(a_document_is_written_in_the_form_wanted_now)
{
	gives(T_RECORD, GENERIC("\"n\":1"), false, passes_on, "{\"o0\":" PACKED "}");
	gives(T_RECORD, PACKED, true, passes_on, "{\"o0\":" GENERIC("\"n\":1.0") "}");
	gives(T_RECORD, PACKED, false, passes_on, "{\"o0\":" PACKED "}");
	gives(T_LIST(T_RECORD), LIST(GENERIC("\"n\":1")), false, passes_on,
	      "{\"o0\":" LIST(PACKED) "}");
	gives(T_LIST(T_RECORD), LIST(GENERIC("\"n\":1")), false, passes_items_on,
	      "{\"o0\":" LIST(PACKED) "}");
}

TEST(fields_that_are_not_declared_are_left_out)
{
	gives(T_RECORD, GENERIC("\"n\":1,\"more\":2"), false, passes_on, "{\"o0\":" PACKED "}");
}

/* ---- files ----------------------------------------------------------------------------------- */

#define T_FILE "{\"blob\":{\"format\":\"txt\"}}"
#define T_DIR  "{\"blob\":{\"dimensionality\":\"MULTIPART\"}}"
#define T_SET  "{\"structuredDatasetType\":{}}"
#define T_MAYBE                                                                                    \
	"{\"unionType\":{\"variants\":[{\"blob\":{},\"structure\":{\"tag\":\"FlyteFilePath\"}},"   \
	"{\"simple\":\"NONE\",\"structure\":{\"tag\":\"none\"}}]}}"
#define T_HOLDER                                                                                   \
	"{\"simple\":\"STRUCT\",\"structure\":{\"dataclassType\":{\"f\":" T_FILE ",\"d\":" T_DIR   \
	"}}}"

static const char *place; /* a folder with f.txt in it */

static const char *blob(const char *dimensionality, const char *uri)
{
	return arena_printf(&texts,
			    "{\"scalar\":{\"blob\":{\"metadata\":{\"type\":{\"dimensionality\":"
			    "\"%s\"}},\"uri\":\"%s\"}}}",
			    dimensionality, uri);
}

static const char *below(const char *name)
{
	return arena_printf(&texts, "%s/%s", place, name);
}

static void make_files(void)
{
	struct error err = ERROR_INIT;

	place = arena_printf(&texts, "%s/passed-on", test_tmpdir());
	CHECK_OK(dir_make(place, 0755, &err), err);
	CHECK_OK(file_write_atomic(below("f.txt"), "hello", 5, 0644, false, &err), err);
}

/* How often the outputs name "<run>/raw/<32 hex>/f.txt", each with that file there. */
static int uploads(const char *outputs)
{
	const char *raw = arena_printf(&texts, "%s/raw/", f.dir);
	char path[128];
	int n = 0;

	for (const char *at = outputs; (at = strstr(at, raw)); n++) {
		at += strlen(f.dir) + 1;
		snprintf(path, sizeof(path), "%.*s", (int)strlen("raw//f.txt") + 32, at);
		CHECK_STR(fixture_file(&f, path), "hello");
	}
	return n;
}

static void sends_up(const char *type, const char *input, body_fn body, int n)
{
	make_files();
	CHECK_INT(uploads(run(type, input, false, body)), n);
	fixture_done(&f);
}

TEST(a_local_file_is_uploaded)
{
	const char *file;
	const char *text;

	make_files();
	file = blob("SINGLE", below("f.txt"));
	sends_up(T_FILE, file, passes_on, 1);
	sends_up(T_MAYBE, file, passes_on, 1);
	text = arena_printf(&texts, LIST("%s,%s"), file, file);
	sends_up(T_LIST(T_FILE), text, passes_on, 2);
	sends_up(T_LIST(T_FILE), text, passes_items_on, 2);
	text = arena_printf(&texts, "{\"map\":{\"literals\":{\"k\":%s}}}", file);
	sends_up("{\"mapValueType\":" T_FILE "}", text, passes_on, 1);
	text = arena_printf(&texts, "file://%s", below("f.txt"));
	sends_up(T_FILE, blob("SINGLE", text), passes_on, 1);
}

TEST(a_local_file_in_a_document_is_uploaded)
{
	const char *text;

	make_files();
	text = arena_printf(&texts, GENERIC("\"f\":{\"path\":\"%s\"},\"d\":{\"path\":\"%s\"}"),
			    below("f.txt"), place);
	run(T_HOLDER, text, true, passes_on);
	CHECK_INT(uploads(fixture_outputs(&f)), 1);
	text = arena_printf(&texts, "\"d\":{\"path\":\"%s\"}", place);
	CHECK(strstr(fixture_outputs(&f), text));
	fixture_done(&f);
}

TEST(directories_datasets_and_remote_files_stay)
{
	const char *text;

	make_files();
	sends_up(T_DIR, blob("MULTIPART", place), passes_on, 0);
	sends_up(T_FILE, blob("SINGLE", "s3://bucket/f.txt"), passes_on, 0);
	text = arena_printf(&texts, "{\"scalar\":{\"structuredDataset\":{\"uri\":\"%s\"}}}",
			    below("f.txt"));
	sends_up(T_SET, text, passes_on, 0);
}

TEST(without_a_place_for_it_a_file_stays)
{
	struct error err = ERROR_INIT;
	const char *text;

	make_files();
	fixture_init(&f, INTERFACE(VAR("i", T_FILE), VAR("o0", T_FILE)));
	f.ctx.items[TH_CTX_RAW_OUTPUT_PREFIX] = STR("s3://bucket/raw");
	text = arena_printf(&texts, "{\"i\":%s}", blob("SINGLE", below("f.txt")));
	fixture_inputs(&f, text);
	fixture_run(&f, passes_on);
	CHECK(strstr(fixture_outputs(&f), below("f.txt")));
	fixture_done(&f);
	CHECK_OK(file_write_atomic(below("f.txt"), "", 0, 0644, false, &err), err);
}

/* ---- other literals -------------------------------------------------------------------------- */

static th_status gives_raw(th_exec *exec, const th_model *model, th_errout *error)
{
	static const uint8_t generic[] = {0x0a, 0x12, 0x3a, 0x10, 0x0a, 0x0e, 0x0a,
					  0x01, 0x6e, 0x12, 0x09, 0x11, 0x00, 0x00,
					  0x00, 0x00, 0x00, 0x00, 0xf0, 0x3f};
	th_bytes bytes = {generic, sizeof(generic)};

	(void)model;
	(void)error;
	return LIT->set_raw(slot(exec, "o0"), bytes);
}

TEST(what_the_task_made_itself_stays)
{
	gives(T_RECORD, PACKED, false, gives_raw, "{\"o0\":" GENERIC("\"n\":1.0") "}");
}
