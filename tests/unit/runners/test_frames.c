/* Back-traces of crashes. */
#include "run.h"

#include "base/digest.h"
#include "base/file.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define NOINLINE __attribute__((noinline))

static volatile int zero;

/* ---- in the program itself ------------------------------------------------------------------- */

static NOINLINE int crash_in_static_function(volatile int *p)
{
	return *p + 1;
}

static int segv(void *ctx, struct once_child *shared)
{
	once_step(shared, "execute arith.add");
	return crash_in_static_function((volatile int *)((char *)ctx + 0x10)) + 1;
}

TEST(static_function_is_named)
{
	struct once_result r = run(segv);

	CHECK_INT(r.how, ONCE_SIGNALLED);
	CHECK_INT(r.signal, SIGSEGV);
	CHECK(r.n_frames > 1);
	CHECK(strstr(r.frames[0].text, "crash_in_static_function+0x") != NULL);
	CHECK(strstr(r.frames[0].text, "(test_frames.c:") != NULL);
	CHECK(strstr(r.frames[0].text, "runners-test_frames [build-id ") == r.frames[0].text);
	frame_with(&r, " segv+0x");
	/* What called run() is not the plugin's business. */
	for (size_t i = 0; i < r.n_frames; i++)
		CHECK(!strstr(r.frames[i].text, " main+") &&
		      !strstr(r.frames[i].text, "once_child_main"));
	CHECK_STR(describe(&r),
		  "Segmentation fault (SIGSEGV) in execute arith.add, at address 0x10");
}

static NOINLINE int recurse(int n)
{
	volatile char page[4096];

	page[0] = (char)n;
	return n ? recurse(n + 1) + page[0] : 0;
}

static int overflow(void *ctx, struct once_child *shared)
{
	(void)ctx;
	(void)shared;
	return recurse(1);
}

TEST(stack_overflow)
{
	struct once_result r = run(overflow);

	CHECK_INT(r.how, ONCE_SIGNALLED);
	CHECK_INT(r.signal, SIGSEGV);
	CHECK_STR(r.detail, "stack overflow");
	frame_with(&r, "recurse+0x");
	CHECK(strstr(frame_with(&r, "times in a row"), "recurse+0x") != NULL);
}

static NOINLINE int call_it(int (*volatile f)(int))
{
	return f(1) + 1;
}

static int jump_to_null(void *ctx, struct once_child *shared)
{
	(void)shared;
	return call_it((int (*)(int))ctx) + 1;
}

TEST(jump_to_null)
{
	struct once_result r = run(jump_to_null);

	CHECK_INT(r.signal, SIGSEGV);
	CHECK_STR(r.frames[0].text, "0x0 (no code there)");
	CHECK(strstr(r.frames[1].text, "call_it+0x") != NULL);
	CHECK_STR(r.detail, "at address 0x0");
}

TEST(jump_into_data)
{
	static int data[4];
	struct once_result r = run_params(&(struct once_params){.run = jump_to_null, .ctx = data});

	CHECK_INT(r.signal, SIGSEGV);
	CHECK(strstr(r.frames[1].text, "call_it+0x") != NULL);
}

static NOINLINE void give_up(void)
{
	abort();
}

static int aborts(void *ctx, struct once_child *shared)
{
	(void)ctx;
	(void)shared;
	give_up();
	return zero;
}

TEST(abort_keeps_libc_frames)
{
	struct once_result r = run(aborts);

	CHECK_INT(r.signal, SIGABRT);
	CHECK(strstr(frame_with(&r, " abort+0x"), "libc.so") != NULL);
	frame_with(&r, "give_up+0x");
	CHECK_STR(r.detail, "");
}

static int divides(void *ctx, struct once_child *shared)
{
	(void)ctx;
	(void)shared;
	raise(SIGFPE);
	return zero;
}

TEST(a_signal_that_was_sent)
{
	struct once_result r = run(divides);

	CHECK_INT(r.signal, SIGFPE);
	CHECK_STR(r.detail, "");
	frame_with(&r, "divides+0x");
}

static NOINLINE void crash_in_thread(volatile int *p)
{
	*p = 1;
}

static void *thread_main(void *arg)
{
	if (arg)
		recurse(1);
	else
		crash_in_thread((volatile int *)arg);
	return NULL;
}

