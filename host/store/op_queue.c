#include "store/sqlite_private.h"

#include "base/clock.h"

#include <errno.h>
#include <time.h>

void op_list_init(struct op_list *l)
{
	l->head = NULL;
	l->tail = &l->head;
	l->n = 0;
}

void op_list_add(struct op_list *l, struct store_op *op)
{
	op->next = NULL;
	*l->tail = op;
	l->tail = &op->next;
	l->n++;
}

void op_list_move(struct op_list *to, struct op_list *from)
{
	if (!from->head)
		return;
	*to->tail = from->head;
	to->tail = from->tail;
	to->n += from->n;
	op_list_init(from);
}

struct store_op *op_list_take(struct op_list *l)
{
	struct store_op *op = l->head;

	if (!op)
		return NULL;
	l->head = op->next;
	if (!l->head)
		l->tail = &l->head;
	l->n--;
	op->next = NULL;
	return op;
}

int op_queue_init(struct op_queue *q, struct error *err)
{
	pthread_condattr_t attr;
	int r;

	op_list_init(&q->ops);
	q->asleep = q->stop = false;
	r = pthread_condattr_init(&attr);
	if (r == 0) {
		pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
		r = pthread_cond_init(&q->filled, &attr);
		pthread_condattr_destroy(&attr);
	}
	if (r != 0)
		return err_set_errno(err, err_from_errno(r), r, "cannot make the store's queue");
	pthread_mutex_init(&q->mutex, NULL);
	return 0;
}

void op_queue_done(struct op_queue *q)
{
	pthread_cond_destroy(&q->filled);
	pthread_mutex_destroy(&q->mutex);
}

void op_queue_add(struct op_queue *q, struct op_list *ops)
{
	bool wake;

	pthread_mutex_lock(&q->mutex);
	op_list_move(&q->ops, ops);
	wake = q->asleep;
	q->asleep = false;
	pthread_mutex_unlock(&q->mutex);
	if (wake)
		pthread_cond_signal(&q->filled);
}

void op_queue_stop(struct op_queue *q)
{
	pthread_mutex_lock(&q->mutex);
	q->stop = true;
	pthread_mutex_unlock(&q->mutex);
	pthread_cond_broadcast(&q->filled);
}

bool op_queue_stopped(struct op_queue *q)
{
	bool stop;

	pthread_mutex_lock(&q->mutex);
	stop = q->stop;
	pthread_mutex_unlock(&q->mutex);
	return stop;
}

/* One wait; false after the time has passed. */
static bool wait_once(struct op_queue *q, int64_t until_ns)
{
	struct timespec t = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};

	q->asleep = true;
	if (until_ns < 0)
		return pthread_cond_wait(&q->filled, &q->mutex) == 0;
	return pthread_cond_timedwait(&q->filled, &q->mutex, &t) != ETIMEDOUT;
}

bool op_queue_wait(struct op_queue *q, int64_t wait_ns, size_t most, struct op_list *to)
{
	int64_t until_ns = wait_ns < 0 ? -1 : clock_monotonic_ns() + wait_ns;
	bool go_on;

	pthread_mutex_lock(&q->mutex);
	while (!q->ops.head && !q->stop && wait_ns != 0)
		if (!wait_once(q, until_ns))
			break;
	q->asleep = false;
	go_on = q->ops.head || !q->stop;
	if (q->ops.n <= most)
		op_list_move(to, &q->ops);
	else
		for (size_t i = 0; i < most; i++)
			op_list_add(to, op_list_take(&q->ops));
	pthread_mutex_unlock(&q->mutex);
	return go_on;
}
