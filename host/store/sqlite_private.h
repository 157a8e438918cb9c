/* The two threads of the SQLite store, and what they share. Inside host/store. */
#pragma once

#include "store/ballast.h"
#include "store/open_rows.h"
#include "store/store_sqlite.h"

#include <pthread.h>
#include <stdatomic.h>

struct op_list {
	struct store_op *head, **tail;
	size_t n;
};

void op_list_init(struct op_list *l);
void op_list_add(struct op_list *l, struct store_op *op);
void op_list_move(struct op_list *to, struct op_list *from); /* appends; `from` is empty then */
struct store_op *op_list_take(struct op_list *l);

/* Requests on their way to one thread. */
struct op_queue {
	pthread_mutex_t mutex;
	pthread_cond_t filled; /* on CLOCK_MONOTONIC */
	struct op_list ops;
	bool asleep, stop;
};

int op_queue_init(struct op_queue *q, struct error *err);
void op_queue_done(struct op_queue *q);
void op_queue_add(struct op_queue *q, struct op_list *ops); /* takes all of them */
void op_queue_stop(struct op_queue *q);

/* Waits until there is something, at most `wait_ns` (-1: for ever), and moves up to `most` requests
 * to `to`. False when the queue is stopped and empty. */
bool op_queue_wait(struct op_queue *q, int64_t wait_ns, size_t most, struct op_list *to);
bool op_queue_stopped(struct op_queue *q);

enum statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_PROBE,
	SQL_ACCEPT,
	SQL_ACCEPT_SPEC,
	SQL_LINGER,
	SQL_LINGER_LIVE,
	SQL_MARK,
	SQL_FIND_KEY,
	SQL_LINK_RETRY,
	SQL_UPDATE,
	SQL_FINISH,
	SQL_FINISH_OUTPUTS,
	SQL_CANCEL,
	SQL_STATE,
	SQL_KEY_STATE,
	SQL_KEY_MARK,
	SQL_KEY_MARKED,
	SQL_SWEEP_FIND,
	SQL_SWEEP_ROW,
	SQL_SWEEP_SPEC,
	SQL_SWEEP_OUTPUTS,
	SQL_SWEEP_MARKS,
	SQL_SWEEP_TIME,
	SQL_STATEMENTS,
};

struct writer {
	sqlite3 *db;
	const char *dir; /* the state directory */
	sqlite3_stmt *sql[SQL_STATEMENTS];
	struct op_queue queue;
	pthread_t thread;
	bool running;
	struct ballast ballast;
	uint64_t low_water;
	int64_t looked_at; /* when the free room was last looked at */
	bool low;
	int64_t marks;            /* rows in cancelled_key */
	int64_t mark, newest;     /* ids; open_rows.h */
	int64_t above_mark, live; /* rows */
	int wal_pages;
};

struct reader {
	sqlite3 *db;
	struct op_queue queue;
	pthread_t thread;
	bool running;
};

struct sqlite_store {
	struct store base;
	char *dir, *path;
	void (*wake)(void *user);
	void (*gather)(void *user);
	void *user;
	bool closing;        /* both threads have ended */
	int holding;         /* store_hold */
	struct op_list held; /* writes not handed over yet */
	struct writer writer;
	struct reader reader;

	pthread_mutex_t mutex; /* of what follows */
	struct op_list ended;
	struct store_stats stats;
	_Atomic uint64_t submitted, written;
};

/* Hands requests back to the caller's thread, with one wake-up. */
void sqlite_store_ended(struct sqlite_store *s, struct op_list *ops);
void sqlite_store_condition(struct sqlite_store *s, enum store_condition c, const char *why);

int writer_start(struct sqlite_store *s, struct error *err);
void writer_stop(struct sqlite_store *s);
int reader_start(struct sqlite_store *s, struct error *err);
void reader_stop(struct sqlite_store *s);

int reader_recover(struct store *base,
		   int (*row)(void *user, const struct store_row *row),
		   void *user,
		   uint64_t *ret_last_id,
		   struct error *err);

/* Prepares the writer's statements on its connection. */
int write_ops_prepare(struct writer *w, struct error *err);
void write_ops_done(struct writer *w);

/* Of open_rows.h. What the writer has to know, at first and when a transaction was lost; a row was
 * accepted within its transaction (SQLite's code); and the mark is moved up when that is worth it,
 * in a transaction of its own. When that fails it stays where it is, which does no harm. */
int open_rows_load(struct writer *w, struct error *err);
int open_rows_added(struct writer *w, uint64_t id);
void open_rows_tidy(struct writer *w);

/* Carries out one write within a transaction. 0 when it is done, whether well or badly
 * (op->status); SQLite's code when the transaction is lost. */
int write_op(struct writer *w, struct store_op *op);
