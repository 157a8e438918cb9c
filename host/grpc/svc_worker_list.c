/* ListExecutions. Rows do not know the states that live in memory only (WAITING, RUNNING,
 * CANCELLING), so where one that is not finished is asked for, all such rows are read and those of
 * other states left out here; a page may take several reads. */
#include "flyte/message.h"
#include "grpc/svc_worker_private.h"
#include "store/ident.h"

#include <inttypes.h>
#include <stdio.h>

#define PAGE_DEFAULT 100
#define PAGE_MOST    1000
#define TOKEN_LEN    (IDENT_TEXT + 16)

struct list_call {
	struct worker_service *service;
	struct grpc_call *call;
	uint32_t states, page; /* states: asked for; 0: all */
	uint64_t filters;      /* what the token has to repeat */
	struct store_filter filter;
	struct dispatch_list list;
	struct draft draft;
	W(ListExecutionsResponse) m;
	char names[]; /* plugin and type */
};

static void list_free(struct list_call *c)
{
	draft_done(&c->draft);
	free(c);
}

/* ---- tokens ------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return (h ^ len) * UINT64_C(0x100000001b3);
}

static uint64_t filters_of(const W(ListExecutionsRequest) * r, uint32_t states)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	h = mix(h, &states, sizeof(states));
	h = mix(h, r->plugin, strlen(r->plugin));
	h = mix(h, r->task_type, strlen(r->task_type));
	return mix(h, r->id_prefix, strlen(r->id_prefix));
}

/* The last execution of the page before, and what it was filtered by. */
static char *token_of(struct list_call *c, uint64_t id)
{
	char text[TOKEN_LEN + 1];

	ident_format(id, text);
	snprintf(text + IDENT_TEXT, sizeof(text) - IDENT_TEXT, "%016" PRIx64, c->filters);
	return draft_textz(&c->draft, text);
}

static bool read_token(struct grpc_call *call, const char *token, uint64_t filters, uint64_t *ret)
{
	char expected[17];

	if (!*token)
		return true;
	if (strlen(token) != TOKEN_LEN || !ident_parse((struct str){token, IDENT_TEXT}, ret)) {
		worker_refuse(call, ERR_INVALID,
			      "the page token is not one that this worker gave out");
		return false;
	}
	snprintf(expected, sizeof(expected), "%016" PRIx64, filters);
	if (streq(token + IDENT_TEXT, expected))
		return true;
	worker_refuse(call, ERR_INVALID,
		      "the filters are not those of the page that this page token comes from");
	return false;
}

/* ---- the answer -------------------------------------------------------------------------- */

static void add(struct list_call *c, const struct dispatch_answer *a)
{
	struct dispatch_get now = {.status = 0};

	/* What is in memory is told with what it waits for, which a list is not. */
	if (!exec_state_finished(a->state)) {
		if (dispatch_get_id(c->service->options.dispatch, a->id, &now) == 1)
			a = &now.answer;
		else
			dispatch_get_forget(&now);
	}
	c->m.executions[c->m.n_executions++] = worker_execution(c->service, &c->draft, a);
}

static bool wanted(const struct list_call *c, const struct dispatch_answer *a)
{
	return c->states == 0 || (c->states >> a->state & 1) != 0;
}

static int ask(struct list_call *c);

static void end(struct list_call *c, int status)
{
	if (status == 0)
		draft_reply(&c->draft, &c->m.base, c->call);
	else
		worker_refuse(c->call, status == ERR_NOMEM ? status : ERR_IO, c->list.why);
	list_free(c);
}

static void on_list(struct dispatch_list *l)
{
	struct list_call *c = CONTAINER_OF(l, struct list_call, list);
	bool more = l->more, full = false;
	uint64_t last = 0;
	int r = l->status;

	for (size_t i = 0; r == 0 && i < l->n && !full; i++) {
		last = l->answers[i].id;
		if (wanted(c, &l->answers[i]))
			add(c, &l->answers[i]);
		full = c->m.n_executions == c->page;
		more = l->more || i + 1 < l->n;
	}
	if (r == 0 && more && !full && last > 0) {
		c->filter.before = last;
		r = ask(c);
		if (r == 0)
			return;
	} else if (r == 0 && more && full) {
		c->m.next_page_token = token_of(c, last);
	}
	end(c, r);
}

