/* Start: every row that is not finished is taken up again.
 *
 *   cancel mark          CANCELLING, whatever else it says
 *   QUEUED               QUEUED
 *   STARTING             a host was lost in the middle of a run: QUEUED again, at most losses_most
 *                        times, then RETRYABLE_FAILED (Flyte's own) or DEAD, code HostLost
 *   COMMITTING           the outputs were on their way: if a file at the prefix has the digest in
 *                        the row it is ours and whole: SUCCEEDED, with the deck that was written
 *                        before it; else as STARTING
 *   RETRY_WAIT           RETRY_WAIT until it is due, but never longer than the longest back-off */
#include "dispatch/private.h"

#include <stdio.h>

struct recovery {
	struct dispatch *d;
	int64_t wall;
};

static void lost(struct execution *x)
{
	struct dispatch *d = x->d;
	bool owned = x->row.flags & ROW_OWNED;
	enum exec_state to;

	d->stats.losses++;
	x->row.losses++;
	to = retry_after_loss(owned, x->row.losses, &d->config);
	if (to == EXEC_QUEUED) {
		exec_move(x, EXEC_QUEUED, "host lost in run %u", x->row.run);
		return;
	}
	exec_end(x, to, "HostLost", "the worker was lost in the middle of %u runs", x->row.losses);
	exec_move(x, EXEC_COMMITTING, "host lost in run %u, for the last time", x->row.run);
}

/* ---- COMMITTING ------------------------------------------------------------------------------ */

/* What is looked for, in this order: the outputs under one of their names, then the deck. */
static const char *const looked_for[] = {"outputs.pb", "futures.pb", "deck.html"};

#define LOOK_DECK (ARRAY_LEN(looked_for) - 1)
#define LONGEST   sizeof("outputs.pb")

struct recheck {
	struct dispatch_file file;
	struct dispatch *d;
	uint64_t id;
	struct list link;
	size_t look; /* index in looked_for */
	char *uri;
	size_t prefix_len; /* of `uri`, with the slash */
	uint8_t digest[STORE_DIGEST_SIZE];
};

static void recheck_free(struct recheck *c)
{
	free(c->uri);
	free(c);
}

static void on_digest(struct dispatch_file *f, int status, const char *why);

static void look(struct recheck *c)
{
	snprintf(c->uri + c->prefix_len, LONGEST, "%s", looked_for[c->look]);
	c->file = (struct dispatch_file){.uri = str_of(c->uri), .done = on_digest};
	c->d->data.digest(c->d->data.user, &c->file);
}

/* True when there is more to be looked for. */
static bool found_or_lost(struct recheck *c, struct execution *x, int status)
{
	struct ending e = {.to = EXEC_SUCCEEDED};

	if (c->look < LOOK_DECK) {
		bool ours =
			status == 0 && memcmp(c->file.digest, c->digest, sizeof(c->digest)) == 0;

		c->look = ours ? LOOK_DECK : c->look + 1;
		if (ours || c->look < LOOK_DECK)
			return true;
		lost(x);
		return false;
	}
	x->found_deck = status == 0;
	x->found_files = true;
	exec_set_ending(x, &e);
	exec_move(x, EXEC_COMMITTING, "its outputs are there");
	return false;
}

static void on_digest(struct dispatch_file *f, int status, const char *why)
{
	struct recheck *c = CONTAINER_OF(f, struct recheck, file);
	struct dispatch *d = c->d;
	struct execution *x;
	bool more = false;

	(void)why;
	if (!d) { /* dispatch is gone */
		recheck_free(c);
		return;
	}
	dispatch_enter(d);
	x = exec_find(d, c->id);
	if (x && x->state == EXEC_NEW && x->cancel_wanted) {
		x->row.cancel = x->cancel_by;
		x->row.cancel_reason = str_of(x->cancel_text);
		exec_move(x, EXEC_CANCELLING, "%s", "");
	} else if (x && x->state == EXEC_NEW) {
		more = found_or_lost(c, x, status);
	}
	if (more) {
		look(c);
	} else {
		list_remove(&c->link);
		recheck_free(c);
	}
	dispatch_leave(d);
}

static void look_for_outputs(struct execution *x, const struct store_row *row)
{
	struct dispatch *d = x->d;
	struct recheck *c = calloc(1, sizeof(*c));
	struct str prefix = row->output_prefix;

	if (!row->has_digest || !d->data.digest || !d->data.can(d->data.user, prefix) || !c ||
	    !(c->uri = malloc(prefix.len + 1 + LONGEST))) {
		free(c);
		lost(x);
		return;
	}
	c->prefix_len = (size_t)sprintf(c->uri, STR_FMT "%s", STR_ARG(prefix),
					str_ends(prefix, "/") ? "" : "/");
	memcpy(c->digest, row->digest, sizeof(c->digest));
	c->d = d;
	c->id = x->row.id;
	list_append(&d->rechecks, &c->link);
	look(c);
}

void rechecks_detach(struct dispatch *d)
{
	struct recheck *c;

	while ((c = list_first(&d->rechecks, struct recheck, link))) {
		list_remove(&c->link);
		c->d = NULL;
	}
}

/* ---- rows -------------------------------------------------------------------------------- */

static int64_t due(struct execution *x, int64_t wall)
{
	int64_t wait = x->row.due_at - wall;

	return now_of(x->d) + MIN(MAX(wait, 0), x->d->config.retry_most_ns);
}

static void resume(struct recovery *r, struct execution *x, const struct store_row *row)
{
	if (row->cancel != ROW_CANCEL_NONE) {
		exec_move(x, EXEC_CANCELLING, "cancelled before the restart");
		return;
	}
	switch (row->state) {
	case EXEC_STARTING:
		lost(x);
		break;
	case EXEC_COMMITTING:
		look_for_outputs(x, row);
		break;
	case EXEC_RETRY_WAIT:
		x->due_ns = due(x, r->wall);
		exec_move(x, EXEC_RETRY_WAIT, "recovered");
		break;
	default:
		exec_move(x, EXEC_QUEUED, "recovered");
	}
}

static int take_up(void *user, const struct store_row *row)
{
	struct recovery *r = user;
	struct execution *x = execution_new(r->d, row);

	if (!x || exec_insert(x) < 0) {
		execution_free(x);
		return ERR_NOMEM;
	}
	/* How long it has waited already, as far as the wall clock can tell. */
	x->created_ns -= MAX(r->wall - row->accepted_at, 0);
	x->ran = row->run > 0;
	resume(r, x, row);
	return 0;
}

int dispatch_recover(struct dispatch *d, struct error *err)
{
	struct recovery r = {.d = d, .wall = wall_of(d)};
	uint64_t last = 0;
	int result;

	dispatch_enter(d);
	d->recovering = true;
	result = store_recover(d->store, take_up, &r, &last, err);
	d->recovering = false;
	d->ids.last = MAX(d->ids.last, last);
	retention_start(d);
	dispatch_leave(d);
	return result;
}
