/* What the files of serve_http share. */
#pragma once

#include "cli/serve_http.h"
#include "dispatch/list.h"

#define STUCK_BEATS 30

struct serve_http {
	struct serve_http_params params;
	struct http_source source;
	struct list asks; /* struct ask: those who wait for the store, oldest first */

	/* serve_http_watch */
	struct loop_timer look;
	bool was_ready;
	void (*changed)(void *user);
	void *user;
};

/* ---- serve_http_asks.c: what the store has to be asked ----------------------------------------- */

void on_executions(void *user, const struct http_list_query *q, struct http_answer *a);
void on_execution(void *user, const char *id, struct http_answer *a);
uint64_t asks_oldest_beats(const struct serve_http *h); /* how long the oldest read takes */
void asks_end(struct serve_http *h);

/* ---- serve_http_execution.c ---------------------------------------------------------------------- */

/* `steps`: with its timeline. */
void give_execution(struct serve_http *h,
		    const struct dispatch_answer *e,
		    bool steps,
		    struct http_answer *a);

/* ---- serve_http_plugins.c ------------------------------------------------------------------------ */

void on_plugins(void *user, struct http_answer *a);
