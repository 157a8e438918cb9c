/* A pool with the real runner program and plugins of the build, and runs that keep what they were
 * told. */
#pragma once

#include "lib/test.h"

#include "base/clock.h"
#include "cli/run_message.h"
#include "desc_table.h"
#include "flyte/desc.h"
#include "runners/pool.h"

#define WAIT_NS INT64_C(60000000000)
#define INTEGER "{\"scalar\":{\"primitive\":{\"integer\":\"%lld\"}}}"

extern struct loop *loop;
extern struct runner_pool *pool;
extern char *store; /* a directory of the test's own */

struct told {
	struct run run;
	bool done;
	unsigned n_done, n_started, n_progress;
	enum run_how how;
	struct buf bytes;
	struct run_document d; /* points into the bytes */
	char why[4000], trace[8000];
	struct buf inputs, context, template;
};

extern const struct run_ops told_ops;

void open_pool(void);
void close_pool(void);

/* A plugin of the build, from a private copy in the store; one runner. */
struct runner_generation *
add(const char *name, const char *file, unsigned max_inflight, bool in_process);
#define ARITH "plugins/arith.so"
#define ECHO  "plugins/echo.so"
#define LATER "tests/plugins/later.so"

/* A LiteralMap and a TaskTemplate (NULL: none) in protobuf's JSON. */
void begin(struct runner_generation *g,
	   struct told *t,
	   const struct run_context *c,
	   const char *inputs,
	   const char *template);
void begin_later(struct runner_generation *g, struct told *t, long long ms);
void begun(struct told *t);
void end(struct told *t);
void told_done(struct told *t);
void run_task(struct runner_generation *g, struct told *t, const char *task, const char *inputs);

void check_outputs(const struct told *t, const char *json);
void check_o0(const struct told *t, long long value);
void check_error(const struct told *t, const char *code, const char *words);

void to_wire(const struct message_desc *type, const char *json, struct buf *out);

static inline struct str str_of_buf(const struct buf *b)
{
	return (struct str){b->len ? b->data : "", b->len};
}

/* Inputs of arith.add. */
#define A_AND_B                                                                                    \
	"{\"a\":{\"scalar\":{\"primitive\":{\"integer\":\"40\"}}},"                                \
	"\"b\":{\"scalar\":{\"primitive\":{\"integer\":\"2\"}}}}"
