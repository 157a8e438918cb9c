/* Questions that the store has to be asked. The answer is kept until the store's comes; a list of
 * what lives takes several reads when memory knows better than many rows. */
#include "cli/serve_http_private.h"

#include "base/mem.h"
#include "loop/loop.h"
#include "store/ident.h"

#include <stdio.h>

#define NAMES_MAX 256 /* of a plugin or type that is asked for */
#define READ_LIVE 500 /* rows of one read when rows have to be looked through */
#define LIVE_STATES                                                                                \
	(1u << EXEC_QUEUED | 1u << EXEC_STARTING | 1u << EXEC_COMMITTING | 1u << EXEC_RETRY_WAIT)

struct ask {
	struct list link;
	struct serve_http *owner;
	struct http_answer *answer; /* NULL: it was answered */
	uint64_t since;             /* beats */
	struct dispatch_list list;
	struct loop_later later; /* once the read is over: the next one, or the end */
	struct store_filter filter;
	uint32_t seen; /* states that are wanted, as they are seen; 0: all */
	unsigned left; /* how many more are wanted */
	uint64_t one;  /* the only id wanted; 0: a list */
	char plugin[NAMES_MAX], type[NAMES_MAX];
};

static void ask_free(struct ask *k)
{
	list_remove(&k->link);
	free(k);
}

static void fail(struct ask *k, int code, const char *message)
{
	http_answer_fail(TAKE(k->answer), code, message);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void answer_one(struct ask *k)
{
	const struct dispatch_list *l = &k->list;

	if (l->n == 0 || l->answers[0].id != k->one) {
		fail(k, ERR_NOT_FOUND, "there is no execution with that id");
		return;
	}
	give_execution(k->owner, &l->answers[0], true, k->answer);
	http_answer_end(TAKE(k->answer), false);
}

/* Ends the answer, or leaves it for another read. */
static void answer_list(struct ask *k)
{
	const struct dispatch_list *l = &k->list;

	for (size_t i = 0; i < l->n; i++) {
		const struct dispatch_answer *e = &l->answers[i];

		k->filter.before = e->id;
		if (k->seen != 0 && !(k->seen >> e->state & 1))
			continue;
		if (k->left == 0) {
			http_answer_end(TAKE(k->answer), true);
			return;
		}
		give_execution(k->owner, e, false, k->answer);
		k->left--;
	}
	if (!l->more || l->n == 0 || k->left == 0)
		http_answer_end(TAKE(k->answer), l->more);
}

static void on_listed(struct dispatch_list *l)
{
	struct ask *k = CONTAINER_OF(l, struct ask, list);

	if (l->status < 0)
		fail(k, l->status, l->why);
	else if (k->one != 0)
		answer_one(k);
	else
		answer_list(k);
	/* The list is dispatch's until this returns. */
	loop_later_queue(k->owner->params.loop, &k->later);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void ask(struct ask *k)
{
	struct serve_http *h = k->owner;
	uint32_t limit = k->one ? 1 : k->seen ? READ_LIVE : k->left;

	k->since = serve_metrics_beats(h->params.metrics);
	list_remove(&k->link);
	list_append(&h->asks, &k->link);
	if (dispatch_list(h->params.dispatch, &k->filter, limit, &k->list) < 0) {
		fail(k, k->list.status, k->list.why);
		ask_free(k);
	}
}

static void on_later(struct loop_later *later)
{
	struct ask *k = CONTAINER_OF(later, struct ask, later);

	if (k->answer)
		ask(k);
	else
		ask_free(k);
}

static struct ask *ask_new(struct serve_http *h, struct http_answer *a)
{
	struct ask *k = calloc(1, sizeof(*k));

	if (!k) {
		http_answer_fail(a, ERR_NOMEM, "the worker has no memory left");
		return NULL;
	}
	k->owner = h;
	k->answer = a;
	k->list.done = on_listed;
	k->later.run = on_later;
	list_append(&h->asks, &k->link);
	return k;
}

/* Whoever asks for those that wait means those held by a limit, too; and a failure is one whoever is
 * to try again. */
static uint32_t states_seen(enum exec_state state)
{
	if (state == EXEC_QUEUED)
		return 1u << EXEC_QUEUED | 1u << EXEC_WAITING;
	if (state == EXEC_FAILED)
		return 1u << EXEC_FAILED | 1u << EXEC_RETRYABLE_FAILED;
	return 1u << state;
}

static bool take_state(struct ask *k, struct str text)
{
	char name[32];
	int state;

	if (text.len == 0)
		return true;
	snprintf(name, sizeof(name), STR_FMT, STR_ARG(text));
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	state = text.len < sizeof(name) ? exec_state_find(name) : -1;
	if (state < 0)
		return false;
	/* Rows lag behind as long as their executions live: any of them may be in that state. */
	k->seen = states_seen((enum exec_state)state);
	k->filter.states = exec_state_finished((enum exec_state)state) ? k->seen : LIVE_STATES;
	if (k->filter.states == k->seen)
		k->seen = 0;
	return true;
}

static bool take_name(char copy[NAMES_MAX], struct str name, struct str *ret)
{
	if (name.len >= NAMES_MAX)
		return false;
	snprintf(copy, NAMES_MAX, STR_FMT, STR_ARG(name));
	*ret = (struct str){copy, name.len};
	return true;
}

void on_executions(void *user, const struct http_list_query *q, struct http_answer *a)
{
	struct ask *k = ask_new(user, a);
	const char *wrong = NULL;

	if (!k)
		return;
	k->left = q->limit;
	if (!take_state(k, q->state))
		wrong = "state: there is no such state";
	else if (!take_name(k->plugin, q->plugin, &k->filter.plugin))
		wrong = "plugin: no plugin has so long a name";
	else if (!take_name(k->type, q->type, &k->filter.type))
		wrong = "type: no task type has so long a name";
	else if (q->before.len > 0 && !ident_parse(q->before, &k->filter.before))
		wrong = "before: that is no execution's id";
	if (wrong) {
		fail(k, ERR_INVALID, wrong);
		ask_free(k);
		return;
	}
	ask(k);
}

void on_execution(void *user, const char *id, struct http_answer *a)
{
	struct ask *k = ask_new(user, a);

	if (!k)
		return;
	if (!ident_parse(str_of(id), &k->one) || k->one == 0 || k->one >= INT64_MAX) {
		fail(k, ERR_NOT_FOUND, "there is no execution with that id");
		ask_free(k);
		return;
	}
	k->filter.before = k->one + 1; /* the newest up to it, with its history */
	ask(k);
}

/* ---- waiting and ending ---------------------------------------------------------------------- */

uint64_t asks_oldest_beats(const struct serve_http *h)
{
	const struct ask *k = list_first(&h->asks, struct ask, link);

	return k && k->answer ? serve_metrics_beats(h->params.metrics) - k->since : 0;
}

void asks_end(struct serve_http *h)
{
	struct ask *k;

	while ((k = list_first(&h->asks, struct ask, link))) {
		dispatch_list_forget(&k->list);
		loop_later_cancel(h->params.loop, &k->later);
		if (k->answer)
			fail(k, ERR_CANCELLED, "the worker is stopping");
		ask_free(k);
	}
}
