/* Every allocation fails once: the answer is ERR_NOMEM, nothing leaks (the sanitizer looks), and
 * the next try works. */
#include "fixtures.h"

#include "lib/fail_alloc.h"

#define TRIES_MAX 5000

TEST(inspecting)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	int r = ERR_NOMEM;
	long n;

	fixture_read(fixture_path("good"), &b);
	for (n = 0; n < TRIES_MAX; n++) {
		struct arena arena = ARENA_INIT;
		struct inspection in;

		alloc_fail_after(n);
		r = inspect_plugin(b.data, b.len, "good.so", &arena, &in, &err);
		arena_done(&arena);
		if (!alloc_stop_failing())
			break;
		CHECK_INT(r, ERR_NOMEM);
	}
	CHECK_OK(r, err);
	CHECK(n > 20);
}

/* Failures after dlopen leave the file mapped; with a store that is one mapping for all. */
static void load_again_and_again(const char *name, int code)
{
	struct error err = ERROR_INIT;
	int r = ERR_NOMEM;
	char *store;
	struct host h;
	long n;

	CHECK_OK(dir_make_temp(test_tmpdir(), "n", &store, &err), err);
	host_init(&h, NULL, NULL, 0);
	for (n = 0; n < TRIES_MAX; n++) {
		int fd = open(fixture_path(name), O_RDONLY | O_CLOEXEC);
		struct plugin *p = NULL;

		CHECK(fd >= 0);
		alloc_fail_after(n);
		r = plugin_load(fd, "x.so", store, &h.table, &p, &err);
		if (r == 0)
			r = plugin_init(p, STR("{}"), &err);
		if (r == 0)
			r = plugin_shutdown(p, 0, &err);
		plugin_free(p);
		close(fd);
		if (!alloc_stop_failing())
			break;
		CHECK(r == ERR_NOMEM || r == code);
	}
	CHECK_INT(r, code);
	CHECK(n > 20);
	host_done(&h);
	free(store);
}

TEST(loading)
{
	load_again_and_again("good", 0);
}

TEST(refusing)
{
	load_again_and_again("other_executor", ERR_MISMATCH);
	load_again_and_again("missing_symbol", ERR_INVALID);
}

static void count_refusal(void *ctx)
{
	++*(long *)ctx;
}

TEST(host_memory)
{
	struct host h;
	void *p = NULL;
	long n, refused = 0;

	host_init(&h, NULL, NULL, 0);
	h.refused = count_refusal;
	h.refused_ctx = &refused;
	for (n = 0; n < 10; n++) {
		alloc_fail_after(n);
		p = h.table.alloc(&h.table, 100, 0);
		if (!alloc_stop_failing())
			break;
		CHECK(p == NULL);
		CHECK_INT(h.allocated, 0);
	}
	CHECK(p && n == 2);
	CHECK_INT(refused, 2);
	h.table.free(&h.table, p);
	host_done(&h);
}

TEST(verifying)
{
	_cleanup_(freep) char *path = fixture_copy(test_tmpdir(), "good", "good.so");
	struct error err = ERROR_INIT;
	int r = ERR_NOMEM;

	for (long n = 0; n < TRIES_MAX; n++) {
		char *resolved = NULL;
		int fd = -1;

		alloc_fail_after(n);
		r = verify_open(path, NULL, &fd, &resolved, &err);
		closep(&fd);
		free(resolved);
		if (!alloc_stop_failing())
			break;
		CHECK_INT(r, ERR_NOMEM);
	}
	CHECK_OK(r, err);
}
