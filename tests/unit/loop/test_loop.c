#include "base/mem.h"
#include "lib/test.h"
#include "loop/loop.h"
#include "loop/watch.h"

#include <signal.h>

/* ---- heap -------------------------------------------------------------------------------- */

struct item {
	struct heap_node node;
	int64_t key;
	unsigned number;
	bool in;
};

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

TEST(heap_gives_smallest_first)
{
	static struct item items[500];
	struct heap h = HEAP_INIT;
	uint64_t seed = 7;
	size_t in = 0;

	memset(items, 0, sizeof(items));
	for (int step = 0; step < 20000; step++) {
		struct item *i = &items[next_random(&seed) % ARRAY_LEN(items)];

		if (i->in) {
			heap_remove(&h, &i->node);
			in--;
		} else {
			i->key = (int64_t)(next_random(&seed) % 100);
			heap_insert(&h, &i->node, i->key);
			in++;
		}
		i->in = !i->in;
		CHECK(heap_linked(&i->node) == i->in);
	}
	for (int64_t last = -1; heap_min(&h); in--) {
		struct heap_node *n = heap_min(&h);

		CHECK(n->key >= last);
		last = n->key;
		heap_remove(&h, n);
	}
	CHECK_INT(in, 0);
}

TEST(heap_keeps_order_of_equals)
{
	struct item items[100] = {0};
	struct heap h = HEAP_INIT;

	for (unsigned i = 0; i < 100; i++) {
		items[i].number = i;
		heap_insert(&h, &items[i].node, 5);
	}
	for (unsigned i = 0; i < 100; i++) {
		struct item *first = CONTAINER_OF(heap_min(&h), struct item, node);

		CHECK_INT(first->number, i);
		heap_remove(&h, &first->node);
	}
}

/* ---- timers ------------------------------------------------------------------------------ */

struct alarm {
	struct loop_timer timer;
	struct loop *loop;
	int64_t set_for, fired_at;
	int fired;
	unsigned *count;
	unsigned place;
};

static void on_alarm(struct loop_timer *t)
{
	struct alarm *a = CONTAINER_OF(t, struct alarm, timer);

	a->fired++;
	a->fired_at = loop_now_ns();
	if (a->count)
		a->place = (*a->count)++;
}

static void alarm_set(struct alarm *a, struct loop *l, int64_t in_ns)
{
	a->loop = l;
	a->timer.fire = on_alarm;
	a->set_for = loop_now_ns() + in_ns;
	loop_timer_set(l, &a->timer, a->set_for);
}

static struct loop *make(void)
{
	struct error err = ERROR_INIT;
	struct loop *l = NULL;

	CHECK_OK(loop_new(&l, &err), err);
	return l;
}

static void finish(struct loop *l)
{
	struct error err = ERROR_INIT;

	CHECK_OK(loop_close(l, &err), err);
}

TEST(timer_never_fires_early)
{
	struct loop *l = make();
	struct alarm a[20] = {0};

	for (int i = 0; i < 20; i++)
		alarm_set(&a[i], l, 300000 * i);
	loop_run(l);
	for (int i = 0; i < 20; i++) {
		CHECK_INT(a[i].fired, 1);
		CHECK(a[i].fired_at >= a[i].set_for);
		CHECK(!loop_timer_is_set(&a[i].timer));
	}
	finish(l);
}

TEST(timer_order_moved_and_cancelled)
{
	struct loop *l = make();
	struct alarm a[4] = {0};
	unsigned count = 0;
	int64_t at = loop_now_ns() + 3000000;

	for (int i = 0; i < 4; i++) {
		a[i].count = &count;
		alarm_set(&a[i], l, 0);
		loop_timer_set(l, &a[i].timer, at);
	}
	loop_timer_cancel(l, &a[1].timer);
	loop_timer_cancel(l, &a[1].timer);
	loop_timer_set(l, &a[0].timer, at + 1000000); /* now after 2 and 3 */
	loop_run(l);
	CHECK_INT(count, 3);
	CHECK_INT(a[1].fired, 0);
	CHECK_INT(a[2].place, 0);
	CHECK_INT(a[3].place, 1);
	CHECK_INT(a[0].place, 2);
	finish(l);
}

static void set_again(struct loop_timer *t)
{
	struct alarm *a = CONTAINER_OF(t, struct alarm, timer);

	if (++a->fired < 5)
		loop_timer_set(a->loop, t, 0); /* always due */
}

static void stop_loop(struct loop_timer *t)
{
	struct alarm *a = CONTAINER_OF(t, struct alarm, timer);

	loop_stop(a->loop);
}

