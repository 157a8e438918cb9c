/* An executor made in the test itself, and one run of it: no file is loaded. */
#pragma once

#include "lib/test.h"

#include "abi/host.h"
#include "task/task.h"

extern const th_literal_api task_literal_api; /* what task_extensions names */

#define LIT (&task_literal_api)

typedef th_status (*body_fn)(th_exec *exec, const th_model *model, th_errout *error);

struct fixture {
	struct arena arena;
	struct host host;
	struct plugin plugin;
	th_executor executor;
	TaskTemplate *template;
	struct task_context ctx;
	struct timeline timeline;
	struct task_params params;
	struct task_result result;
	struct buf inputs; /* serialized */
	char *dir;         /* of this run: out/ and raw/ below it */
	bool ran;
};

/* `interface` is TypedInterface in protobuf's JSON; "" for none. */
void fixture_init(struct fixture *f, const char *interface);
/* The whole TaskTemplate as JSON. */
void fixture_template(struct fixture *f, const char *json);
void fixture_done(struct fixture *f);

/* LiteralMap in protobuf's JSON. */
void fixture_inputs(struct fixture *f, const char *json);

/* Runs `body` as execute_from_model with the inputs set before. */
void fixture_run(struct fixture *f, body_fn body);

/* The outputs as protobuf's JSON on one line; fails the test when there are none. */
const char *fixture_outputs(struct fixture *f);

/* The run ended with this error; `words` are part of its text. */
void check_failure(struct fixture *f,
		   const char *code,
		   const char *kind_and_origin,
		   const char *words);

/* "" when the file is not there. Freed with the fixture. */
const char *fixture_file(struct fixture *f, const char *relative);
bool fixture_has_file(struct fixture *f, const char *relative);

/* A literal in JSON as it is written in most tests. */
#define INTEGER(n)      "{\"scalar\":{\"primitive\":{\"integer\":\"" #n "\"}}}"
#define FLOAT(n)        "{\"scalar\":{\"primitive\":{\"floatValue\":" #n "}}}"
#define STRING(s)       "{\"scalar\":{\"primitive\":{\"stringValue\":\"" s "\"}}}"
#define VAR(name, type) "\"" name "\":{\"type\":" type "}"
#define VARS(list)      "{\"variables\":{" list "}}"
#define INTERFACE(i, o) "{\"inputs\":" VARS(i) ",\"outputs\":" VARS(o) "}"
#define T_INTEGER       "{\"simple\":\"INTEGER\"}"
#define T_FLOAT         "{\"simple\":\"FLOAT\"}"
#define T_STRING        "{\"simple\":\"STRING\"}"
#define T_STRUCT        "{\"simple\":\"STRUCT\"}"

static inline th_val *slot(th_exec *exec, const char *name)
{
	th_val *v = NULL;

	return LIT->output(exec, th_s(name), &v) == TH_OK ? v : NULL;
}
