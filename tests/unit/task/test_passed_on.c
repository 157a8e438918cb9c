/* Inputs that a task hands to its outputs as they are. */
#include "harness.h"

static struct fixture f;

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
	char text[4096];

	snprintf(text, sizeof(text), INTERFACE(VAR("i", "%s"), VAR("o0", "%s")), type, type);
	fixture_init(&f, text);
	f.ctx.old_struct_form = old;
	snprintf(text, sizeof(text), "{\"i\":%s}", input);
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
