#include "fixtures.h"

static th_str ths(const char *s)
{
	return (th_str){s, strlen(s)};
}

static const int some_table = 7;
static const struct host_extension extensions[] = {{"th.some/1", &some_table}, {NULL, NULL}};

TEST(table_says_who_it_is)
{
	struct host h;

	host_init(&h, extensions, NULL, 0);
	CHECK_INT(h.table.struct_size, sizeof(th_host));
	CHECK_INT(h.table.abi_major, 1);
	CHECK_STR(h.table.name.ptr, "taskhost");
	CHECK(h.table.get_extension(&h.table, "th.some/1") == &some_table);
	CHECK(h.table.get_extension(&h.table, "th.none/1") == NULL);
	CHECK(h.table.get_extension(&h.table, NULL) == NULL);
	CHECK(h.table.get_extension(NULL, "th.some/1") == NULL);
	host_done(&h);
}

TEST(without_executions_it_fails_politely)
{
	struct host h;

	host_init(&h, NULL, NULL, 0);
	CHECK(h.table.get_extension(&h.table, "th.some/1") == NULL);
	CHECK(h.table.arena_alloc(NULL, 1, 1) == NULL);
	CHECK(h.table.exec_error(NULL) == NULL);
	h.table.exec_complete(NULL, TH_OK);
	host_done(&h);
}

TEST(errors_are_copied)
{
	struct th_errout_h e = {.set = false};
	char code[] = "USER:ValueError", message[] = "no";
	struct host h;

	host_init(&h, NULL, NULL, 0);
	h.table.error_set(errout_handle(&e), TH_E_USER, 5, ths(code), ths(message));
	memset(code, 'x', sizeof(code) - 1);
	memset(message, 'x', sizeof(message) - 1);
	CHECK(e.set && e.recoverable && e.cls == TH_E_USER);
	CHECK_STR(e.code, "USER:ValueError");
	CHECK_STR(e.message, "no");
	h.table.error_set(errout_handle(&e), 99, 0, ths(""), ths("again"));
	CHECK(e.cls == TH_E_SYSTEM && !e.recoverable);
	CHECK_STR(e.message, "again");
	h.table.error_set(NULL, TH_E_USER, 0, ths(""), ths(""));
	h.table.error_set(errout_handle(&e), TH_E_USER, 0, (th_str){NULL, 3}, (th_str){NULL, 9});
	CHECK_STR(e.message, "");
	host_done(&h);
}

TEST(errors_are_cut_and_repaired)
{
	struct th_errout_h e = {.set = false};
	char *text = malloc(10000);
	struct host h;
	size_t n;

	CHECK(text);
	host_init(&h, NULL, NULL, 0);
	for (size_t i = 0; i < 10000; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	h.table.error_set(errout_handle(&e), TH_E_USER, 0, ths(""), (th_str){text, 10000});
	n = strlen(e.message);
	CHECK(n > 3000 && n < ERR_MESSAGE_MAX && utf8_valid(e.message, n, NULL));
	CHECK(str_ends(str_of(e.message), "\xc3\xa4\xe2\x80\xa6"));
	free(text);
	h.table.error_set(errout_handle(&e), TH_E_USER, 0, (th_str){"c\0d", 3},
			  (th_str){"a\xff"
				   "b",
				   3});
	CHECK_STR(e.message, "a\xef\xbf\xbd"
			     "b");
	CHECK_STR(e.code, "c\xef\xbf\xbd"
			  "d");
	host_done(&h);
}

TEST(sink_takes_strings_in_order)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(sink_done) struct sink s = {.arena = &arena};
	struct host h;

	host_init(&h, NULL, NULL, 0);
	for (int i = 0; i < 100; i++)
		CHECK_INT(h.table.sink_push(sink_handle(&s), ths(i % 2 ? "odd" : "even")), TH_OK);
	CHECK_INT(s.n, 100);
	CHECK_STR(s.items[99].ptr, "odd");
	CHECK_INT(h.table.sink_push(sink_handle(&s), (th_str){NULL, 0}), TH_OK);
	CHECK_STR(s.items[100].ptr, "");
	CHECK_INT(h.table.sink_push(NULL, ths("x")), TH_E_INVALID);
	CHECK_INT(h.table.sink_push(sink_handle(&s), (th_str){NULL, 1}), TH_E_INVALID);
	CHECK_INT(h.table.sink_push(sink_handle(&s), (th_str){"\xff", 1}), TH_E_INVALID);
	CHECK_INT(h.table.sink_push(sink_handle(&s), (th_str){"a\0", 2}), TH_E_INVALID);
	host_done(&h);
}

TEST(sink_has_an_end)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(sink_done) struct sink s = {.arena = &arena};
	th_status st = TH_OK;
	struct host h;

	host_init(&h, NULL, NULL, 0);
	for (int i = 0; i < 70000 && st == TH_OK; i++)
		st = h.table.sink_push(sink_handle(&s), ths("x"));
	CHECK_INT(st, TH_E_LIMIT);
	host_done(&h);
}

