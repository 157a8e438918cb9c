/* What runners print, and what becomes of it. */
#include "pool_driver.h"

#include "base/mem.h"

static void read_log(const char *name, struct buf *out, struct log_part *part)
{
	struct error err = ERROR_INIT;

	buf_clear(out);
	CHECK_OK(logs_read(driver.logs, name, 0, 1 << 20, out, part, &err), err);
}

TEST(output_belongs_to_the_run_that_printed_it)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct runner_generation *g;
	struct log_part part;
	struct told t[30];
	char names[30][16];

	driver_open(NULL);
	g = GENERATION(.max = 2);
	for (int i = 0; i < 30; i++) {
		struct run_request q = {.inputs = i % 3 == 0   ? STR("print hello")
						  : i % 3 == 1 ? STR("complain")
							       : STR("note look"),
					.log = names[i]};

		snprintf(names[i], sizeof(names[i]), "run-%d", i);
		driver_start_with(g, &t[i], &q);
	}
	for (int i = 0; i < 30; i++) {
		driver_wait(&t[i]);
		read_log(names[i], &text, &part);
		CHECK_STR(text.data, i % 3 == 0   ? "hello\n"
				     : i % 3 == 1 ? "\n"
						  : "WARNING: look\n");
		CHECK(part.end);
	}
	driver_close();
}

TEST(the_last_words_of_a_crash_are_kept)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct run_request q = {.inputs = STR("print before"), .log = "crashing"};
	struct runner_generation *g;
	struct log_part part;
	struct told t;

	driver_open(NULL);
	g = GENERATION();
	driver_start_with(g, &t, &q);
	driver_wait(&t);
	q.inputs = STR("garbage 0");
	driver_start_with(g, &t, &q);
	driver_wait(&t);
	q.inputs = STR("complain and die");
	driver_start_with(g, &t, &q);
	driver_wait(&t);
	read_log("crashing", &text, &part);
	CHECK_STR(text.data, "before\nand die\n");
	driver_close();
}

TEST(a_flood_is_bounded)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct run_request q = {.inputs = STR("flood 200"), .log = "flood"};
	struct runner_generation *g;
	struct runner_pool_stats stats;
	struct log_part part;
	struct told flood, t;
	unsigned n = 0;

	driver_open(NULL);
	g = GENERATION(.max = 2);
	driver_start_with(g, &flood, &q);
	while (!flood.done) {
		driver_run(g, &t, "echo meanwhile");
		n++;
	}
	driver_wait(&flood);
	CHECK_INT(flood.how, RUN_COMPLETED);
	CHECK(n > 10);
	runner_pool_stats(driver.pool, &stats);
	CHECK_INT(stats.output_bytes, 200 << 20);
	read_log("flood", &text, &part);
	CHECK(text.len <= 65536 + (512 << 10));
	CHECK(part.next + part.lost >= (uint64_t)200 << 20);
	driver_close();
}
