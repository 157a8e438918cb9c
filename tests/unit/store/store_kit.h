/* A store on a fresh directory, and requests that wait for their end. */
#pragma once

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "lib/test.h"
#include "store/state_dir.h"
#include "store/store_sqlite.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

struct kit {
	struct state_dir dir;
	struct store *store;
	sem_t woken;
};

static inline void kit_woken(void *user)
{
	sem_post(&((struct kit *)user)->woken);
}

static inline const char *kit_path(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", test_tmpdir(), name);
	return path;
}

static inline int
kit_try(struct kit *k, const char *path, uint64_t low_water, uint64_t ballast, struct error *err)
{
	struct store_sqlite_options o = {.wake = kit_woken,
					 .user = k,
					 .low_water_bytes = low_water,
					 .ballast_bytes = ballast};
	int r;

	*k = (struct kit){.dir = STATE_DIR_INIT};
	sem_init(&k->woken, 0, 0);
	r = state_dir_open(&k->dir, path, err);
	if (r < 0)
		return r;
	o.dir = k->dir.path;
	r = store_sqlite_open(&o, &k->store, err);
	if (r < 0)
		state_dir_close(&k->dir);
	return r;
}

static inline void kit_open(struct kit *k, const char *name)
{
	struct error err = ERROR_INIT;

	CHECK_OK(kit_try(k, kit_path(name), 0, 0, &err), err);
}

static inline void kit_close(struct kit *k)
{
	store_close(k->store);
	state_dir_close(&k->dir);
	sem_destroy(&k->woken);
}

static _Atomic int kit_done_count;

static inline void kit_done(struct store_op *op)
{
	(void)op;
	kit_done_count++;
}

/* Submits and waits for the end. */
static inline int kit_do(struct kit *k, struct store_op *op, enum store_kind kind)
{
	int before = kit_done_count;

	op->done = kit_done;
	store_submit(k->store, op, kind);
	while (kit_done_count == before) {
		sem_wait(&k->woken);
		store_complete(k->store);
	}
	return op->status;
}

static inline struct store_row kit_row(uint64_t id)
{
	return (struct store_row){
		.id = id,
		.state = EXEC_QUEUED,
		.incarnation = 77,
		.priority = 5,
		.plugin = STR("arith"),
		.type = STR("add"),
		.name = STR("arith.add"),
		.output_prefix = STR("file:///tmp/x"),
		.spec = STR("request bytes"),
		.max_runs = 1,
		.accepted_at = 1700000000000000000,
	};
}

static inline enum store_accepted kit_accept(struct kit *k, const struct store_row *row)
{
	struct store_accept a = {.row = row};

	if (kit_do(k, &a.op, STORE_ACCEPT) < 0)
		test_fail(__FILE__, __LINE__, "accept: %s", a.op.message);
	store_row_free(a.found);
	return a.outcome;
}

static inline int kit_update(struct kit *k, uint64_t id, enum exec_state state, uint32_t run)
{
	struct store_update u = {
		.id = id, .state = state, .run = run, .started_at = 5, .after_ms = 7};

	return kit_do(k, &u.op, STORE_UPDATE);
}

static inline int kit_finish(struct kit *k, uint64_t id, enum exec_state state, struct str outputs)
{
	struct store_finish f = {.id = id,
				 .state = state,
				 .run = 1,
				 .at = 1700000001000000000,
				 .outputs_kind =
					 outputs.ptr ? ROW_OUTPUTS_INLINE : ROW_OUTPUTS_NONE,
				 .outputs = outputs};

	return kit_do(k, &f.op, STORE_FINISH);
}

/* The row, or NULL; the caller frees it. */
static inline struct store_row *kit_get(struct kit *k, uint64_t id)
{
	struct store_get g = {.id = id, .want_spec = true, .want_outputs = true};

	return kit_do(k, &g.op, STORE_GET) == 0 ? g.found : NULL;
}