static int crashes_in_thread(void *ctx, struct once_child *shared)
{
	pthread_t t;

	(void)shared;
	if (pthread_create(&t, NULL, thread_main, ctx) != 0)
		return 1;
	pthread_join(t, NULL);
	return 0;
}

TEST(second_thread)
{
	struct once_result r = run(crashes_in_thread);

	CHECK_INT(r.how, ONCE_SIGNALLED);
	CHECK_INT(r.signal, SIGSEGV);
	frame_with(&r, "crash_in_thread+0x");
	frame_with(&r, "thread_main+0x");
}

TEST(stack_overflow_in_a_second_thread)
{
	struct once_result r =
		run_params(&(struct once_params){.run = crashes_in_thread, .ctx = &r});

	CHECK_INT(r.how, ONCE_SIGNALLED);
	CHECK_INT(r.signal, SIGSEGV);
	/* AddressSanitizer gives threads an alternate stack, and then there are frames. */
	if (!UNDER_ASAN)
		CHECK(strstr(r.trace_note, "stack overflow in a second thread") != NULL);
}

static void *crash_together(void *arg)
{
	pthread_barrier_wait(arg);
	crash_in_thread((volatile int *)(uintptr_t)(zero));
	return NULL;
}

static int crashes_everywhere(void *ctx, struct once_child *shared)
{
	pthread_barrier_t barrier;
	pthread_t t[8];

	(void)ctx;
	(void)shared;
	pthread_barrier_init(&barrier, NULL, ARRAY_LEN(t));
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (pthread_create(&t[i], NULL, crash_together, &barrier) != 0)
			return 1;
	pause();
	return 0;
}

TEST(many_threads_at_once)
{
	for (int i = 0; i < 20; i++) {
		struct once_result r = run(crashes_everywhere);

		CHECK_INT(r.how, ONCE_SIGNALLED);
		CHECK_INT(r.signal, SIGSEGV);
		frame_with(&r, "crash_in_thread+0x");
	}
}

/* ---- in a shared object ---------------------------------------------------------------------- */

static const char *built(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/tests/unit/runners/%s", getenv("TASKHOST_TEST_BUILD"),
		 name);
	return path;
}

static int segv_in_object(void *ctx, struct once_child *shared)
{
	void *object = dlopen(ctx, RTLD_NOW | RTLD_LOCAL);
	int (*f)(int) = object ? (int (*)(int))dlsym(object, "crasher_segv") : NULL;

	(void)shared;
	return f ? f(1) : -1;
}

static struct once_result crash_object(const char *path)
{
	return run_params(
		&(struct once_params){.run = segv_in_object, .ctx = (void *)(uintptr_t)path});
}

TEST(object_with_names)
{
	struct once_result r = crash_object(built("crasher.so"));

	CHECK_INT(r.how, ONCE_SIGNALLED);
	CHECK_INT(r.n_frames, 2);
	CHECK(strstr(r.frames[0].text, "crasher.so [build-id ") == r.frames[0].text);
	CHECK(strstr(r.frames[0].text, "] write_nowhere+0x") != NULL);
	CHECK(strstr(r.frames[0].text, "(crasher.c:12)") != NULL);
	CHECK(strstr(r.frames[1].text, "] crasher_segv+0x") != NULL);
	CHECK(strstr(r.frames[1].text, "(crasher.c:18)") != NULL);
	CHECK_STR(r.trace_note, "");
}

TEST(stripped_object_says_so)
{
	struct once_result r = crash_object(built("crasher-stripped.so"));

	CHECK_INT(r.n_frames, 2);
	CHECK(strstr(r.frames[0].text, "crasher-stripped.so [build-id ") == r.frames[0].text);
	CHECK(strstr(r.frames[0].text, "(stripped)") != NULL);
	/* Exported names are still there. */
	CHECK(strstr(r.frames[1].text, "] crasher_segv+0x") != NULL);
	CHECK_STR(r.trace_note, "stripped: no names in crasher-stripped.so");
}

static int crash_in_callback(int v)
{
	return crash_in_static_function((volatile int *)(uintptr_t)zero) + v;
}

static int segv_through_object(void *ctx, struct once_child *shared)
{
	void *object = dlopen(ctx, RTLD_NOW | RTLD_LOCAL);
	int (*f)(int (*)(int), int) =
		object ? (int (*)(int (*)(int), int))dlsym(object, "crasher_call") : NULL;

	(void)shared;
	return f ? f(crash_in_callback, 1) : -1;
}

