/* Local files among the inputs that are not there, or not what the type says. */
#include "harness.h"

#include "base/file.h"

#include <unistd.h>

static struct fixture f;
static bool entered;

static th_status notes_that_it_ran(th_exec *exec, const th_model *model, th_errout *error)
{
	(void)exec;
	(void)model;
	(void)error;
	entered = true;
	return TH_OK;
}

#define T_FILE  "{\"blob\":{}}"
#define T_DIR   "{\"blob\":{\"dimensionality\":\"MULTIPART\"}}"
#define T_FILES "{\"collectionType\":" T_FILE "}"

static char *blob(const char *dimensionality, const char *uri)
{
	return arena_printf(&f.arena,
			    "{\"scalar\":{\"blob\":{\"uri\":\"%s\",\"metadata\":{\"type\":"
			    "{\"dimensionality\":\"%s\"}}}}}",
			    uri, dimensionality);
}

static char *in_dir(const char *name)
{
	return arena_printf(&f.arena, "%s/%s", f.dir, name);
}

static void run(const char *literal)
{
	entered = false;
	fixture_inputs(&f, arena_printf(&f.arena, "{\"i\":%s}", literal));
	fixture_run(&f, notes_that_it_ran);
}

static void begin(const char *interface)
{
	struct error err = ERROR_INIT;

	fixture_init(&f, interface);
	f.params.entrypoint = true;
	CHECK_OK(dir_make(in_dir("d"), 0755, &err), err);
	CHECK_OK(file_write_atomic(in_dir("x"), "1", 1, 0644, false, &err), err);
}

static void refused(const char *words)
{
	check_failure(&f, "SYSTEM", "NON_RECOVERABLE SYSTEM", words);
	CHECK(!entered);
}

TEST(a_file_has_to_be_there)
{
	begin(INTERFACE(VAR("i", T_FILE), ""));
	run(blob("SINGLE", in_dir("x")));
	CHECK(entered);
	run(blob("SINGLE", arena_printf(&f.arena, "file://%s", in_dir("x"))));
	CHECK(entered);
	run(blob("SINGLE", "s3://bucket/somewhere"));
	CHECK(entered);
	run(blob("SINGLE", in_dir("none")));
	refused("Expected a file, but ");
	run(blob("SINGLE", in_dir("d")));
	refused("Expected a file, but ");
	run(blob("SINGLE", ""));
	refused("Error converting input 'i'");
	fixture_done(&f);
}

TEST(a_directory_has_to_be_there)
{
	begin(INTERFACE(VAR("i", T_DIR), ""));
	run(blob("MULTIPART", in_dir("d")));
	CHECK(entered);
	run(blob("MULTIPART", in_dir("none")));
	refused("Expected a directory, but ");
	run(blob("MULTIPART", in_dir("x")));
	refused("Expected a directory, but ");
	fixture_done(&f);
}

TEST(files_inside_a_list_have_to_be_there)
{
	begin(INTERFACE(VAR("i", T_FILES), ""));
	run(arena_printf(&f.arena, "{\"collection\":{\"literals\":[%s,%s]}}",
			 blob("SINGLE", in_dir("x")), blob("SINGLE", in_dir("none"))));
	refused("Expected a file, but ");
	fixture_done(&f);
}
