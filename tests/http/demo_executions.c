/* Executions in every state, answered at once, later or never. */
#include "demo.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

#define ROWS 120

/* ---- the data ---------------------------------------------------------------------------- */

static const char *const states[] = {"SUCCEEDED", "RUNNING",    "QUEUED",  "FAILED",
				     "SUCCEEDED", "RETRY_WAIT", "ABORTED", "DEAD"};

static const char *state_of(unsigned row)
{
	return states[row % ARRAY_LEN(states)];
}

static bool is_finished(const char *state)
{
	return streq(state, "SUCCEEDED") || streq(state, "FAILED") || streq(state, "ABORTED") ||
	       streq(state, "DEAD");
}

static void id_of(unsigned row, char out[32])
{
	snprintf(out, 32, "%016x", 0x1000 + row);
}

static void give_row(struct demo *d, unsigned row, struct http_answer *a, bool alone)
{
	int64_t accepted = d->began_ns - (int64_t)row * S;
	const char *state = state_of(row);
	bool done = is_finished(state), failed = done && !streq(state, "SUCCEEDED");
	char id[32];
	struct http_step steps[] = {
		{.state = STR("QUEUED"), .at_ns = accepted},
		{.state = STR("STARTING"), .run = 1, .at_ns = accepted + 20 * MS},
		{.state = STR("RUNNING"), .run = 1, .at_ns = accepted + 25 * MS},
		{.state = str_of(state), .run = 1, .at_ns = accepted + 900 * MS},
	};
	struct http_execution e = {
		.task = row % 3 ? STR("arith.add") : STR(DEMO_MARKUP),
		.type = STR("native"),
		.plugin = STR("arith"),
		.state = str_of(state),
		.finished = done,
		.cause = streq(state, "QUEUED") ? STR("all 4 slots of arith are in use") : STR_NULL,
		.code = failed ? STR("PluginCrashed") : STR_NULL,
		.message = failed ? STR("signal 11 in " DEMO_MARKUP " \xff") : STR_NULL,
		.run = 1,
		.accepted_ns = accepted,
		.started_ns = streq(state, "QUEUED") ? 0 : accepted + 20 * MS,
		.finished_ns = done ? accepted + 900 * MS : 0,
		.due_ns = streq(state, "RETRY_WAIT") ? clock_realtime_ns() + 90 * S : 0,
		.cpu_ns = 12 * MS,
		.max_rss = 23 << 20,
		.steps = steps,
		.n_steps = alone ? (streq(state, "QUEUED") ? 1 : ARRAY_LEN(steps)) : 0,
	};

	id_of(row, id);
	e.id = str_of(id);
	http_answer_execution(a, &e);
}

static bool find_row(const char *id, unsigned *ret)
{
	char text[32];

	for (unsigned i = 0; i < ROWS; i++) {
		id_of(i, text);
		if (streq(id, text)) {
			*ret = i;
			return true;
		}
	}
	return false;
}

/* ---- answers ----------------------------------------------------------------------------- */

static void answer_list(struct demo *d, const struct http_list_query *q, struct http_answer *a)
{
	unsigned given = 0, row = 0;
	char before[HTTP_ID_MAX + 1];

	snprintf(before, sizeof(before), STR_FMT, STR_ARG(q->before));
	if (*before && !find_row(before, &row)) {
		http_answer_fail(a, ERR_NOT_FOUND, "there is no such execution");
		return;
	}
	for (row += *before ? 1 : 0; row < ROWS; row++) {
		if (q->state.len > 0 && !str_is(q->state, state_of(row)))
			continue;
		if (given == q->limit)
			break;
		give_row(d, row, a, false);
		given++;
	}
	http_answer_end(a, row < ROWS);
}

static void answer_one(struct demo *d, const char *id, struct http_answer *a)
{
	unsigned row;

	if (!find_row(id, &row)) {
		http_answer_fail(a, ERR_NOT_FOUND, "there is no execution with that id");
		return;
	}
	give_row(d, row, a, true);
	http_answer_end(a, false);
}

