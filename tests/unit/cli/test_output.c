#include "cli/output.h"
#include "lib/test.h"

#include "base/mem.h"

TEST(columns_are_as_wide_as_needed)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct table t = TABLE_INIT(3);

	table_add(&t, STR("a"));
	table_add(&t, STR("long one"));
	table_add(&t, STR("end"));
	table_add(&t, STR("bcd"));
	table_add(&t, STR("x"));
	table_add(&t, STR(""));
	table_print(&t, &text);
	CHECK_STR(text.data, "a    long one  end\nbcd  x\n");
	table_done(&t);
}

TEST(width_counts_characters)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct table t = TABLE_INIT(2);

	table_add(&t, STR("\xc3\xa4\xc3\xb6"));
	table_add(&t, STR("1"));
	table_add(&t, STR("ab"));
	table_add(&t, STR("2"));
	table_print(&t, &text);
	CHECK_STR(text.data, "\xc3\xa4\xc3\xb6  1\nab  2\n");
	table_done(&t);
}

TEST(terminals_are_not_steered)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct table t = TABLE_INIT(1);

	table_add(&t, STR("\033[31mred\n"));
	table_print(&t, &text);
	CHECK_STR(text.data, "?[31mred?\n");
	table_done(&t);
}