TEST(timer_set_while_firing_waits_a_turn)
{
	struct loop *l = make();
	struct alarm a = {.loop = l, .timer.fire = set_again};

	loop_timer_set(l, &a.timer, 0);
	loop_run_once(l, 0);
	CHECK_INT(a.fired, 1);
	loop_run(l);
	CHECK_INT(a.fired, 5);
	finish(l);
}

TEST(stop_ends_run)
{
	struct loop *l = make();
	struct alarm stop = {.loop = l, .timer.fire = stop_loop}, far = {0};

	alarm_set(&far, l, 3600 * (int64_t)1000000000);
	loop_timer_set(l, &stop.timer, loop_now_ns() + 1000000);
	loop_run(l);
	CHECK_INT(far.fired, 0);
	loop_timer_cancel(l, &far.timer);
	finish(l);
}

TEST(run_once_waits_no_longer_than_told)
{
	struct loop *l = make();
	int64_t before = loop_now_ns();

	loop_run_once(l, 5000000);
	CHECK(loop_now_ns() - before >= 5000000);
	before = loop_now_ns();
	loop_run_once(l, 0);
	CHECK(loop_now_ns() - before < 1000000000);
	finish(l);
}

/* ---- later ------------------------------------------------------------------------------- */

struct job {
	struct loop_later later;
	struct loop *loop;
	int runs, again;
};

static void on_later(struct loop_later *later)
{
	struct job *j = CONTAINER_OF(later, struct job, later);

	j->runs++;
	if (j->again-- > 0)
		loop_later_queue(j->loop, later);
}

static struct job shared_job;

static void queue_twice(struct loop_timer *t)
{
	struct alarm *a = CONTAINER_OF(t, struct alarm, timer);

	a->fired++;
	loop_later_queue(a->loop, &shared_job.later);
	loop_later_queue(a->loop, &shared_job.later);
}

TEST(later_runs_once_per_turn)
{
	struct loop *l = make();
	struct alarm a[3] = {0};

	shared_job = (struct job){.later.run = on_later, .loop = l};
	for (int i = 0; i < 3; i++) {
		a[i] = (struct alarm){.loop = l, .timer.fire = queue_twice};
		loop_timer_set(l, &a[i].timer, 0);
	}
	loop_run(l);
	CHECK_INT(a[0].fired + a[1].fired + a[2].fired, 3);
	CHECK_INT(shared_job.runs, 1);
	finish(l);
}

TEST(later_queued_again_runs_without_waiting)
{
	struct loop *l = make();
	struct job j = {.later.run = on_later, .loop = l, .again = 10};
	struct alarm far = {0};
	int64_t before = loop_now_ns();

	alarm_set(&far, l, 5 * (int64_t)1000000000);
	loop_later_queue(l, &j.later);
	while (j.runs < 11)
		loop_run_once(l, 1000000000);
	CHECK(loop_now_ns() - before < 1000000000);
	loop_timer_cancel(l, &far.timer);
	finish(l);
}

TEST(later_can_be_cancelled)
{
	struct loop *l = make();
	struct job a = {.later.run = on_later, .loop = l}, b = a, c = a;

	loop_later_queue(l, &a.later);
	loop_later_queue(l, &b.later);
	loop_later_queue(l, &c.later);
	loop_later_cancel(l, &b.later);
	loop_later_cancel(l, &c.later);
	loop_later_cancel(l, &c.later);
	loop_later_queue(l, &b.later);
	loop_run(l);
	CHECK_INT(a.runs, 1);
	CHECK_INT(b.runs, 1);
	CHECK_INT(c.runs, 0);
	finish(l);
}

/* ---- closing ----------------------------------------------------------------------------- */

static void nothing(void *user)
{
	(void)user;
}

static void nothing_signal(void *user, int signo)
{
	(void)user;
	(void)signo;
}

TEST(close_names_what_is_open)
{
	struct error err = ERROR_INIT;
	struct loop *l = make();
	struct wake *w;
	struct signal_watch *s;

	CHECK_OK(wake_new(l, nothing, NULL, &w, &err), err);
	CHECK_OK(signal_watch_new(l, SIGUSR2, nothing_signal, NULL, &s, &err), err);
	CHECK_INT(loop_open(l), 2);
	CHECK_ERR(loop_close(l, &err), ERR_STATE, err, "2 open: signal watch, wake-up");
	wake_close(w);
	signal_watch_close(s);
	CHECK_INT(loop_open(l), 0);
	loop_stop(l); /* must not end the closing */
	finish(l);
	CHECK_OK(loop_close(NULL, &err), err);
}
