/* What is written, where, and what must not be left there: outputs, errors, uploads, offloading. */
#include "harness.h"

#include "base/file.h"
#include "flyte/document.h"
#include "task/offload.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fixture f;

#define BODY(name, ...)                                                                            \
	static th_status name(th_exec *exec, const th_model *model, th_errout *error)              \
	{                                                                                          \
		(void)exec;                                                                        \
		(void)model;                                                                       \
		(void)error;                                                                       \
		__VA_ARGS__                                                                        \
	}

BODY(gives_one, return LIT->set_i64(slot(exec, "o0"), 1);)
BODY(fails, return TH_E_USER;)
BODY(ignores, return TH_IGNORE_OUTPUTS;)

static void store(void)
{
	struct error err = ERROR_INIT;

	CHECK_OK(task_store_result(&f.result, &f.params, &f.ctx, STR(""), &err), err);
}

/* Names in a directory of the run, sorted by the caller's luck: there is at most one in most tests.
 */
static int list(const char *relative, char *names, size_t size)
{
	char path[4096];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", f.dir, relative);
	names[0] = '\0';
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(names + strlen(names), size - strlen(names), "%s", e->d_name);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

static void begin(void)
{
	fixture_init(&f, INTERFACE("", VAR("o0", T_INTEGER)));
}

/* ---- which file ------------------------------------------------------------------------------ */

TEST(one_file_per_run)
{
	char names[1024];

	begin();
	fixture_run(&f, ignores);
	store();
	CHECK_INT(list("out", names, sizeof(names)), 0);
	fixture_run(&f, gives_one);
	store();
	CHECK_INT(list("out", names, sizeof(names)), 1);
	CHECK_STR(names, "outputs.pb");
	fixture_run(&f, fails);
	store();
	CHECK_INT(list("out", names, sizeof(names)), 1); /* the earlier outputs.pb is gone */
	CHECK_STR(names, "error.pb");
	fixture_run(&f, gives_one);
	store();
	CHECK_INT(list("out", names, sizeof(names)), 1);
	CHECK_STR(names, "outputs.pb");
	fixture_done(&f);
}

TEST(errors_of_distributed_workers_have_names_of_their_own)
{
	char names[1024];

	begin();
	f.ctx.dist_error_strategy = STR("Earliest");
	f.ctx.items[TH_CTX_WORKER_NAME] = STR("worker-1");
	fixture_run(&f, fails);
	store();
	CHECK_INT(list("out", names, sizeof(names)), 1);
	CHECK_INT(strlen(names), strlen("error-.pb") + 32);
	CHECK(str_starts(str_of(names), "error-"));
	CHECK(str_is(f.result.failure.worker, "worker-1"));
	fixture_done(&f);
}

static const uint8_t empty_job[] = {0x10, 0x02}; /* min_successes: 2 */

BODY(gives_futures, LIT->set_i64(slot(exec, "o0"), 1);
     CHECK_INT(LIT->dynamic_job_raw(exec, (th_bytes){(const uint8_t *)"\x0a\x7f", 2}, error),
	       TH_E_INVALID);
     return LIT->dynamic_job_raw(exec, (th_bytes){empty_job, 2}, error);)

TEST(a_dynamic_job_goes_to_futures)
{
	char names[1024];

	begin();
	fixture_run(&f, gives_futures);
	CHECK_INT(f.result.outcome, TASK_FUTURES);
	store();
	CHECK_INT(list("out", names, sizeof(names)), 1);
	CHECK_STR(names, "futures.pb");
	CHECK_STR(fixture_file(&f, "out/futures.pb"), "\x10\x02");
	fixture_done(&f);
}

TEST(a_place_that_cannot_be_written_is_an_error)
{
	struct error err = ERROR_INIT;

	begin();
	CHECK_OK(
		file_write_atomic(f.ctx.items[TH_CTX_OUTPUT_PREFIX].ptr, "x", 1, 0600, false, &err),
		err);
	fixture_run(&f, gives_one);
	CHECK(task_store_result(&f.result, &f.params, &f.ctx, STR(""), &err) < 0);
	CHECK_STR(fixture_file(&f, "out"), "x");
	fixture_done(&f);
}

TEST(inputs_that_are_not_there)
{
	struct task_result r = {.document = BUF_INIT};
	struct buf bytes = BUF_INIT;

	begin();
	arena_init(&r.arena, 0);
	CHECK(task_read_inputs("/no/such/inputs.pb", &f.ctx, &f.timeline, &bytes, &r) < 0);
	CHECK_INT(r.outcome, TASK_ERROR);
	CHECK(str_is(r.failure.code, "SYSTEM"));
	CHECK_INT(r.failure.kind, ERROR_RECOVERABLE);
	CHECK_INT(r.failure.origin, ORIGIN_SYSTEM);
	CHECK(strstr(r.failure.text.ptr, "/no/such/inputs.pb"));
	CHECK_STR(f.timeline.phases[0].name, "Download data to local from /no/such/inputs.pb");
	task_result_done(&r);
	fixture_done(&f);
}

/* ---- uploads --------------------------------------------------------------------------------- */

#define T_FILE "{\"blob\":{\"format\":\"txt\"}}"
#define T_DIR  "{\"blob\":{\"dimensionality\":\"MULTIPART\"}}"

static char place[4096];
static bool multipart;

BODY(gives_blob,
     return LIT->set_blob(slot(exec, "o0"),
			  &(th_blob){.uri = th_s(place), .multipart = multipart});)

static void blob_run(const char *type, const char *relative, bool directory)
{
	static char interface[1024];
	struct error err = ERROR_INIT;
	char *path;

	snprintf(interface, sizeof(interface),
		 "{\"outputs\":{\"variables\":{\"o0\":{\"type\":%s}}}}", type);
	fixture_init(&f, interface);
	path = arena_printf(&f.arena, "%s/work/d", f.dir);
	CHECK_OK(dir_make(path, 0755, &err), err);
	path = arena_printf(&f.arena, "%s/work/d/x y.txt", f.dir);
	CHECK_OK(file_write_atomic(path, "hello", 5, 0644, false, &err), err);
	if (relative[0] == ':')
		snprintf(place, sizeof(place), "%s", relative + 1);
	else if (str_starts(str_of(relative), "file:"))
		snprintf(place, sizeof(place), "file://%s/%s", f.dir, relative + 5);
	else
		snprintf(place, sizeof(place), "%s/%s", f.dir, relative);
	multipart = directory;
	fixture_run(&f, gives_blob);
}

/* The uploaded thing's path below the run's directory. */
static const char *uploaded(void)
{
	static char found[4096];
	const char *json = fixture_outputs(&f), *uri = strstr(json, "\"uri\":\"");
	size_t skip = strlen(f.dir) + 1;

	CHECK(uri);
	snprintf(found, sizeof(found), "%.*s", (int)strcspn(uri + 7 + skip, "\""), uri + 7 + skip);
	return found;
}

TEST(a_local_file_is_uploaded_under_the_raw_prefix)
{
	const char *at;

	blob_run(T_FILE, "work/d/x y.txt", false);
	at = uploaded();
	CHECK(str_starts(str_of(at), "raw/"));
	CHECK_INT(strlen(at), strlen("raw//x y.txt") + 32);
	CHECK_STR(fixture_file(&f, at), "hello");
	CHECK(strstr(fixture_outputs(&f), "\"format\":\"txt\""));
	fixture_done(&f);
	blob_run(T_FILE, "file:work/d/x%20y.txt", false);
	CHECK_STR(fixture_file(&f, uploaded()), "hello");
	fixture_done(&f);
}

TEST(a_local_directory_is_uploaded_under_the_raw_prefix)
{
	char file[4200];

	blob_run(T_DIR, "work/d", true);
	snprintf(file, sizeof(file), "%s/x y.txt", uploaded());
	CHECK_INT(strlen(uploaded()), strlen("raw/") + 32);
	CHECK_STR(fixture_file(&f, file), "hello");
	fixture_done(&f);
}

TEST(remote_and_placed_files_are_kept)
{
	blob_run(T_FILE, ":s3://bucket/x.txt", false);
	CHECK(strstr(fixture_outputs(&f), "\"uri\":\"s3://bucket/x.txt\""));
	fixture_done(&f);
}

BODY(writes_in_place, char path[4200]; struct error err = ERROR_INIT;
     snprintf(path, sizeof(path), "%s/raw/mine", f.dir);
     CHECK_OK(dir_make(path, 0755, &err), err);
     snprintf(place, sizeof(place), "%s/raw/mine/f.txt", f.dir);
     CHECK_OK(file_write_atomic(place, "x", 1, 0644, false, &err), err);
     multipart = false;
     return gives_blob(exec, model, error);)

TEST(a_file_already_under_the_raw_prefix_stays)
{
	blob_run(T_FILE, "work/d/x y.txt", false);
	fixture_run(&f, writes_in_place);
	CHECK_STR(uploaded(), "raw/mine/f.txt");
	fixture_done(&f);
}

TEST(files_that_are_not_there_or_of_another_kind)
{
	char names[1024];

	blob_run(T_FILE, "work/none.txt", false);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "does not exist");
	fixture_done(&f);
	blob_run(T_FILE, "work/d", false);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "is a directory");
	fixture_done(&f);
	blob_run(T_DIR, "work/d/x y.txt", true);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "is a file");
	fixture_done(&f);
	blob_run(T_FILE, "work/d", true);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "expected");
	CHECK_INT(list("raw", names, sizeof(names)), 0); /* nothing goes up before all is right */
	fixture_done(&f);
}

