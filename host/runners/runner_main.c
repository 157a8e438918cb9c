/* The runner's life: meets the host, loads, serves, ends. */
#include "runners/runner_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

/* ---- meeting ------------------------------------------------------------------------------ */

static void answer_failure(int control, enum hello_kind kind, const struct error *why)
{
	struct hello_failed f = {.code = why->code};

	memcpy(f.message, why->message, sizeof(f.message));
	hello_send(control, kind, &f, sizeof(f), NULL, 0, NULL);
}

static int cut_text(const struct hello *h, size_t *at, uint32_t len, char **to, struct error *err)
{
	if (len > h->head.len - *at)
		return err_set(err, ERR_INVALID, "the host's hello is cut off");
	memcpy(*to, h->body.bytes + *at, len);
	(*to)[len] = '\0';
	*to += len + 1;
	*at += len;
	return 0;
}

static int read_serve(struct runner *r, const struct hello *h, struct error *err)
{
	const struct hello_serve *s = &h->body.serve;
	const uint32_t lens[] = {s->name_len, s->path_len, s->digest_len, s->config_len};
	const char *texts[ARRAY_LEN(lens)];
	size_t ends = ARRAY_LEN(lens);
	size_t at = sizeof(*s);
	char *to;

	if (h->head.len < sizeof(*s))
		return err_set(err, ERR_INVALID, "the host's hello is cut off");
	r->texts = to = malloc(h->head.len + ends);
	if (!to)
		return err_nomem(err, "what to serve");
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		int code;

		texts[i] = to;
		code = cut_text(h, &at, lens[i], &to, err);
		if (code < 0)
			return code;
	}
	r->start = (struct runner_start){
		.name = texts[0],
		.path = texts[1],
		.digest = texts[2],
		.config = {texts[3], s->config_len},
		.max_inflight = s->max_inflight,
	};
	r->copies = s->max_inflight > 1;
	return 0;
}

