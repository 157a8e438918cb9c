#include "loop/loop.h"

#include "loop/internal.h"

#include "base/buf.h"
#include "base/clock.h"

#include <signal.h>
#include <stdarg.h>

int64_t loop_now_ns(void)
{
	return clock_monotonic_ns();
}

int loop_error(struct error *err, int uv_code, const char *fmt, ...)
{
	char what[ERR_MESSAGE_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	/* On Linux libuv's codes are negated errno values, apart from its own below -3000. */
	if (uv_code < -3000)
		return err_set(err, ERR_IO, "%s: %s", what, uv_strerror(uv_code));
	return err_set_errno(err, err_from_errno(-uv_code), -uv_code, "%s", what);
}

/* ---- handles ----------------------------------------------------------------------------- */

void loop_handle_add(struct loop *l, struct loop_handle *h, const char *kind)
{
	h->loop = l;
	h->kind = kind;
	h->next = l->handles;
	h->link = &l->handles;
	if (h->next)
		h->next->link = &h->next;
	l->handles = h;
	l->open++;
}

void loop_handle_remove(struct loop_handle *h)
{
	*h->link = h->next;
	if (h->next)
		h->next->link = h->link;
	h->loop->open--;
}

size_t loop_open(const struct loop *l)
{
	return l->open;
}

/* ---- timers ------------------------------------------------------------------------------ */

static void on_clock(uv_timer_t *clock);

/* libuv counts in milliseconds from a time it read earlier, so it may be a little early; on_clock
 * looks at the real time. */
static void arm_clock(struct loop *l, int64_t now_ns, uint64_t least_ms)
{
	struct heap_node *first = heap_min(&l->timers);
	uint64_t ms;

	if (!first || first->key >= l->clock_ns)
		return;
	l->clock_ns = first->key;
	uv_update_time(&l->uv);
	ms = first->key <= now_ns ? 0 : ((uint64_t)(first->key - now_ns) + 999999) / 1000000;
	uv_timer_start(&l->clock, on_clock, MAX(ms, least_ms), 0);
}

static void on_clock(uv_timer_t *clock)
{
	struct loop *l = clock->data;
	uint64_t last = l->timers.order;
	int64_t now_ns = clock_monotonic_ns();
	struct heap_node *first;

	l->clock_ns = INT64_MIN; /* whatever these callbacks set is armed below */
	/* A timer that they set waits for the next turn even when it is due; libuv would fire a
	 * clock set to 0 ms again in this one. */
	while ((first = heap_min(&l->timers)) && first->key <= now_ns && first->order <= last) {
		struct loop_timer *t = CONTAINER_OF(first, struct loop_timer, node);

		heap_remove(&l->timers, first);
		t->fire(t);
	}
	l->clock_ns = INT64_MAX;
	arm_clock(l, now_ns, 1);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t deadline_ns)
{
	loop_timer_cancel(l, t);
	heap_insert(&l->timers, &t->node, deadline_ns);
	if (deadline_ns < l->clock_ns)
		arm_clock(l, clock_monotonic_ns(), 0);
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
	if (!heap_linked(&t->node))
		return;
	heap_remove(&l->timers, &t->node);
	/* Otherwise the clock stays armed; it fires for nothing once, which is cheaper. */
	if (!heap_min(&l->timers) && l->clock_ns != INT64_MIN) {
		uv_timer_stop(&l->clock);
		l->clock_ns = INT64_MAX;
	}
}

/* ---- later ------------------------------------------------------------------------------- */

static void on_idle(uv_idle_t *idle)
{
	(void)idle;
}

void loop_later_queue(struct loop *l, struct loop_later *later)
{
	if (later->link)
		return;
	if (!l->later)
		uv_idle_start(&l->idle, on_idle);
	later->next = NULL;
	later->link = l->later_end;
	*l->later_end = later;
	l->later_end = &later->next;
}

void loop_later_cancel(struct loop *l, struct loop_later *later)
{
	if (!later->link)
		return;
	*later->link = later->next;
	if (later->next)
		later->next->link = later->link;
	else
		l->later_end = later->link;
	later->link = NULL;
	if (!l->later)
		uv_idle_stop(&l->idle);
}

/* What is queued meanwhile has its turn in the next phase; the idle handle keeps the loop from
 * waiting until then. */
static void run_later(struct loop *l)
{
	if (!l->later)
		return;
	loop_later_queue(l, &l->mark);
	while (l->later != &l->mark) {
		struct loop_later *first = l->later;

		loop_later_cancel(l, first);
		first->run(first);
	}
	loop_later_cancel(l, &l->mark);
}

static void on_prepare(uv_prepare_t *prepare)
{
	run_later(prepare->data);
}

static void on_check(uv_check_t *check)
{
	run_later(check->data);
}

/* ---- life -------------------------------------------------------------------------------- */

int loop_new(struct loop **ret, struct error *err)
{
	struct loop *l = calloc(1, sizeof(*l));
	struct sigaction pipe;
	int r;

	if (!l)
		return err_nomem(err, "an event loop");
	if (sigaction(SIGPIPE, NULL, &pipe) == 0 && pipe.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
	r = uv_loop_init(&l->uv);
	if (r < 0) {
		free(l);
		return loop_error(err, r, "cannot make an event loop");
	}
	l->later_end = &l->later;
	l->clock_ns = INT64_MAX;
	l->clock.data = l->prepare.data = l->check.data = l;
	/* None of these can fail. */
	uv_timer_init(&l->uv, &l->clock);
	uv_idle_init(&l->uv, &l->idle);
	uv_prepare_init(&l->uv, &l->prepare);
	uv_prepare_start(&l->prepare, on_prepare);
	uv_unref((uv_handle_t *)&l->prepare);
	uv_check_init(&l->uv, &l->check);
	uv_check_start(&l->check, on_check);
	uv_unref((uv_handle_t *)&l->check);
	*ret = l;
	return 0;
}

void loop_run(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
}

static void on_wait_over(struct loop_timer *t)
{
	(void)t;
}

void loop_run_once(struct loop *l, int64_t wait_ns)
{
	struct loop_timer limit = {.fire = on_wait_over};

	if (wait_ns > 0)
		loop_timer_set(l, &limit, clock_monotonic_ns() + wait_ns);
	uv_run(&l->uv, wait_ns > 0 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	loop_timer_cancel(l, &limit);
}

void loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

static int tell_open(const struct loop *l, struct error *err)
{
	_cleanup_(buf_done) struct buf kinds = BUF_INIT;

	for (const struct loop_handle *h = l->handles; h; h = h->next)
		buf_printf(&kinds, "%s%s", kinds.len ? ", " : "", h->kind);
	return err_set(err, ERR_STATE, "the event loop still has %zu open: %s", l->open,
		       kinds.data ? kinds.data : "");
}

int loop_close(struct loop *l, struct error *err)
{
	if (!l)
		return 0;
	if (l->open > 0)
		return tell_open(l, err);
	uv_close((uv_handle_t *)&l->clock, NULL);
	uv_close((uv_handle_t *)&l->prepare, NULL);
	uv_close((uv_handle_t *)&l->check, NULL);
	uv_close((uv_handle_t *)&l->idle, NULL);
	/* A stop that came too late must not end this. */
	do
		uv_run(&l->uv, UV_RUN_DEFAULT);
	while (uv_loop_close(&l->uv) == UV_EBUSY);
	free(l);
	return 0;
}