TEST(memory_is_counted_and_aligned)
{
	void *blocks[300];
	struct host h;

	host_init(&h, NULL, NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		size_t align = (size_t)1 << (i % 13);

		blocks[i] = h.table.alloc(&h.table, i, align);
		CHECK(blocks[i] && (uintptr_t)blocks[i] % MAX(align, (size_t)16) == 0);
		memset(blocks[i], 0xab, i);
	}
	CHECK(h.allocated > 300 * 299 / 2);
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		h.table.free(&h.table, blocks[(i * 7) % ARRAY_LEN(blocks)]);
	CHECK_INT(h.allocated, 0);
	CHECK_INT(h.misbehaved, 0);
	h.table.free(&h.table, NULL);
	CHECK(h.table.alloc(&h.table, 1, 3) == NULL);
	CHECK(h.table.alloc(&h.table, SIZE_MAX, 0) == NULL);
	CHECK(h.table.alloc(&h.table, SIZE_MAX - 40, 16) == NULL);
	host_done(&h);
}

TEST(quota)
{
	struct host h;
	void *p, *q;

	host_init(&h, NULL, NULL, 1000);
	p = h.table.alloc(&h.table, 500, 0);
	CHECK(p);
	CHECK(h.table.alloc(&h.table, 500, 0) == NULL);
	q = h.table.alloc(&h.table, 300, 0);
	CHECK(q);
	h.table.free(&h.table, p);
	p = h.table.alloc(&h.table, 500, 0);
	CHECK(p);
	h.table.free(&h.table, p);
	h.table.free(&h.table, q);
	CHECK_INT(h.allocated, 0);
	host_done(&h);
}

static void count_refusal(void *ctx)
{
	++*(int *)ctx;
}

TEST(refused_memory_is_told)
{
	struct host h;
	int n = 0;
	void *p;

	host_init(&h, NULL, NULL, 1000);
	h.refused = count_refusal;
	h.refused_ctx = &n;
	p = h.table.alloc(&h.table, 500, 0);
	CHECK(p);
	CHECK_INT(n, 0);
	CHECK(h.table.alloc(&h.table, 600, 0) == NULL);
	CHECK_INT(n, 1);
	CHECK(h.table.alloc(&h.table, SIZE_MAX, 0) == NULL);
	CHECK_INT(n, 2);
	/* Asking wrongly is not a lack of memory. */
	CHECK(h.table.alloc(&h.table, 1, 3) == NULL);
	CHECK_INT(n, 2);
	h.table.free(&h.table, p);
	host_done(&h);
}

TEST(second_free_is_counted)
{
	struct host h;
	void *p;
	int local;

	host_init(&h, NULL, NULL, 0);
	p = h.table.alloc(&h.table, 10, 0);
	h.table.free(&h.table, p);
	h.table.free(&h.table, p);
	h.table.free(&h.table, &local);
	CHECK_INT(h.misbehaved, 2);
	CHECK_INT(h.allocated, 0);
	host_done(&h);
}

TEST(many_short_lives)
{
	struct host h;

	host_init(&h, NULL, NULL, 0);
	for (int i = 0; i < 100000; i++) {
		void *p = h.table.alloc(&h.table, 24, 0);

		CHECK(p);
		h.table.free(&h.table, p);
	}
	CHECK(h.n_slots <= 64);
	host_done(&h);
}

static void *churn(void *arg)
{
	struct host *h = arg;
	void *blocks[50];

	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
			blocks[i] = h->table.alloc(&h->table, i, 0);
		for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
			h->table.free(&h->table, blocks[i]);
	}
	return NULL;
}

TEST(memory_from_many_threads)
{
	pthread_t threads[4];
	struct host h;

	host_init(&h, NULL, NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		CHECK_INT(pthread_create(&threads[i], NULL, churn, &h), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		CHECK_INT(pthread_join(threads[i], NULL), 0);
	CHECK_INT(h.allocated, 0);
	CHECK_INT(h.misbehaved, 0);
	CHECK_INT(h.n_blocks, 0);
	host_done(&h);
}

TEST(status_becomes_an_error)
{
	struct th_errout_h slot = {.set = true, .code = "C", .message = "words"};
	struct error err = ERROR_INIT;

	CHECK_INT(host_status_error(TH_OK, NULL, "init", &err), 0);
	CHECK_ERR(host_status_error(TH_E_NOMEM, &slot, "init", &err), ERR_NOMEM, err,
		  "init: C: words");
	CHECK_ERR(host_status_error(TH_E_SYSTEM, NULL, "init", &err), ERR_IO, err,
		  "returned TH_E_SYSTEM (-2) without saying why");
	CHECK_ERR(host_status_error(-500, NULL, "x", &err), ERR_IO, err, "an unknown failure");
	CHECK_ERR(host_status_error(500, NULL, "x", &err), ERR_INVALID, err, "an unknown status");
	CHECK_ERR(host_status_error(TH_BUSY, NULL, "x", &err), ERR_STATE, err, "TH_BUSY");
	slot = (struct th_errout_h){.set = true, .code = "OnlyCode"};
	CHECK_ERR(host_status_error(TH_E_NOT_FOUND, &slot, "x", &err), ERR_NOT_FOUND, err,
		  "x: OnlyCode");
}