BODY(passes_on, th_str path; const th_lit *lit = LIT->input(exec, th_s("i"));
     CHECK_INT(LIT->local_path(exec, lit, &path, error), TH_OK);
     CHECK_INT(access(path.ptr, R_OK), 0);
     return LIT->set_blob(slot(exec, "o0"), &(th_blob){.uri = path});)

TEST(an_input_file_passed_on_is_uploaded)
{
	char names[1024];
	char *inputs;

	fixture_init(&f, INTERFACE(VAR("i", T_FILE), VAR("o0", T_FILE)));
	inputs = arena_printf(&f.arena,
			      "{\"i\":{\"scalar\":{\"blob\":{\"metadata\":{\"type\":{\"format\":"
			      "\"txt\"}},\"uri\":\"file://%s/in.txt\"}}}}",
			      f.dir);
	CHECK_INT(file_write_atomic(arena_printf(&f.arena, "%s/in.txt", f.dir), "i", 1, 0644, false,
				    NULL),
		  0);
	fixture_inputs(&f, inputs);
	fixture_run(&f, passes_on);
	CHECK(str_starts(str_of(uploaded()), "raw/"));
	CHECK(str_ends(str_of(uploaded()), "/in.txt"));
	CHECK_STR(fixture_file(&f, uploaded()), "i");
	CHECK_INT(list("raw", names, sizeof(names)), 1);
	fixture_done(&f);
}

