/* GetTaskLogs: what a task has printed, in pages. A token is the place in its log where the next page
 * begins, as a decimal number; the last page of a finished execution has none.
 *
 * Each page holds whole lines: at most `lines` of them when that is given, and about PAGE_BYTES. The
 * end of a line that has not been printed yet is left for a later page. */
#include "flyte/wire.h"
#include "grpc/svc_agent_private.h"
#include "runners/logs.h"
#include "store/ident.h"

#include "desc_table.h"

#include <inttypes.h>
#include <stdio.h>

#define PAGE_BYTES ((size_t)256 << 10)
#define BODY_BYTES ((size_t)64 << 10) /* of text in one message */

enum { FROM_TASK = 1, FROM_WORKER = 2 }; /* LogLineOriginator: USER, SYSTEM */

struct page {
	struct grpc_call *call;
	struct buf *out; /* the message being made */
	size_t mark;     /* of its body; 0: none begun */
	size_t text;     /* bytes of text in it */
	int failed;
	struct error *err;
};

/* ---- writing ----------------------------------------------------------------------------- */

static void send(struct page *p)
{
	int r = buf_check(p->out, "a page of a log", p->err);

	if (r == 0)
		r = grpc_call_send(p->call, &(struct str){p->out->data, p->out->len}, 1, p->err);
	p->failed = r < 0 ? r : 0;
}

static void send_body(struct page *p)
{
	if (p->mark == 0 || p->failed)
		return;
	wire_end(p->out, p->mark);
	p->mark = 0;
	send(p);
}

static void put_text(struct buf *out, uint32_t field, struct str line)
{
	size_t mark = wire_begin(out, field);

	put_text_clean(out, line, 3 * line.len);
	wire_end(out, mark);
}

static void put_line(struct page *p, struct str line, int originator)
{
	size_t mark;

	if (p->failed)
		return;
	if (p->mark == 0) {
		buf_clear(p->out);
		p->text = 0;
		p->mark = wire_begin(p->out, 2); /* body */
	}
	put_text(p->out, 1, line);
	mark = wire_begin(p->out, 2); /* structured_lines */
	put_text(p->out, 2, line);
	wire_put_tag(p->out, 3, WIRE_VARINT);
	wire_put_varint(p->out, (uint64_t)originator);
	wire_end(p->out, mark);
	p->text += line.len;
	if (p->text >= BODY_BYTES)
		send_body(p);
}

static void put_header(struct page *p, uint64_t next, bool more)
{
	char token[24];
	size_t mark;

	buf_clear(p->out);
	mark = wire_begin(p->out, 1);
	if (more) {
		snprintf(token, sizeof(token), "%" PRIu64, next);
		wire_put_bytes(p->out, 1, str_of(token));
	}
	wire_end(p->out, mark);
	send(p);
}

__attribute__((format(printf, 2, 3))) static void put_notice(struct page *p, const char *fmt, ...)
{
	char text[160];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_line(p, (struct str){text, MIN((size_t)n, sizeof(text) - 1)}, FROM_WORKER);
}

/* ---- pages ------------------------------------------------------------------------------- */

/* How much of what was read makes a page. `complete`: nothing will be added to it. */
static size_t page_size(struct str text, uint64_t lines, bool complete)
{
	size_t used = 0;

	for (uint64_t n = 0; used < text.len && (lines == 0 || n < lines); n++) {
		const char *end = memchr(text.ptr + used, '\n', text.len - used);

		if (!end && !complete && (used > 0 || text.len < PAGE_BYTES))
			return used;
		used = end ? (size_t)(end - text.ptr) + 1 : text.len;
	}
	return used;
}

static void put_lines(struct page *p, struct str text)
{
	while (text.len > 0) {
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t n = end ? (size_t)(end - text.ptr) : text.len;

		put_line(p, (struct str){text.ptr, n}, FROM_TASK);
		n += end ? 1 : 0;
		text = (struct str){text.ptr + n, text.len - n};
	}
}

static int put_page(struct agent_call *c, struct page *p, struct str text, struct log_part *part)
{
	bool finished = exec_state_finished(c->get.answer.state);
	size_t used = page_size(text, c->lines, part->end);
	bool last = finished && part->end && used == text.len;

	put_header(p, part->offset + used, !last);
	if (part->gone > 0)
		put_notice(p, "(%" PRIu64 " bytes before this are no longer kept)", part->gone);
	put_lines(p, (struct str){text.ptr, used});
	if (last && part->lost > 0)
		put_notice(p, "(%" PRIu64 " bytes were printed too fast to be kept)", part->lost);
	send_body(p);
	return p->failed;
}

/* Nothing was printed, or it is not kept any more. */
static int put_nothing(struct agent_call *c, struct page *p)
{
	put_header(p, c->offset, !exec_state_finished(c->get.answer.state));
	return p->failed;
}

static int send_page(struct agent_call *c, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct agent_service *s = c->service;
	struct page p = {.call = c->call, .out = &s->scratch, .err = err};
	char name[IDENT_TEXT + 1];
	struct log_part part;
	int r = ERR_NOT_FOUND;

	if (c->get.status < 0)
		return err_set(err, ERR_IO, "%s", c->get.why);
	ident_format(c->get.answer.id, name);
	if (s->options.logs)
		r = logs_read(s->options.logs, name, c->offset, PAGE_BYTES, &text, &part, err);
	if (r == ERR_NOT_FOUND)
		return put_nothing(c, &p);
	if (r < 0)
		return r;
	return put_page(c, &p, (struct str){text.data, text.len}, &part);
}

static void on_answer(struct dispatch_get *g)
{
	struct agent_call *c = CONTAINER_OF(g, struct agent_call, get);
	struct grpc_call *call = c->call;
	struct error err;
	int r;

	err.message[0] = '\0';
	r = send_page(c, &err);
	agent_call_free(c);
	if (r == ERR_IO || r == ERR_NOMEM)
		agent_refuse(call, ERR_STATE, err.message);
	else if (r < 0)
		grpc_call_fail(call, &err);
	else
		grpc_call_finish(call, GRPC_OK, STR_NULL);
}

void agent_get_logs(struct grpc_call *call, void *user)
{
	struct task_ref ref;
	struct view_field f;
	struct agent_call *c;
	int r;

	if (!agent_read_ref(call, MESSAGE_DESC(flyteidl__admin__get_task_logs_request), 5, &ref))
		return;
	c = agent_call_new(user, call);
	if (!c)
		return;
	c->offset = 0;
	c->lines = view_find(grpc_call_request(call), 3, &f) ? f.value : 0;
	if (view_find(grpc_call_request(call), 4, &f) && f.bytes.len > 0 &&
	    !parse_u64(f.bytes, &c->offset)) {
		agent_call_free(c);
		agent_refuse(call, ERR_INVALID, "the token is not one that this service gave out");
		return;
	}
	r = agent_ask(c, &ref, on_answer);
	if (r > 0)
		on_answer(&c->get);
	else if (r < 0)
		agent_call_free(c);
}
