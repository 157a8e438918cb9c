#include "cli/execution_find.h"
#include "lib/test.h"

#define EXECUTION_INIT TASKHOST__WORKER__V1__EXECUTION__INIT

TEST(ids_are_cleaned)
{
	static const struct {
		const char *typed, *clean;
	} cases[] = {
		{"7", "7"},
		{"7K2m", "7k2m"},
		{"0123456789abc", "0123456789abc"},
		{"0123456789ABC", "0123456789abc"},
		{"0123456789abcd", NULL},
		{"", NULL},
		{"7k-2m", NULL},
		{"7k 2m", NULL},
		{"../etc", NULL},
		{"7k\xc3\xa4", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[EXECUTION_ID_SIZE];

		CHECK(execution_id_clean(cases[i].typed, out) == (cases[i].clean != NULL));
		if (cases[i].clean)
			CHECK_STR(out, cases[i].clean);
	}
}

TEST(candidates_are_listed)
{
	Execution a = EXECUTION_INIT, b = EXECUTION_INIT;
	Execution *found[] = {&a, &b};
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	char id_a[] = "7k2m000000000", id_b[] = "7k2n000000000", task[] = "arith.add";

	a.id = id_a;
	a.task = task;
	a.state = TASKHOST__WORKER__V1__EXECUTION__STATE__RUNNING;
	b.id = id_b;
	b.task = task;
	b.state = TASKHOST__WORKER__V1__EXECUTION__STATE__RETRY_WAIT;
	execution_ambiguous("7k2", found, 2, false, &text);
	CHECK_STR(text.data, "'7k2' is the start of 2 ids; type more of it:\n"
			     "  7k2m000000000  running  arith.add\n"
			     "  7k2n000000000  retry-wait  arith.add");
	buf_clear(&text);
	execution_ambiguous("7", found, 2, true, &text);
	CHECK(str_starts((struct str){text.data, text.len},
			 "'7' is the start of more than 2 ids;"));
}
