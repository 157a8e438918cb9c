#include "store/store_sqlite.h"

#include "store/schema.h"
#include "store/sqlite_private.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static struct sqlite_store *from(struct store *base)
{
	return CONTAINER_OF(base, struct sqlite_store, base);
}

/* ---- requests ---------------------------------------------------------------------------- */

static void hand_over(struct sqlite_store *s)
{
	if (s->held.n > 0)
		op_queue_add(&s->writer.queue, &s->held);
}

/* Now, or when the caller's turn is over. */
static void hand_over_soon(struct sqlite_store *s)
{
	if (s->held.n == 0 || s->holding > 0)
		return;
	if (s->gather)
		s->gather(s->user);
	else
		hand_over(s);
}

static void submit(struct store *base, struct store_op *op)
{
	struct sqlite_store *s = from(base);

	if (s->closing) { /* from a callback of the last completions */
		store_op_fail(op, ERR_CANCELLED, "the store is being closed");
		op_list_add(&s->ended, op);
		return;
	}
	if (op->kind >= STORE_GET) {
		struct op_list one;

		op_list_init(&one);
		op_list_add(&one, op);
		op_queue_add(&s->reader.queue, &one);
		return;
	}
	atomic_fetch_add_explicit(&s->submitted, 1, memory_order_relaxed);
	op_list_add(&s->held, op);
	hand_over_soon(s);
}

static void hold(struct store *base, bool on)
{
	struct sqlite_store *s = from(base);

	s->holding += on ? 1 : -1;
	hand_over_soon(s);
}

void store_sqlite_flush(struct store *base)
{
	struct sqlite_store *s = from(base);

	if (s->holding == 0)
		hand_over(s);
}

void sqlite_store_ended(struct sqlite_store *s, struct op_list *ops)
{
	uint64_t writes = 0;
	bool wake;

	if (ops->n == 0)
		return;
	for (struct store_op *op = ops->head; op; op = op->next)
		writes += op->kind < STORE_GET;
	atomic_fetch_add_explicit(&s->written, writes, memory_order_relaxed);
	pthread_mutex_lock(&s->mutex);
	wake = s->ended.n == 0;
	op_list_move(&s->ended, ops);
	pthread_mutex_unlock(&s->mutex);
	if (wake && s->wake)
		s->wake(s->user);
}

static size_t complete(struct store *base)
{
	struct sqlite_store *s = from(base);
	struct op_list ops;
	struct store_op *op;
	size_t n = 0;

	op_list_init(&ops);
	pthread_mutex_lock(&s->mutex);
	op_list_move(&ops, &s->ended);
	pthread_mutex_unlock(&s->mutex);
	if (ops.n == 0)
		return 0;
	/* Their callbacks submit what comes next, in one go. */
	hold(base, true);
	for (; (op = op_list_take(&ops)); n++)
		op->done(op);
	hold(base, false);
	return n;
}

void sqlite_store_condition(struct sqlite_store *s, enum store_condition c, const char *why)
{
	pthread_mutex_lock(&s->mutex);
	s->stats.condition = c;
	snprintf(s->stats.why, sizeof(s->stats.why), "%s", why);
	pthread_mutex_unlock(&s->mutex);
}

static void stats(struct store *base, struct store_stats *ret)
{
	struct sqlite_store *s = from(base);
	uint64_t written = atomic_load_explicit(&s->written, memory_order_relaxed);

	pthread_mutex_lock(&s->mutex);
	*ret = s->stats;
	pthread_mutex_unlock(&s->mutex);
	ret->waiting = atomic_load_explicit(&s->submitted, memory_order_relaxed) - written;
}

/* ---- life -------------------------------------------------------------------------------- */

static void free_store(struct sqlite_store *s)
{
	write_ops_done(&s->writer);
	/* The reader first: the last connection to close tidies up the log, which takes a writer.
	 */
	db_closep(&s->reader.db);
	db_closep(&s->writer.db);
	op_queue_done(&s->writer.queue);
	op_queue_done(&s->reader.queue);
	pthread_mutex_destroy(&s->mutex);
	ballast_done(&s->writer.ballast);
	free(s->dir);
	free(s->path);
	free(s);
}

static void close_store(struct store *base)
{
	struct sqlite_store *s = from(base);

	s->holding = 0;
	hand_over(s);
	writer_stop(s);
	reader_stop(s);
	s->closing = true;
	while (complete(base) > 0)
		;
	free_store(s);
}

static const struct store_ops ops = {
	.submit = submit,
	.hold = hold,
	.complete = complete,
	.recover = reader_recover,
	.stats = stats,
	.close = close_store,
};

static struct sqlite_store *new_store(const struct store_sqlite_options *o, struct error *err)
{
	struct sqlite_store *s = calloc(1, sizeof(*s));

	if (!s || op_queue_init(&s->writer.queue, err) < 0) {
		free(s);
		return NULL;
	}
	if (op_queue_init(&s->reader.queue, err) < 0) {
		op_queue_done(&s->writer.queue);
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->mutex, NULL);
	op_list_init(&s->ended);
	op_list_init(&s->held);
	s->base.ops = &ops;
	s->wake = o->wake;
	s->gather = o->gather;
	s->user = o->user;
	s->writer.low_water = o->low_water_bytes;
	s->dir = strdup(o->dir);
	s->writer.dir = s->dir;
	s->path = path_join(o->dir, "state.db");
	if (!s->dir || !s->path || !ballast_init(&s->writer.ballast, o->dir, o->ballast_bytes)) {
		free_store(s);
		return NULL;
	}
	return s;
}

/* The file is made here so that it never has another mode; SQLite gives its log the same. */
static int make_file(const char *path, struct error *err)
{
	_cleanup_(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0)
		return 0;
	return err_set_errno(err, errno == EROFS ? ERR_DENIED : err_from_errno(errno), errno,
			     "cannot open state database %s", path);
}

static int open_writer(struct sqlite_store *s, struct error *err)
{
	int r = make_file(s->path, err);

	if (r == 0)
		r = db_open(s->path, DB_WRITER, &s->writer.db, err);
	if (r == 0)
		r = schema_migrate(s->writer.db, schema_migrations, schema_version, s->path, err);
	if (r == 0)
		r = db_tune(s->writer.db, DB_WRITER, s->path, err);
	return r;
}

static int open_reader(struct sqlite_store *s, struct error *err)
{
	int r = db_open(s->path, DB_READER, &s->reader.db, err);

	return r == 0 ? db_tune(s->reader.db, DB_READER, s->path, err) : r;
}

int store_sqlite_open(const struct store_sqlite_options *options,
		      struct store **ret,
		      struct error *err)
{
	struct sqlite_store *s = new_store(options, err);
	int r;

	if (!s)
		return err_nomem(err, "the store");
	r = open_writer(s, err);
	if (r == 0)
		r = db_int(s->writer.db, "SELECT coalesce(max(believed),0) FROM recovery",
			   &s->stats.believed, err);
	if (r == 0)
		r = open_reader(s, err);
	if (r == 0)
		r = writer_start(s, err);
	if (r == 0)
		r = reader_start(s, err);
	if (r < 0) {
		writer_stop(s);
		free_store(s);
		return r;
	}
	*ret = &s->base;
	return 0;
}
