/* Running a function of the test under once_run. */
#pragma once

#include "lib/test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "runners/once.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

/* Runs it and checks that no process is left. The result is released by the next call. */
static struct once_result run_params(const struct once_params *params)
{
	static struct once_result result;
	struct error err = ERROR_INIT;

	once_result_done(&result);
	result = (struct once_result){0};
	CHECK_OK(once_run(params, &result, &err), err);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);
	return result;
}

__attribute__((unused)) static struct once_result run(int (*f)(void *, struct once_child *))
{
	return run_params(&(struct once_params){.run = f});
}

__attribute__((unused)) static void sleep_ms(int ms)
{
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * MS};

	nanosleep(&t, NULL);
}

/* A run that ends well. */
__attribute__((unused)) static int give_seven(void *ctx, struct once_child *shared)
{
	once_step(shared, "execute arith.add");
	return ctx ? 8 : 7;
}

/* One that only SIGKILL ends. */
__attribute__((unused)) static int loops(void *ctx, struct once_child *shared)
{
	(void)ctx;
	once_step(shared, "execute spin");
	signal(SIGTERM, SIG_IGN);
	while (getpid() > 0)
		;
	return 0;
}

/* The first frame whose text holds `words`; fails the test when there is none. */
__attribute__((unused)) static const char *frame_with(const struct once_result *r,
						      const char *words)
{
	struct buf all = BUF_INIT;

	for (size_t i = 0; i < r->n_frames; i++)
		if (strstr(r->frames[i].text, words))
			return r->frames[i].text;
	for (size_t i = 0; i < r->n_frames; i++)
		buf_printf(&all, "\n  %s", r->frames[i].text);
	test_fail(__FILE__, __LINE__, "no frame has \"%s\" (%s):%s", words, r->trace_note,
		  all.data ? all.data : " none");
}

__attribute__((unused)) static const char *describe(const struct once_result *r)
{
	static char text[1024];
	struct buf b = BUF_INIT;

	once_describe(r, &b);
	snprintf(text, sizeof(text), "%s", b.data);
	buf_done(&b);
	return text;
}