static int open_channel(struct runner *r, struct hello *h, struct error *err)
{
	int memory = h->fds[0], wake = h->fds[1], completed = h->fds[2];
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int code;

	if (memory < 0 || wake < 0 || completed < 0)
		return err_set(err, ERR_INVALID, "the host's hello lacks descriptors");
	h->fds[0] = h->fds[1] = h->fds[2] = -1;
	code = channel_open(&h->body.serve.size, memory, wake, completed, &r->channel, err);
	if (code < 0)
		return code;
	ring_reader_init(&r->in, r->channel.to_runner, r->channel.size.ring_bytes);
	ring_writer_init(&r->out, r->channel.to_host, r->channel.size.ring_bytes);
	r->start.about = &r->channel.header->about;
	/* Edge-triggered: the eventfd counts up and need never be read. */
	r->poll = epoll_create1(EPOLL_CLOEXEC);
	if (r->poll < 0 || epoll_ctl(r->poll, EPOLL_CTL_ADD, r->channel.wake, &event) < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot watch the ring");
	return 0;
}

/* ---- serving ------------------------------------------------------------------------------ */

static void sleep_until_kicked(struct runner *r)
{
	struct epoll_event event;

	runner_pay_kick(r);
	if (!ring_sleep(&r->in))
		return;
	if (atomic_load(&r->channel.header->stop))
		return;
	r->now_ns = 0;
	epoll_wait(r->poll, &event, 1, -1);
	ring_awake(&r->in);
}

static int serve(struct runner *r, struct error *err)
{
	struct ring_record record;
	int code;

	for (;;) {
		code = ring_next(&r->in, &record, err);
		if (code < 0)
			return code;
		if (code == 0) {
			if (atomic_load(&r->channel.header->stop))
				return 0;
			sleep_until_kicked(r);
			continue;
		}
		if (record.kind != RECORD_SUBMIT)
			return err_set(err, ERR_INVALID, "the host sent a record of kind %u",
				       record.kind);
		code = runner_take(r, &record, err);
		if (ring_consume(&r->in))
			channel_kick(r->channel.completed);
		if (code < 0)
			return code;
	}
}

static int begin(struct runner *r, int control, struct error *err)
{
	int code;

	snprintf(r->start.about->step, sizeof(r->start.about->step), "load %s", r->start.name);
	code = r->ops->init(r->ops_ctx, &r->start, &r->state, err);
	if (code == 0 && r->ops->cancel)
		code = runner_cancel_start(r, err);
	if (code < 0)
		return code;
	return hello_send(control, HELLO_READY, NULL, 0, NULL, 0, err);
}

static int begin_and_serve(struct runner *r, int control, struct error *err)
{
	int code = begin(r, control, err);

	if (code < 0) {
		answer_failure(control, HELLO_FAILED, err);
		return code;
	}
	code = serve(r, err);
	if (code == ERR_NOMEM)
		r->start.about->out_of_memory = 1;
	if (code == 0 && r->ops->quiesce)
		r->ops->quiesce(r->state);
	return code;
}

static void runner_done(struct runner *r)
{
	runner_cancel_stop(r);
	runner_templates_done(r);
	runner_runs_done(r);
	closep(&r->poll);
	channel_done(&r->channel);
	pthread_mutex_destroy(&r->lock);
	free(r->texts);
}

/* ---- entry -------------------------------------------------------------------------------- */

static int serve_hello(int control,
		       struct hello *h,
		       bool in_process,
		       const struct runner_ops *ops,
		       void *ctx,
		       struct error *err)
{
	struct runner r = {.ops = ops, .ops_ctx = ctx, .poll = -1, .thread = pthread_self()};
	int code;

	r.channel = (struct channel){.memory = -1, .wake = -1, .completed = -1};
	pthread_mutex_init(&r.lock, NULL);
	code = read_serve(&r, h, err);
	r.start.in_process = in_process;
	if (code == 0 && !in_process)
		r.cpu_seconds = h->body.serve.limits.cpu_seconds;
	if (code == 0 && !in_process)
		code = confine(&h->body.serve, r.start.name, err);
	if (code == 0)
		code = open_channel(&r, h, err);
	if (code < 0)
		answer_failure(control, HELLO_FAILED, err);
	if (code == 0 && !in_process) {
		crash_install(r.channel.crash, runner_boundary());
		crash_dump_on_sigusr1(runner_boundary());
	}
	if (code == 0)
		code = begin_and_serve(&r, control, err);
	runner_done(&r);
	return code;
}

static int receive(int control, struct hello *h, struct error *err)
{
	int code = hello_receive(control, true, h, err);

	if (code == ERR_MISMATCH)
		answer_failure(control, HELLO_REFUSED, err);
	return code;
}

static int
serve_as(int control, bool in_process, const struct runner_ops *ops, void *ctx, struct error *err)
{
	_cleanup_(closep) int owned = control;
	_cleanup_(freep) struct hello *h = malloc(sizeof(*h));
	struct error own = ERROR_INIT;
	int code;

	if (!err)
		err = &own; /* the host is told in any case */
	if (!h)
		return err_nomem(err, "the host's hello");
	fcntl(owned, F_SETFD, FD_CLOEXEC); /* it may have come across exec under a fixed number */
	code = receive(owned, h, err);
	if (code <= 0)
		return code;
	if (h->head.kind == HELLO_SERVE)
		code = serve_hello(owned, h, in_process, ops, ctx, err);
	else if (h->head.kind == HELLO_NAME && !in_process)
		code = namer_serve(owned, TAKE_FD(h->fds[0]), err);
	else
		code = err_set(err, ERR_INVALID, "the host said something of kind %u",
			       h->head.kind);
	for (size_t i = 0; i < HELLO_FDS_MAX; i++)
		closep(&h->fds[i]);
	return code;
}

int runner_serve(int control, const struct runner_ops *ops, void *ctx, struct error *err)
{
	return serve_as(control, false, ops, ctx, err);
}

int runner_serve_thread(int control, const struct runner_ops *ops, void *ctx, struct error *err)
{
	return serve_as(control, true, ops, ctx, err);
}
