#include "dispatch/outputs.h"
#include "lib/test.h"

static struct outputs_plan plan(size_t outputs, size_t deck, bool back_end, bool as_files)
{
	static char bytes[8 << 20];
	struct dispatch_config c = dispatch_defaults();
	struct run_result r = {.outputs = {bytes, outputs}, .deck = {bytes, deck}};

	c.outputs_as_files = as_files;
	return outputs_plan(&r, back_end, &c);
}

TEST(small_outputs_stay_in_the_row)
{
	CHECK(plan(64 << 10, 0, true, false).inline_);
	CHECK(!plan(64 << 10, 0, true, false).files);
	CHECK(plan(0, 0, true, false).inline_);
	CHECK(plan(10, 0, true, true).files);
}

TEST(large_outputs_and_decks_are_files)
{
	CHECK(plan((64 << 10) + 1, 0, true, false).files);
	CHECK(!plan((64 << 10) + 1, 0, true, false).inline_);
	CHECK(plan(10, 10, true, false).files);
}

TEST(without_a_back_end_answers_carry_what_they_can)
{
	CHECK(plan(3584 << 10, 0, false, false).inline_);
	CHECK(plan((3584 << 10) + 1, 0, false, false).impossible);
	CHECK(plan(10, 10, false, false).inline_);
	CHECK(plan(10, 0, false, true).inline_);
}

TEST(propellers_limit_is_minded)
{
	CHECK(!plan(2 << 20, 0, true, false).above_warning);
	CHECK(plan((2 << 20) + 1, 0, true, false).above_warning);
	CHECK(plan((2 << 20) + 1, 0, false, false).above_warning);
}

TEST(another_document_is_always_a_file)
{
	struct dispatch_config c = dispatch_defaults();
	struct run_result r = {.outputs = STR("x"), .file_name = "futures.pb"};

	CHECK(outputs_plan(&r, true, &c).files);
	CHECK(outputs_plan(&r, false, &c).impossible);
	r.file_name = "outputs.pb";
	CHECK(outputs_plan(&r, true, &c).inline_);
}

TEST(scheme_of_a_prefix)
{
	CHECK(str_is(outputs_scheme(STR("s3://b/x")), "s3"));
	CHECK(str_is(outputs_scheme(STR("/tmp/x")), "file"));
	CHECK(str_is(outputs_scheme(STR("file:///tmp/x")), "file"));
	CHECK(str_is(outputs_scheme(STR("/a://b")), "file"));
	CHECK(str_is(outputs_scheme(STR("")), "file"));
}
