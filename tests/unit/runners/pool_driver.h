/* A pool of fake runners on a loop, and runs that keep what they were told. */
#pragma once

#include "fake_ops.h"
#include "lib/test.h"
#include "runners/logs.h"
#include "runners/pool.h"

/* Sanitizers need more memory than a limit leaves them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct driver {
	struct loop *loop;
	struct runner_pool *pool;
	struct logs *logs;
	char directory[300]; /* of the logs */
	unsigned changes;    /* of quarantines */
	bool closed;
};

extern struct driver driver;

struct told {
	struct run run;
	bool done;
	unsigned n_done, n_started, n_progress, n_notes;
	double fraction;
	char text[256]; /* of progress or note */
	enum run_how how;
	int32_t outcome;
	char document[256];
	size_t document_len;
	uint64_t document_sum;
	uint32_t cancelled;
	enum death_how death;
	int signal, code;
	bool shared;      /* the death, with others */
	char why[4096];   /* death_describe, or the error */
	char trace[4096]; /* frames, one per line */
	int64_t queued_ns, started_ns, ended_ns, done_ns, asked_ns, term_ns, kill_ns;
};

/* With the defaults of the tests: one spare, logs; `change` may alter the parameters. */
void driver_open(void (*change)(struct runner_pool_params *p));
void driver_close_pool(void);
void driver_close(
	void); /* the pool too, if it is not; checks that no descriptor, process or handle is left */

struct runner_generation *driver_generation(const struct runner_generation_params *params);
#define GENERATION(...)                                                                            \
	driver_generation(&(const struct runner_generation_params){                                \
		.name = "fake", .path = "/fake.so", .digest = "0123456789abcdef", __VA_ARGS__})

void driver_start(struct runner_generation *g, struct told *t, const char *inputs);
void driver_start_with(struct runner_generation *g, struct told *t, const struct run_request *q);
void driver_wait(struct told *t);                 /* until it is done; fails after half a minute */
void driver_wait_begun(struct told *t, size_t n); /* until n runs have begun or are done */
void driver_wait_quarantined(struct runner_generation *g);
void driver_run(struct runner_generation *g, struct told *t, const char *inputs);

/* Turns the loop until `until` is true; fails after half a minute. */
void driver_until(bool (*until)(void *arg), void *arg, const char *what);
void driver_turn(int64_t ns); /* one turn, perhaps shorter */
void driver_pass(int64_t ns); /* as many turns as take so long */

uint64_t driver_sum(const void *data, size_t len);
