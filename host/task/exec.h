/* One execution from the inside: what th_exec stands for. */
#pragma once

#include "abi/host.h"
#include "task/lit.h"
#include "task/task.h"
#include "task/val.h"

struct input {
	th_str name; /* NUL-terminated, in the arena */
	struct th_lit lit;
};

struct output {
	th_str name;
	struct th_val *val;
	struct output *next;
};

/* A local copy of remote data that a plugin asked for. */
struct local_copy {
	struct local_copy *next;
	const char *uri, *path;
};

/* A file or directory to put under the raw output prefix once all outputs are known to be right. */
struct upload {
	struct upload *next;
	const char *path, *uri;
	const char *from; /* the URI of an input that is passed on; or NULL */
};

struct secret {
	struct secret *next;
	char *value; /* malloc'ed, locked when that is allowed, wiped at the end */
	size_t size;
};

enum exec_state {
	EXEC_IDLE,      /* before execute_from_model */
	EXEC_RUNNING,   /* inside execute_from_model */
	EXEC_PENDING,   /* execute_from_model returned TH_PENDING */
	EXEC_COMPLETED, /* status is final */
};

/* Who makes a pending execution go on. */
struct exec_waiter {
	void (*completed)(void *user); /* on the thread that completed it, without a lock */
	void *user;
};

/* Memory that goes from one execution to the next, so that short ones in great numbers do not ask the
 * allocator for the same blocks each time. Zeroed at first. */
struct exec_kept {
	struct arena arena; /* empty */
	void *memory;       /* for a struct exec, or NULL */
};

void exec_kept_done(struct exec_kept *kept);

struct exec {
	struct lit_home home;
	struct exec_kept *kept; /* gets its memory in the end */
	const struct task_params *params;
	const struct task_context *ctx;
	th_exec *handle;
	struct host *host; /* counts misbehaviour; NULL in a plugin without host table */

	/* Under the lock of exec_life.c. */
	enum exec_state state;
	bool early; /* exec_complete was called before TH_PENDING was returned */
	th_status status;
	unsigned cancelling; /* threads inside the executor's cancel */
	bool open;           /* `instance` is there to be cancelled */
	bool told;           /* its cancel was called, or would have been */
	struct exec_waiter waiter;
	struct exec **known; /* where it stands for others to cancel; or NULL */
	pthread_cond_t changed;

	void *instance;
	struct th_errout_h slot; /* of execute_from_model and of exec_error */
	uint32_t own_cancel;     /* the cancel word when the caller has none */

	struct input *inputs; /* by name */
	size_t n_inputs;
	LiteralMap input_map;
	_Atomic(th_bytes *) inputs_raw;

	struct output *outputs, *last_output;
	struct buf dynamic_job;
	bool has_dynamic_job;

	struct decks *decks; /* NULL until the first */

	pthread_mutex_t files; /* guards what follows */
	struct str raw_prefix; /* with a slash at its end; empty: none */
	const char *working_directory;
	struct local_copy *locals;
	struct secret *secrets;
	const char *restored; /* where the previous checkpoint was put */
	int64_t last_progress_ns;

	struct upload *uploads;
};

/* Handles are used again, but late, so that one used after its execution is seen. */
struct th_exec {
	_Atomic(struct exec *) exec;
	struct th_exec *next; /* while it is free */
};

/* NULL for NULL and for a handle whose execution is over. */
static inline struct exec *exec_of(const th_exec *handle)
{
	return handle ? atomic_load_explicit(&handle->exec, memory_order_acquire) : NULL;
}

/* Never NULL on success; free with exec_free, which ends what is still open: secrets are wiped, the
 * working directory is removed. ERR_NOMEM, or ERR_LIMIT when too many executions are alive. Its memory
 * comes from `kept`, which must stay, and goes back there. */
int exec_new(const struct task_params *params,
	     struct exec_kept *kept,
	     struct exec **ret,
	     struct error *err);
void exec_free(struct exec *e);

/* ---- exec_life.c ------------------------------------------------------------------------------ */

/* Gets its handle, and gives it back: nothing outside finds the execution any more, and nobody is
 * inside its cancel. For exec_new and exec_free. */
int exec_begin_life(struct exec *e, struct error *err);
void exec_end_life(struct exec *e);

/* *place is this execution as long as it is alive, for exec_cancel; NULL before and after. */
void exec_know(struct exec *e, struct exec **place);

/* Cancel callbacks reach the instance from now on, or no longer (waits for running ones). */
void exec_open(struct exec *e, void *instance);
void exec_shut(struct exec *e);

/* Calls the executor's cancel, unless that was done, or *place is NULL or not open. Any thread. */
void exec_cancel(struct exec **place, uint32_t reason);

/* execute_from_model is about to be called. */
void exec_begin(struct exec *e);

/* What execute_from_model returned. True: the status is final. False: it is pending. With a waiter,
 * `completed` comes once, perhaps before the return: the execution may then be gone. Without one,
 * call exec_await. */
bool exec_settle(struct exec *e, th_status returned, const struct exec_waiter *waiter);

/* Until exec_complete has come. Calls the executor's cancel when the cancel word or the deadline
 * says so. */
void exec_await(struct exec *e);

/* The final one. */
th_status exec_status(struct exec *e);

th_status exec_complete_now(th_exec *handle, th_status status);

/* The caller's word or the execution's own; 0: it need not stop. */
uint32_t exec_cancel_reason(struct exec *e);
const uint32_t *exec_cancel_word(struct exec *e);

/* Counts and logs a call that broke a rule. */
void exec_misbehaved(struct exec *e, const char *what);

/* ---- exec.c ----------------------------------------------------------------------------------- */

/* In the execution's arena, NUL-terminated; NULL when out of memory. */
char *exec_copy(struct exec *e, const char *s, size_t len);

/* A directory of the execution's own, made on first use; NULL with the reason. */
const char *exec_working_directory(struct exec *e, struct error *err);

/* For services: describes a failure in the slot of the call. Returns `status`. */
th_status errout_fail(th_errout *error, th_status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same from one of our errors; the status fits its code. */
th_status errout_err(th_errout *error, const struct error *err);
th_status status_of_err(int code);

struct output *exec_output(struct exec *e, struct str name);

void secrets_wipe(struct exec *e);

extern const th_literal_api task_literal_api;
