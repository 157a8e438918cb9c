#include "lib/test.h"

#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static struct test *first, **last = &first;
static jmp_buf back;
static char why[4096];
static char *tmpdir;

/* Under a sanitizer, too, an impossible allocation fails instead of ending the program. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

void test_register(struct test *t)
{
	*last = t;
	last = &t->next;
}

_Noreturn void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(why, sizeof(why), "%s:%d: ", file, line);

	va_start(ap, fmt);
	vsnprintf(why + n, sizeof(why) - (size_t)n, fmt, ap);
	va_end(ap);
	longjmp(back, 1);
}

_Noreturn void test_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	longjmp(back, 2);
}

const char *test_golden(const char *relative)
{
	static char path[4096];
	const char *root = getenv("TASKHOST_TEST_GOLDEN");

	snprintf(path, sizeof(path), "%s/%s", root ? root : "tests/golden", relative);
	return path;
}

static void remove_tmpdir(void)
{
	dir_remove(tmpdir, NULL);
	free(tmpdir);
}

const char *test_tmpdir(void)
{
	struct error err = ERROR_INIT;

	if (!tmpdir) {
		if (dir_make_temp(NULL, "taskhost-test-", &tmpdir, &err) < 0)
			test_fail(__FILE__, __LINE__, "%s", err.message);
		atexit(remove_tmpdir);
	}
	return tmpdir;
}

static bool wanted(const struct test *t, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (streq(argv[i], t->name))
			return true;
	return argc < 2;
}

static int run_one(const struct test *t, int number)
{
	int r;

	fflush(stdout);
	r = setjmp(back);
	if (r == 0)
		t->run();
	if (r == 1) {
		printf("not ok %d - %s\n# ", number, t->name);
		for (const char *p = why; *p; p++)
			printf(*p == '\n' ? "\n# " : "%c", *p);
		printf("\n");
		return 1;
	}
	printf("ok %d - %s%s%s\n", number, t->name, r == 2 ? " # SKIP " : "", r == 2 ? why : "");
	return 0;
}

int main(int argc, char **argv)
{
	int n = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct test *t = first; t; t = t->next)
		if (wanted(t, argc, argv))
			failed += run_one(t, ++n);
	printf("1..%d\n", n);
	if (n == 0)
		fprintf(stderr, "no such test\n");
	return failed || n == 0;
}