/* ---- offloading ------------------------------------------------------------------------------ */

static size_t text_size;

BODY(gives_text, char *p; CHECK_INT(LIT->reserve_str(slot(exec, "o0"), text_size, &p), TH_OK);
     memset(p, 'x', text_size);
     return LIT->set_i64(slot(exec, "o1"), 1);)

static void offload_run(size_t size)
{
	fixture_init(&f, INTERFACE("", VAR("o0", T_STRING) "," VAR("o1", T_INTEGER)));
	f.ctx.offload_min_bytes = 1000;
	f.ctx.offload_max_bytes = 5000;
	text_size = size;
	fixture_run(&f, gives_text);
}

TEST(large_literals_get_files_of_their_own)
{
	char names[1024];
	const char *json;

	offload_run(100);
	CHECK_INT(f.result.n_offloaded, 0);
	fixture_done(&f);
	offload_run(2000);
	CHECK_INT(f.result.n_offloaded, 1);
	json = fixture_outputs(&f);
	CHECK(strstr(json, "/out/o0_offloaded_metadata.pb\",\"sizeBytes\":\"2009\","
			   "\"inferredType\":{\"simple\":\"STRING\"}}"));
	CHECK(strstr(json, "\"hash\":\""));
	store();
	CHECK_INT(list("out", names, sizeof(names)), 2);
	CHECK_INT(strlen(fixture_file(&f, "out/o0_offloaded_metadata.pb")), 2009);
	fixture_done(&f);
	offload_run(5000);
	check_failure(&f, "SYSTEM", "RECOVERABLE SYSTEM", "output 'o0' is 5009 bytes");
	fixture_done(&f);
}