TEST(host_frames_stay_when_the_object_called_them)
{
	struct once_result r = run_params(&(struct once_params){
		.run = segv_through_object, .ctx = (void *)(uintptr_t)built("crasher.so")});

	CHECK_INT(r.how, ONCE_SIGNALLED);
	CHECK(strstr(r.frames[0].text, "crash_in_static_function+0x") != NULL);
	CHECK(strstr(r.frames[r.n_frames - 1].text, "crasher_call+0x") != NULL);
}

static int crash_in_constructor(void *ctx, struct once_child *shared)
{
	setenv("CRASHER_CONSTRUCTOR", "1", 1);
	return segv_in_object(ctx, shared);
}

TEST(constructor)
{
	struct once_result r = run_params(&(struct once_params){
		.run = crash_in_constructor, .ctx = (void *)(uintptr_t)built("crasher.so")});

	CHECK_INT(r.signal, SIGABRT);
	frame_with(&r, "crash_early+0x");
}

struct copy {
	char path[64];
	bool told;
};

static int segv_in_copy(void *ctx, struct once_child *shared)
{
	struct copy *c = ctx;

	if (c->told)
		once_module(shared, built("crasher.so"));
	return segv_in_object(c->path, shared);
}

/* As plugins are loaded: from a copy in memory whose name holds the digest. */
TEST(object_in_memory)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct copy copy = {.told = true};
	struct once_params p = {.run = segv_in_copy, .ctx = &copy};
	struct once_result r;
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_HEX_SIZE], name[32];
	int fd;

	CHECK_OK(file_read(built("crasher.so"), 1 << 24, &b, &err), err);
	sha256(b.data, b.len, digest);
	hex_encode(digest, sizeof(digest), hex);
	snprintf(name, sizeof(name), "copy-%.16s", hex);
	fd = memfd_create(name, MFD_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_OK(fd_write_all(fd, b.data, b.len, "memfd", &err), err);
	snprintf(copy.path, sizeof(copy.path), "/proc/self/fd/%d", fd);
	r = run_params(&p);
	CHECK_INT(r.n_frames, 2);
	CHECK(strstr(r.frames[0].text, "crasher.so [build-id ") == r.frames[0].text);
	CHECK(strstr(r.frames[0].text, "write_nowhere+0x") != NULL);
	/* Without being told: file and offset. */
	copy.told = false;
	r = run_params(&p);
	CHECK_INT(r.n_frames, 2);
	CHECK(strstr(r.frames[0].text, name) == r.frames[0].text);
	CHECK(strstr(r.frames[0].text, " +0x") != NULL);
	close(fd);
}

static int break_file_and_crash(void *ctx, struct once_child *shared)
{
	void *object = dlopen(ctx, RTLD_NOW | RTLD_LOCAL);
	int (*f)(int) = object ? (int (*)(int))dlsym(object, "crasher_segv") : NULL;
	struct buf b = BUF_INIT;

	/* The mapped file goes; in its place stands one with the same first half. */
	if (file_read(ctx, 1 << 24, &b, NULL) < 0)
		return -1;
	memset(b.data + 64 + 56 * 8, 0xa5, b.len - 64 - 56 * 8);
	if (file_write_atomic(ctx, b.data, b.len, 0755, false, NULL) < 0)
		return -1;
	buf_done(&b);
	(void)shared;
	return f ? f(1) : -1;
}

TEST(a_broken_file_costs_only_the_names)
{
	struct error err = ERROR_INIT;
	struct once_result r;
	char path[4200];

	snprintf(path, sizeof(path), "%s/broken.so", test_tmpdir());
	CHECK_OK(file_copy(built("crasher.so"), path, &err), err);
	r = run_params(&(struct once_params){.run = break_file_and_crash, .ctx = path});
	CHECK_INT(r.how, ONCE_SIGNALLED);
	CHECK(r.n_frames >= 2);
	CHECK(strstr(r.frames[0].text, "broken.so") == r.frames[0].text);
}

TEST(crashes_leave_nothing)
{
	for (int i = 0; i < 30; i++) {
		struct once_result r = run(segv);

		CHECK_INT(r.how, ONCE_SIGNALLED);
		frame_with(&r, "crash_in_static_function+0x");
	}
}
