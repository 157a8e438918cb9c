#include "cli/entrypoint.h"
#include "lib/test.h"

#include <stdlib.h>

TEST(variables_that_were_not_filled_in)
{
	struct entrypoint_options o = {.raw_prefix = "{{.rawOutputDataPrefix}}",
				       .checkpoint_path = "{{.checkpointOutputPrefix}}",
				       .prev_checkpoint = "{{.prevCheckpointPrefix}}"};

	entrypoint_normalise(&o);
	CHECK(!o.raw_prefix);
	CHECK(!o.checkpoint_path);
	CHECK(!o.prev_checkpoint);
}

TEST(no_previous_checkpoint)
{
	struct entrypoint_options o = {.prev_checkpoint = ""};

	entrypoint_normalise(&o);
	CHECK(!o.prev_checkpoint);
	o.prev_checkpoint = "\"\"";
	entrypoint_normalise(&o);
	CHECK(!o.prev_checkpoint);
}

TEST(only_these_spellings)
{
	struct entrypoint_options o = {.raw_prefix = "{{ .rawOutputDataPrefix }}",
				       .checkpoint_path = "",
				       .prev_checkpoint = "''"};

	entrypoint_normalise(&o);
	CHECK_STR(o.raw_prefix, "{{ .rawOutputDataPrefix }}");
	CHECK_STR(o.checkpoint_path, "");
	CHECK_STR(o.prev_checkpoint, "''");
}

static void set_index(const char *offset, const char *name, const char *value)
{
	unsetenv("BATCH_JOB_ARRAY_INDEX_OFFSET");
	unsetenv("BATCH_JOB_ARRAY_INDEX_VAR_NAME");
	unsetenv("FLYTE_K8S_ARRAY_INDEX");
	if (offset)
		setenv("BATCH_JOB_ARRAY_INDEX_OFFSET", offset, 1);
	if (name)
		setenv("BATCH_JOB_ARRAY_INDEX_VAR_NAME", name, 1);
	if (value)
		setenv("FLYTE_K8S_ARRAY_INDEX", value, 1);
}

TEST(array_index)
{
	struct error err = ERROR_INIT;
	int64_t index;

	set_index(NULL, NULL, NULL);
	CHECK_OK(entrypoint_map_index(&index, &err), err);
	CHECK_INT(index, 0);
	set_index("3", "FLYTE_K8S_ARRAY_INDEX", "4");
	CHECK_OK(entrypoint_map_index(&index, &err), err);
	CHECK_INT(index, 7);
	set_index("3", "", NULL);
	CHECK_OK(entrypoint_map_index(&index, &err), err);
	CHECK_INT(index, 3);
	set_index(NULL, NULL, "4");
	CHECK_OK(entrypoint_map_index(&index, &err), err);
	CHECK_INT(index, 0);
}

TEST(array_index_as_python_reads_a_number)
{
	static const char *const ones[] = {" 1 ", "+1", "\t+1\n", "01"};
	struct error err = ERROR_INIT;
	int64_t index;

	for (size_t i = 0; i < ARRAY_LEN(ones); i++) {
		set_index(ones[i], "FLYTE_K8S_ARRAY_INDEX", ones[i]);
		CHECK_OK(entrypoint_map_index(&index, &err), err);
		CHECK_INT(index, 2);
	}
	set_index("-2", "FLYTE_K8S_ARRAY_INDEX", "1");
	CHECK_OK(entrypoint_map_index(&index, &err), err);
	CHECK_INT(index, -1);
}

TEST(array_index_that_is_none)
{
	struct error err = ERROR_INIT;
	int64_t index;

	set_index("x", NULL, NULL);
	CHECK_ERR(entrypoint_map_index(&index, &err), ERR_INVALID, err,
		  "BATCH_JOB_ARRAY_INDEX_OFFSET must be a whole number, not 'x'");
	set_index(NULL, "FLYTE_K8S_ARRAY_INDEX", "1.5");
	CHECK_ERR(entrypoint_map_index(&index, &err), ERR_INVALID, err,
		  "FLYTE_K8S_ARRAY_INDEX must be a whole number");
	set_index("9223372036854775807", "FLYTE_K8S_ARRAY_INDEX", "1");
	CHECK_ERR(entrypoint_map_index(&index, &err), ERR_INVALID, err, "out of range");
	set_index(NULL, "FLYTE_K8S_ARRAY_INDEX", "");
	CHECK_ERR(entrypoint_map_index(&index, &err), ERR_INVALID, err, "not ''");
	set_index(NULL, "FLYTE_K8S_ARRAY_INDEX", "+-1");
	CHECK_ERR(entrypoint_map_index(&index, &err), ERR_INVALID, err, "not '+-1'");
	set_index(NULL, "FLYTE_K8S_ARRAY_INDEX", "1 1");
	CHECK_ERR(entrypoint_map_index(&index, &err), ERR_INVALID, err, "not '1 1'");
	set_index(NULL, "FLYTE_K8S_ARRAY_INDEX", " ");
	CHECK_ERR(entrypoint_map_index(&index, &err), ERR_INVALID, err, "not ' '");
}

TEST(array_index_that_is_named_and_not_there)
{
	struct error err = ERROR_INIT;
	int64_t index;

	set_index("3", "FLYTE_K8S_ARRAY_INDEX", NULL);
	CHECK_ERR(entrypoint_map_index(&index, &err), ERR_INVALID, err,
		  "BATCH_JOB_ARRAY_INDEX_VAR_NAME says that the environment variable "
		  "FLYTE_K8S_ARRAY_INDEX");
}