void demo_log_line(struct demo *d)
{
	if (d->log_len < DEMO_LOG_SIZE - 200)
		d->log_len += (size_t)snprintf(d->log + d->log_len, 200,
					       "%u ended " DEMO_MARKUP "\n", ++d->log_lines);
}

/* Who reads the log of something unfinished finds one more line each time. */
static void
answer_log(struct demo *d, const char *id, const struct http_log_query *q, struct http_answer *a)
{
	struct http_log log = {.lost = 7};
	unsigned row;

	if (!find_row(id, &row) || streq(state_of(row), "QUEUED")) {
		http_answer_fail(a, ERR_NOT_FOUND, "it has printed nothing");
		return;
	}
	if (!is_finished(state_of(row)))
		demo_log_line(d);
	log.offset = q->tail ? d->log_len - MIN(q->max, d->log_len) : MIN(q->offset, d->log_len);
	log.next = log.offset + MIN(q->max, d->log_len - log.offset);
	log.text = (struct str){d->log + log.offset, log.next - log.offset};
	log.end = is_finished(state_of(row)) && log.next == d->log_len;
	http_answer_log(a, &log);
	http_answer_end(a, false);
}

/* ---- now or later ------------------------------------------------------------------------ */

static void answer(struct demo_delayed *w)
{
	struct http_answer *a = w->answer;

	w->answer = NULL;
	if (w->what == 'l')
		answer_list(w->demo, &w->list, a);
	else if (w->what == 'o')
		answer_log(w->demo, w->id, &w->log, a);
	else
		answer_one(w->demo, w->id, a);
}

static void on_delay_over(struct loop_timer *t)
{
	answer(CONTAINER_OF(t, struct demo_delayed, timer));
}

static struct demo_delayed *take_delayed(struct demo *d, int what, struct http_answer *a)
{
	for (size_t i = 0; i < DEMO_DELAYED; i++) {
		if (!d->delayed[i].answer) {
			d->delayed[i] = (struct demo_delayed){.answer = a,
							      .demo = d,
							      .what = what,
							      .timer = {.fire = on_delay_over}};
			return &d->delayed[i];
		}
	}
	http_answer_fail(a, ERR_LIMIT, "too many questions");
	return NULL;
}

static void put_off(struct demo_delayed *w)
{
	struct demo *d = w->demo;

	if (d->delay_ns > 0)
		loop_timer_set(d->loop, &w->timer, loop_now_ns() + d->delay_ns);
	else if (!d->never)
		answer(w);
}

void demo_executions(void *user, const struct http_list_query *q, struct http_answer *a)
{
	struct demo_delayed *w = take_delayed(user, 'l', a);

	if (!w)
		return;
	w->list = *q;
	snprintf(w->state, sizeof(w->state), STR_FMT, STR_ARG(q->state));
	snprintf(w->before, sizeof(w->before), STR_FMT, STR_ARG(q->before));
	w->list.state = str_of(w->state);
	w->list.before = str_of(w->before);
	put_off(w);
}

void demo_execution(void *user, const char *id, struct http_answer *a)
{
	struct demo_delayed *w = take_delayed(user, 'e', a);

	if (!w)
		return;
	snprintf(w->id, sizeof(w->id), "%s", id);
	put_off(w);
}

void demo_logs(void *user, const char *id, const struct http_log_query *q, struct http_answer *a)
{
	struct demo_delayed *w = take_delayed(user, 'o', a);

	if (!w)
		return;
	snprintf(w->id, sizeof(w->id), "%s", id);
	w->log = *q;
	put_off(w);
}

void demo_answer_all(struct demo *d)
{
	for (size_t i = 0; i < DEMO_DELAYED; i++) {
		if (d->delayed[i].answer) {
			loop_timer_cancel(d->loop, &d->delayed[i].timer);
			answer(&d->delayed[i]);
		}
	}
}
