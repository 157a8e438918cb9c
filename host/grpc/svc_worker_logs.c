/* GetLogs: what an execution has printed, in parts. A token is the place of the byte after, as a
 * decimal number. */
#include "flyte/message.h"
#include "grpc/svc_worker_private.h"
#include "runners/logs.h"
#include "store/ident.h"

#include <inttypes.h>
#include <stdio.h>

#define PART_BYTES ((size_t)64 << 10)

struct log_call {
	struct worker_service *service;
	struct grpc_call *call;
	uint64_t id, offset, lines;
	char name[IDENT_TEXT + 1];
	bool follow;
	bool finished; /* the execution: nobody will write any more */
	bool full, told;
	struct dispatch_get get;
	struct dispatch_watch watch;
	struct log_follower follower;
	bool following;
};

static void log_free(struct log_call *c)
{
	dispatch_get_forget(&c->get);
	dispatch_unwatch(&c->watch);
	if (c->following)
		logs_unfollow(&c->follower);
	free(c);
}

static void finish(struct log_call *c)
{
	struct grpc_call *call = c->call;

	log_free(c);
	grpc_call_finish(call, GRPC_OK, STR_NULL);
}

static void fail(struct log_call *c, const struct error *err)
{
	struct grpc_call *call = c->call;

	log_free(c);
	if (err->code == ERR_IO)
		worker_refuse(call, ERR_IO, err->message);
	else
		grpc_call_fail(call, err);
}

/* ---- parts ------------------------------------------------------------------------------- */

static int
send_part(struct log_call *c, struct str data, const struct log_part *part, struct error *err)
{
	W(GetLogsResponse) m = TASKHOST__WORKER__V1__GET_LOGS_RESPONSE__INIT;
	struct draft d;
	char token[24];
	int r;

	draft_init(&d);
	snprintf(token, sizeof(token), "%" PRIu64, c->offset);
	m.token = token;
	m.data = (ProtobufCBinaryData){data.len, (uint8_t *)(uintptr_t)data.ptr};
	m.skipped = part->gone;
	m.lost = part->lost;
	m.end = part->end;
	r = draft_send(&d, &m.base, c->call, err);
	draft_done(&d);
	c->told = true;
	return r;
}

/* The next part. What nobody has printed is an empty log. */
static int read_part(struct log_call *c, struct buf *text, struct log_part *part, struct error *err)
{
	struct logs *logs = c->service->options.logs;
	int r = ERR_NOT_FOUND;

	if (logs)
		r = logs_read(logs, c->name, c->offset, PART_BYTES, text, part, err);
	if (r == ERR_NOT_FOUND) {
		*part = (struct log_part){.offset = c->offset, .next = c->offset, .end = true};
		r = 0;
	}
	if (r == 0 && !c->finished) /* another run may write to it */
		part->end = false;
	return r;
}

enum step { MORE, WAIT, OVER };

/* One message, when there is one to send. */
static int step(struct log_call *c, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct log_part part;
	bool last;
	int r = read_part(c, &text, &part, err);

	if (r < 0)
		return r;
	if (text.len == 0 && !part.end && c->follow)
		return WAIT;
	last = part.end || text.len == 0;
	c->offset = part.next;
	/* Without an end the last part is sent only to give the token. */
	if (text.len == 0 && !part.end && c->told)
		return OVER;
	r = send_part(c, (struct str){text.data, text.len}, &part, err);
	if (r < 0)
		return r;
	c->full = r == GRPC_FULL;
	return last ? OVER : c->full ? WAIT : MORE;
}

static void pump(struct log_call *c)
{
	struct error err;
	int r = MORE;

	err.code = 0;
	err.message[0] = '\0';
	if (c->full)
		return;
	while (r == MORE)
		r = step(c, &err);
	if (r < 0)
		fail(c, &err);
	else if (r == OVER)
		finish(c);
}

/* ---- news -------------------------------------------------------------------------------- */

static void on_more(struct log_follower *f)
{
	pump(CONTAINER_OF(f, struct log_call, follower));
}

static void on_change(struct dispatch_watch *w, const struct dispatch_answer *a)
{
	struct log_call *c = CONTAINER_OF(w, struct log_call, watch);

	if (!exec_state_finished(a->state))
		return;
	c->finished = true;
	pump(c);
}

static void writable(struct grpc_call *call)
{
	struct log_call *c = grpc_call_user(call);

	c->full = false;
	pump(c);
}

static void cancelled(struct grpc_call *call)
{
	log_free(grpc_call_user(call));
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

const struct grpc_call_ops worker_logs_ops = {.writable = writable, .cancelled = cancelled};

/* ---- the beginning ------------------------------------------------------------------------- */

static int follow(struct log_call *c, struct error *err)
{
	struct logs *logs = c->service->options.logs;
	int r = 0;

	c->watch.changed = on_change;
	if (!c->finished && dispatch_watch(c->service->options.dispatch, c->id, &c->watch) < 0)
		return err_set(err, ERR_IO, "the worker cannot tell how the execution goes on");
	c->follower.more = on_more;
	if (logs)
		r = logs_follow(logs, c->name, &c->follower, err);
	c->following = logs && r == 0;
	return r;
}

static int begin(struct log_call *c, struct error *err)
{
	struct logs *logs = c->service->options.logs;
	int r = ERR_NOT_FOUND;

	c->finished = exec_state_finished(c->get.answer.state);
	if (c->lines > 0 && logs)
		r = logs_tail(logs, c->name, (size_t)MIN(c->lines, SIZE_MAX), &c->offset, err);
	if (r < 0 && r != ERR_NOT_FOUND)
		return r;
	return c->follow ? follow(c, err) : 0;
}

static void on_answer(struct dispatch_get *g)
{
	struct log_call *c = CONTAINER_OF(g, struct log_call, get);
	struct grpc_call *call = c->call;
	struct error err;

	err.code = 0;
	err.message[0] = '\0';
	if (g->status == ERR_NOT_FOUND) {
		worker_refuse_missing(call, c->id);
		log_free(c);
	} else if (g->status < 0) {
		worker_refuse(call, ERR_IO, g->why);
		log_free(c);
	} else if (begin(c, &err) < 0) {
		fail(c, &err);
	} else {
		pump(c);
	}
}

static void read_logs(struct worker_service *s, struct grpc_call *call, const W(GetLogsRequest) * r)
{
	uint64_t id, offset = 0;
	struct log_call *c;

	if (!worker_read_id(call, r->id, &id))
		return;
	if (*r->token && !parse_u64(str_of(r->token), &offset)) {
		worker_refuse(call, ERR_INVALID, "the token is not one that this worker gave out");
		return;
	}
	c = worker_alloc(call, sizeof(*c));
	if (!c)
		return;
	c->service = s;
	c->call = call;
	c->id = id;
	c->offset = offset;
	c->lines = *r->token ? 0 : r->lines;
	c->follow = r->follow;
	ident_format(id, c->name);
	c->get.done = on_answer;
	if (dispatch_get_id(s->options.dispatch, id, &c->get) != 0)
		on_answer(&c->get);
}

void worker_logs(struct grpc_call *call, void *user)
{
	struct arena arena = ARENA_INIT;
	const W(GetLogsRequest) *r = worker_read(call, W_DESC(get_logs_request), &arena);

	if (r)
		read_logs(user, call, r);
	arena_done(&arena);
}