static int ask(struct list_call *c)
{
	uint32_t limit = c->page - (uint32_t)c->m.n_executions;

	/* Of those with a state of memory's, few may be the ones. */
	if (c->states != 0)
		limit = PAGE_MOST;
	c->list.done = on_list;
	return dispatch_list(c->service->options.dispatch, &c->filter, limit, &c->list);
}

static void cancelled(struct grpc_call *call)
{
	struct list_call *c = grpc_call_user(call);

	dispatch_list_forget(&c->list);
	list_free(c);
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

const struct grpc_call_ops worker_list_ops = {.cancelled = cancelled};

/* ---- the request ------------------------------------------------------------------------- */

static bool read_states(struct grpc_call *call, const W(ListExecutionsRequest) * r, uint32_t *ret)
{
	uint32_t states = 0;

	for (size_t i = 0; i < r->n_states; i++) {
		int state = (int)r->states[i];

		if (state <= EXEC_NEW || state >= EXEC_STATES || *exec_state_name(state) == '?') {
			grpc_call_finishf(call, GRPC_INVALID_ARGUMENT,
					  "%d is not a state of an execution", state);
			return false;
		}
		states |= UINT32_C(1) << state;
	}
	*ret = states;
	return true;
}

/* The states of rows among which those asked for are to be found. */
static uint32_t row_states(uint32_t asked)
{
	uint32_t live = (UINT32_C(1) << EXEC_FINISHED) - 1, of_rows = 0;

	for (int state = EXEC_QUEUED; state < EXEC_FINISHED; state++)
		if (exec_state_durable(state))
			of_rows |= UINT32_C(1) << state;
	return (asked & ~live) | ((asked & live) != 0 ? of_rows : 0);
}

static bool read_filter(struct list_call *c, const W(ListExecutionsRequest) * r)
{
	struct store_filter *f = &c->filter;

	f->states = row_states(c->states);
	if (*r->id_prefix && !ident_parse_prefix(str_of(r->id_prefix), &f->bits, &f->mask)) {
		grpc_call_finishf(c->call, GRPC_INVALID_ARGUMENT,
				  "no id of an execution begins with \"%.64s\"", r->id_prefix);
		return false;
	}
	if (r->page_size > PAGE_MOST) {
		grpc_call_finishf(c->call, GRPC_INVALID_ARGUMENT,
				  "a page has at most %d executions", PAGE_MOST);
		return false;
	}
	c->page = r->page_size > 0 ? r->page_size : PAGE_DEFAULT;
	c->filters = filters_of(r, c->states);
	return read_token(c->call, r->page_token, c->filters, &f->before);
}

/* The request is gone when the store is asked again. */
static void keep_names(struct list_call *c, const W(ListExecutionsRequest) * r)
{
	size_t plugin = strlen(r->plugin), type = strlen(r->task_type);

	memcpy(c->names, r->plugin, plugin);
	memcpy(c->names + plugin, r->task_type, type);
	c->filter.plugin = (struct str){c->names, plugin};
	c->filter.type = (struct str){c->names + plugin, type};
}

static void
list(struct worker_service *s, struct grpc_call *call, const W(ListExecutionsRequest) * r)
{
	struct list_call *c;
	uint32_t states;
	size_t room;
	int rc;

	if (!read_states(call, r, &states))
		return;
	c = worker_alloc(call, sizeof(*c) + strlen(r->plugin) + strlen(r->task_type));
	if (!c)
		return;
	c->service = s;
	c->call = call;
	c->states = states;
	c->m = (W(ListExecutionsResponse))TASKHOST__WORKER__V1__LIST_EXECUTIONS_RESPONSE__INIT;
	draft_init(&c->draft);
	if (!read_filter(c, r)) {
		list_free(c);
		return;
	}
	keep_names(c, r);
	room = c->page;
	c->m.executions = draft_pointers(&c->draft, &room);
	rc = room > 0 ? ask(c) : ERR_NOMEM;
	if (rc < 0)
		end(c, rc);
}

void worker_list(struct grpc_call *call, void *user)
{
	struct arena arena = ARENA_INIT;
	const W(ListExecutionsRequest) *r =
		worker_read(call, W_DESC(list_executions_request), &arena);

	if (r)
		list(user, call, r);
	arena_done(&arena);
}
