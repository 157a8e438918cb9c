/* A worker's admin port on a real loop, store and dispatch. Runs end when the test says so; catalog
 * and pool are what the test says they are, in place of cli/catalog.c and runners/pool.c. */
#pragma once

#include "base/mem.h"
#include "cli/catalog.h"
#include "cli/serve_http_private.h"
#include "lib/test.h"
#include "runners/logs.h"
#include "store/ident.h"
#include "store/state_dir.h"
#include "store/store_sqlite.h"

#define MS       INT64_C(1000000)
#define KIT_RUNS 16

struct kit {
	struct error err;
	struct loop *loop;
	struct state_dir dir;
	struct store *store;
	struct dispatch *dispatch;
	struct logs *logs;
	struct worker_metrics families;
	struct serve_metrics *metrics;
	struct serve_metrics_sources sources;
	struct serve_http_facts facts;
	struct serve_http *http;
	struct http_server *server;
	int64_t wake_at;
	uint64_t random;
	bool deaf; /* the store's answers are left lying */

	const char *hold; /* why runs cannot start; NULL: they can */
	struct kit_run {
		uint64_t id;
		uint32_t run;
	} runs[KIT_RUNS];
	size_t n_runs;

	int status; /* of the last fetch */
	struct buf reply;
	const char *body; /* in `reply` */
};

extern struct kit k;

/* What catalog_list, catalog_counts and runner_pool_stats give. */
extern struct catalog_view kit_views[8];
extern size_t kit_n_views;
extern struct catalog_counts kit_counts;
extern struct runner_pool_stats kit_pool;
extern struct catalog *const kit_catalog;
extern const struct runner_pool *const kit_runner_pool;

void kit_open(unsigned slots);
void kit_close(void);
void kit_turn(void);

/* Asks and waits for the end of the answer. */
const char *kit_get(const char *path);
/* The same in two steps. */
int kit_ask(const char *path);
const char *kit_answer(int fd);

/* Fails unless the last body has it, or does have it. */
void kit_has(const char *words);
void kit_has_not(const char *words);
/* A line of the metrics as they are now. */
void kit_metric(const char *line);

/* Accepts an execution of a type; its id as text stays in `text`. */
uint64_t kit_create(const char *type, char text[IDENT_TEXT + 1]);
/* At once, so that the disk is asked few times; the id of the last. */
void kit_create_many(const char *type, size_t n, char text[IDENT_TEXT + 1]);
/* Its run was handed over and began. */
struct kit_run *kit_start(uint64_t id);
void kit_end(uint64_t id, const struct run_result *result);
void kit_succeed(uint64_t id);
