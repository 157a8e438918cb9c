/* dispatch_execute while every allocation fails once: a clean error or the right result, no leak
 * (leaks show in the sanitizer build). */
#include "harness.h"

#include "lib/fail_alloc.h"

#include <unistd.h>

static struct fixture f;

static const void *extension(const char *id)
{
	for (const struct host_extension *e = task_extensions; e->id; e++)
		if (streq(e->id, id))
			return e->table;
	return NULL;
}

/* A bit of everything; passes on what fails, as a plugin should. */
static th_status uses_much(th_exec *exec, const th_model *model, th_errout *error)
{
	const th_model_api *m = extension(TH_EXT_MODEL);
	const th_deck_api *d = extension(TH_EXT_DECK);
	const th_secrets_api *s = extension(TH_EXT_SECRETS);
	const th_lit *xs = LIT->input(exec, th_s("xs"));
	th_val *o0 = slot(exec, "o0"), *o1 = slot(exec, "o1"), *item = NULL;
	th_i64_list list;
	th_bytes raw;
	th_str text;
	th_deck *deck;
	th_status st = LIT->i64_list(xs, &list);

	if (st == TH_OK)
		st = LIT->as_json(xs, &text);
	if (st == TH_OK)
		st = LIT->inputs_raw(exec, &raw);
	if (st == TH_OK)
		st = m->json(model, &text);
	if (st == TH_OK)
		st = s->get(exec, th_s("g"), th_s("k"), th_s(""), &text, error);
	if (st == TH_OK)
		st = d->open(exec, th_s("deck"), &deck);
	if (st == TH_OK)
		st = d->append_text(deck, th_s("text"));
	if (st == TH_OK)
		st = LIT->set_map(o0);
	if (st == TH_OK)
		st = LIT->put(o0, th_s("k"), &item);
	if (st == TH_OK)
		st = LIT->set_f64(item, 2.5);
	if (st == TH_OK)
		st = LIT->set_json(o1, th_s("{\"a\":[1,{\"b\":null}]}"));
	return st;
}

static void run_once(void)
{
	fixture_inputs(&f,
		       "{\"xs\":{\"collection\":{\"literals\":[" INTEGER(1) "," INTEGER(2) "]}}}");
	f.timeline.n = 0;
}

static void check_result(long n)
{
	if (f.result.outcome == TASK_OUTPUTS) {
		CHECK_STR(fixture_outputs(&f),
			  "{\"o0\":{\"map\":{\"literals\":{\"k\":" FLOAT(
				  2.5) "}}},\"o1\":{"
				       "\"scalar\":{\"binary\":{\"value\":\"gaFhkgGBoWLA\",\"tag\":"
				       "\"msgpack\"}}}}");
		return;
	}
	CHECK_INT(f.result.outcome, TASK_ERROR);
	if (f.result.failure.code.len == 0 || f.result.failure.text.len == 0)
		test_fail(__FILE__, __LINE__, "allocation %ld: an error without words", n);
}

TEST(dispatch_execute)
{
	long n;
	bool failed = true;
	int errors = 0;

	setenv("_FSEC_G_K", "s", 1);
	fixture_init(
		&f, INTERFACE(VAR("xs", "{\"collectionType\":" T_INTEGER "}"),
			      VAR("o0", "{\"mapValueType\":" T_FLOAT "}") "," VAR("o1", T_STRUCT)));
	f.ctx.offload_min_bytes = 0;
	for (n = 0; failed; n++) {
		run_once();
		alloc_fail_after(n);
		fixture_run(&f, uses_much);
		failed = alloc_stop_failing();
		check_result(n);
		errors += f.result.outcome == TASK_ERROR;
	}
	CHECK_INT(f.result.outcome, TASK_OUTPUTS);
	CHECK(errors > 5);
	fixture_done(&f);
}

TEST(offloading_and_storing)
{
	struct error err = ERROR_INIT;
	bool failed = true;
	long n;

	setenv("_FSEC_G_K", "s", 1);
	for (n = 0; failed; n++) {
		int r;

		fixture_init(&f, INTERFACE(VAR("xs", "{\"collectionType\":" T_INTEGER "}"),
					   VAR("o0", "{\"mapValueType\":" T_FLOAT
						     "}") "," VAR("o1", T_STRUCT)));
		f.ctx.offload_min_bytes = 1;
		f.ctx.offload_max_bytes = 1 << 20;
		run_once();
		alloc_fail_after(n);
		fixture_run(&f, uses_much);
		r = task_store_result(&f.result, &f.params, &f.ctx,
				      (struct str){f.inputs.data, f.inputs.len}, &err);
		failed = alloc_stop_failing();
		CHECK(r == 0 || err.message[0]);
		/* Never both, and never a reference without its file. */
		CHECK(!fixture_has_file(&f, "out/outputs.pb") ||
		      !fixture_has_file(&f, "out/error.pb"));
		CHECK(!fixture_has_file(&f, "out/outputs.pb") ||
		      (fixture_has_file(&f, "out/o0_offloaded_metadata.pb") &&
		       fixture_has_file(&f, "out/o1_offloaded_metadata.pb")));
		fixture_done(&f);
	}
	CHECK(n > 20);
}
