/* What the files of the worker's assembly share. */
#pragma once

#include "cli/catalog.h"
#include "cli/pid1.h"
#include "cli/sd_notify.h"
#include "cli/serve.h"
#include "cli/serve_files.h"
#include "cli/serve_http.h"
#include "cli/serve_runs.h"
#include "cli/serve_worker.h"
#include "dispatch/dispatch.h"
#include "grpc/health.h"
#include "grpc/server.h"
#include "grpc/svc_agent.h"
#include "grpc/tls.h"
#include "loop/watch.h"
#include "runners/cgroup.h"
#include "runners/guard.h"
#include "runners/logs.h"
#include "store/state_dir.h"
#include "store/store_sqlite.h"

#define SERVE_SIGNALS 3

struct serve {
	const struct worker_config *config;
	struct error err;   /* why it could not start, or had to end */
	int64_t started_at; /* wall clock */

	struct loop *loop;
	struct pid1 *pid1;
	struct sd_notify notify;
	struct signal_watch *signals[SERVE_SIGNALS];

	/* Where things are. */
	struct state_dir state;
	char *runner_program, *check_program, *logs_dir, *work_dir;
	char log_base[256]; /* of links to the page; known once the admin port is */

	struct worker_metrics metrics;
	struct serve_metrics *beat;

	struct wake *store_wake;
	struct loop_later store_flush;
	bool removing_trash;
	struct store *store;
	struct logs *logs;
	struct cgroup *cgroup;
	struct guard *guard;
	struct runner_pool *pool;
	struct catalog *catalog;
	struct serve_runs *runs;
	struct serve_files *files;

	struct dispatch *dispatch;
	struct dispatch_limit *limits;
	struct loop_timer dispatch_timer;
	uint64_t random[16];
	size_t n_random; /* left */

	struct tls *tls;
	struct grpc_server *grpc;
	struct agent_service *agent;
	struct health *health;
	struct serve_worker_facts worker_facts;
	const char **grpc_texts; /* addresses listened on */
	struct serve_worker *worker_source;
	struct worker_service *worker;

	struct serve_http *admin;
	struct serve_http_facts facts;
	char *grpc_addresses;
	struct http_server *http; /* NULL without */

	bool loaded;   /* the first scan is over */
	bool ready;    /* the ready line has been printed */
	bool draining; /* asked to stop */
	bool drained;  /* nothing runs, everything is written */
	bool closing;
	bool reloading; /* for SIGHUP */
	struct catalog_reload reload;
	int exit_code;
	struct loop_timer stop_after, watchdog, last_calls, tidy;
	int64_t tidy_cpu_ns;   /* used by this process when `tidy` last fired */
	int64_t tidied_cpu_ns; /* when it last gave memory back */
};

/* ---- serve_parts.c: what executions need --------------------------------------------------------- */

int serve_open_parts(struct serve *s);
/* After the loop has ended. */
void serve_free_parts(struct serve *s);

/* ---- serve_memory.c: what is not needed any more ------------------------------------------------- */

void serve_forget_start(void);
void serve_start_tidying(struct serve *s);

/* ---- serve_rpc.c: what clients see ----------------------------------------------------------------- */

int serve_open_rpc(struct serve *s);
/* Tells clients which services can do their work now. */
void serve_tell_health(struct serve *s);
void serve_free_rpc(struct serve *s);

/* ---- serve_admin.c: what people see ------------------------------------------------------------------ */

/* Before everything that counts. */
int serve_open_metrics(struct serve *s);
int serve_open_admin(struct serve *s);
void serve_close_admin(struct serve *s);
void serve_free_admin(struct serve *s);
/* Whether the store's thread gets its work done. */
bool serve_store_alive(struct serve *s);

/* ---- serve_stop.c: signals, draining, the end ------------------------------------------------------- */

int serve_watch_signals(struct serve *s);
/* Begins to stop; again: no effect. */
void serve_drain(struct serve *s);
/* Closes everything now, in order; the loop stops when that is done. */
void serve_close(struct serve *s);
/* dispatch_hooks.drain */
void serve_on_drain(void *user, enum drain_stage stage);
