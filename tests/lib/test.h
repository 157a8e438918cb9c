/* A small test harness: TEST bodies register themselves, main() prints TAP.
 *
 *   TEST(addition_works) { CHECK(1 + 1 == 2); CHECK_STR(name, "x"); }
 *
 * A failed CHECK ends its test (not the program). Run one test: ./test_map put_replaces */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

void test_register(struct test *t);
_Noreturn void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void test_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define TEST(id)                                                                                   \
	static void test_##id(void);                                                               \
	static struct test test_entry_##id = {.name = #id, .run = test_##id};                      \
	__attribute__((constructor)) static void test_reg_##id(void)                               \
	{                                                                                          \
		test_register(&test_entry_##id);                                                   \
	}                                                                                          \
	static void test_##id(void)

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			test_fail(__FILE__, __LINE__, "%s", #cond);                                \
	} while (0)

#define CHECK_INT(a, b)                                                                            \
	do {                                                                                       \
		intmax_t a_ = (intmax_t)(a), b_ = (intmax_t)(b);                                   \
		if (a_ != b_)                                                                      \
			test_fail(__FILE__, __LINE__, "%s is %jd, not %jd", #a, a_, b_);           \
	} while (0)

#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *a_ = (a), *b_ = (b);                                                   \
		if (!a_ || !b_ || strcmp(a_, b_) != 0)                                             \
			test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a,              \
				  a_ ? a_ : "(null)", b_ ? b_ : "(null)");                         \
	} while (0)

/* `call` succeeds; shows the error otherwise. Uses a `struct error` named by the caller. */
#define CHECK_OK(call, err)                                                                        \
	do {                                                                                       \
		int r_ = (call);                                                                   \
		if (r_ < 0)                                                                        \
			test_fail(__FILE__, __LINE__, "%s: %s: %s", #call, err_name(r_),           \
				  (err).message);                                                  \
	} while (0)

#define CHECK_ERR(call, code_, err, words)                                                         \
	do {                                                                                       \
		int r_ = (call);                                                                   \
		if (r_ != (code_) || !strstr((err).message, (words)))                              \
			test_fail(__FILE__, __LINE__, "%s gave %s: \"%s\", expected %s: \"…%s…\"", \
				  #call, err_name(r_), (err).message, err_name(code_), (words));   \
	} while (0)

/* Path of a file under tests/golden (from TASKHOST_TEST_GOLDEN, set by the build). */
const char *test_golden(const char *relative);

/* A fresh directory, removed when the program ends. */
const char *test_tmpdir(void);