BODY(reads_text, th_str s; CHECK_INT(LIT->as_str(LIT->input(exec, th_s("a")), &s), TH_OK);
     CHECK_INT(s.len, 2000);
     return LIT->set_i64(slot(exec, "o0"), 1);)

#define OFFLOADED "{\"offloadedMetadata\":{\"uri\":\"%s/out/o0_offloaded_metadata.pb\"}}"

TEST(offloaded_inputs_are_fetched)
{
	char *dir, *inputs;

	offload_run(2000);
	store();
	dir = strdup(f.dir);
	fixture_done(&f);
	fixture_init(&f, INTERFACE(VAR("a", T_STRING), VAR("o0", T_INTEGER)));
	inputs = arena_printf(&f.arena, "{\"a\":" OFFLOADED "}", dir);
	fixture_inputs(&f, inputs);
	fixture_run(&f, reads_text);
	CHECK_STR(fixture_outputs(&f), "{\"o0\":" INTEGER(1) "}");
	fixture_inputs(&f, arena_printf(&f.arena, "{\"a\":" OFFLOADED "}", "/no/such"));
	fixture_run(&f, reads_text);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "/no/such/out");
	CHECK_INT(file_write_atomic(arena_printf(&f.arena, "%s/out/o0_offloaded_metadata.pb", dir),
				    "\x0a\x7f", 2, 0644, false, NULL),
		  0);
	fixture_inputs(&f, inputs);
	fixture_run(&f, reads_text);
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", "o0_offloaded_metadata.pb");
	fixture_done(&f);
	free(dir);
}

static const Literal *literal_from(const char *path, const char *name, struct arena *arena)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	struct error err = ERROR_INIT;
	struct str wire;
	LiteralMap *map;
	Literal *lit;

	CHECK_OK(file_read(test_golden(path), 1 << 24, &bytes, &err), err);
	wire = (struct str){arena_memdup(arena, bytes.len ? bytes.data : "", bytes.len), bytes.len};
	if (streq(name, "-")) {
		CHECK_OK(literal_decode(wire, path, arena, &lit, &err), err);
		return lit;
	}
	CHECK_OK(literal_map_decode(wire, path, arena, &map, &err), err);
	return literal_map_find(map, str_of(name));
}

/* The lines were made with Python's json module from the fixtures' JSON, as flytekit does it. */
TEST(hash_is_flytekits)
{
	_cleanup_(buf_done) struct buf table = BUF_INIT;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	char path[256], name[64], want[64];
	int used, n = 0;

	CHECK_OK(file_read(test_golden("offload_hashes.txt"), 1 << 20, &table, &err), err);
	for (const char *p = table.data;
	     sscanf(p, "%255s %63s %63s\n%n", path, name, want, &used) == 3; p += used, n++) {
		_cleanup_(buf_done) struct buf got = BUF_INIT;

		CHECK_OK(offload_hash(literal_from(path, name, &arena), &got, &err), err);
		if (!streq(got.data, want))
			test_fail(__FILE__, __LINE__, "%s %s: %s, not %s", path, name, got.data,
				  want);
	}
	CHECK(n > 200);
	arena_done(&arena);
}

TEST(hash_of_the_published_sample)
{
	struct arena arena = ARENA_INIT;
	struct buf got = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(offload_hash(literal_new_string(&arena, STR("qq")), &got, &err), err);
	CHECK_STR(got.data, "26GWxjfByU+flI00cJ0e3B9sZheIWVcjPT3TnEFD1JQ=");
	buf_clear(&got);
	CHECK_OK(offload_hash(literal_new_string(&arena, STR("\xf0\x9f\x98\x80\x7f\"\\/\n\x01")),
			      &got, &err),
		 err);
	CHECK_STR(got.data, "QTnY0u85lNJCv+4z54rRhgCnYDJC+DgylUoyw8RbgYg=");
	buf_done(&got);
	arena_done(&arena);
}
