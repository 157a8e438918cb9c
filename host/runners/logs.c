#include "runners/logs_internal.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define QUOTA_DEFAULT ((uint64_t)1 << 20)

/* ---- names -------------------------------------------------------------------------------- */

int logs_check_name(const char *name, struct error *err)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t n = strlen(name);

	if (n == 0 || n > LOG_NAME_MAX || name[0] == '.' || strspn(name, allowed) != n)
		return err_set(err, ERR_INVALID, "\"%.*s\" cannot be the name of a log",
			       LOG_NAME_MAX, name);
	return 0;
}

static struct log **bucket_of(struct logs *logs, const char *name)
{
	uint32_t h = 2166136261u;

	for (const char *c = name; *c; c++)
		h = (h ^ (unsigned char)*c) * 16777619u;
	return &logs->buckets[h % LOG_BUCKETS];
}

struct log *logs_find(struct logs *logs, const char *name)
{
	for (struct log *l = *bucket_of(logs, name); l; l = l->next)
		if (streq(l->name, name))
			return l;
	return NULL;
}

/* ---- followers ---------------------------------------------------------------------------- */

static void on_follow(struct loop_later *later)
{
	struct log_follower *f = CONTAINER_OF(later, struct log_follower, later);

	f->more(f);
}

int logs_follow(struct logs *logs, const char *name, struct log_follower *f, struct error *err)
{
	int r = logs_check_name(name, err);

	if (r < 0)
		return r;
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->loop = logs->loop;
	f->later = (struct loop_later){.run = on_follow};
	f->next = logs->followers;
	f->link = &logs->followers;
	if (f->next)
		f->next->link = &f->next;
	logs->followers = f;
	return 0;
}

void logs_unfollow(struct log_follower *f)
{
	*f->link = f->next;
	if (f->next)
		f->next->link = f->link;
	loop_later_cancel(f->loop, &f->later);
}

static void tell_followers(struct log *l)
{
	for (struct log_follower *f = l->logs->followers; f; f = f->next)
		if (streq(f->name, l->name))
			loop_later_queue(f->loop, &f->later);
}

/* ---- writing to files --------------------------------------------------------------------- */

static void log_free(struct log *l)
{
	*l->link = l->next;
	if (l->next)
		l->next->link = l->link;
	l->logs->n--;
	buf_done(&l->pending);
	buf_done(&l->writing);
	free(l);
}

static void on_work(struct loop_work *work)
{
	struct logs *logs = CONTAINER_OF(work, struct logs, work);
	struct log *l = logs->at_work;

	logs->code = log_file_append(logs->path, &logs->head, l->writing.data, l->writing.len,
				     &logs->err);
}

static void start_writing(struct logs *logs);

static void check_closed(struct logs *logs)
{
	void (*closed)(void *user) = logs->closed;
	void *user = logs->closed_user;

	if (!logs->closing || logs->n > 0 || logs->at_work)
		return;
	loop_later_cancel(logs->loop, &logs->start);
	free(logs->directory);
	free(logs);
	closed(user);
}

static void settle(struct logs *logs, struct log *l)
{
	if (logs->code == 0) {
		l->head = logs->head;
		logs->complained = false;
	} else {
		l->lost += l->writing.len;
		l->lost_here += l->writing.len;
		if (!logs->complained)
			log_warn("logs are lost: %s", logs->err.message);
		logs->complained = true;
	}
	buf_clear(&l->writing);
	if (l->writers == 0 && l->pending.len == 0)
		log_free(l);
}

static void on_work_done(struct loop_work *work)
{
	struct logs *logs = CONTAINER_OF(work, struct logs, work);
	struct log *l = logs->at_work;

	if (work->cancelled)
		logs->code = err_set(&logs->err, ERR_CANCELLED, "the worker is shutting down");
	free(logs->path);
	logs->path = NULL;
	logs->at_work = NULL;
	settle(logs, l);
	start_writing(logs);
	check_closed(logs);
}

static void start_writing(struct logs *logs)
{
	struct log *l = logs->dirty;
	struct buf swap;
	int code;

	if (logs->at_work || !l)
		return;
	logs->dirty = l->next_dirty;
	if (!logs->dirty)
		logs->dirty_end = &logs->dirty;
	l->dirty = false;
	swap = l->writing;
	l->writing = l->pending;
	l->pending = swap;
	logs->at_work = l;
	logs->head = l->head;
	logs->head.lost = l->lost;
	logs->path = path_join(logs->directory, l->name);
	code = logs->path ? loop_work_start(logs->loop, &logs->work, &logs->err)
			  : err_nomem(&logs->err, "a log's path");
	if (code == 0)
		return; /* from here on the thread has code and err */
	logs->code = code;
	free(logs->path);
	logs->path = NULL;
	logs->at_work = NULL;
	settle(logs, l);
}

static void on_start(struct loop_later *later)
{
	struct logs *logs = CONTAINER_OF(later, struct logs, start);

	start_writing(logs);
	check_closed(logs);
}

static void mark_dirty(struct log *l)
{
	struct logs *logs = l->logs;

	if (!l->dirty) {
		l->dirty = true;
		l->next_dirty = NULL;
		*logs->dirty_end = l;
		logs->dirty_end = &l->next_dirty;
	}
	loop_later_queue(logs->loop, &logs->start);
}

/* ---- appending ---------------------------------------------------------------------------- */

static struct log *new_log(struct logs *logs, const char *name)
{
	struct log **bucket = bucket_of(logs, name);
	struct log *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->logs = logs;
	l->head.quota = logs->quota;
	l->pending.limit = l->writing.limit = LOG_PENDING_MAX + 128;
	snprintf(l->name, sizeof(l->name), "%s", name);
	l->next = *bucket;
	l->link = bucket;
	if (l->next)
		l->next->link = &l->next;
	*bucket = l;
	logs->n++;
	return l;
}

int logs_read_head(struct logs *logs, const char *name, struct log_head *ret, struct error *err)
{
	_cleanup_(freep) char *path = path_join(logs->directory, name);

	return path ? log_file_head(path, ret, err) : err_nomem(err, "a log's path");
}

int log_open(struct logs *logs, const char *name, struct log **ret, struct error *err)
{
	struct log *l;
	int r = logs_check_name(name, err);

	if (r < 0)
		return r;
	if (logs->closing)
		return err_set(err, ERR_STATE, "the worker is shutting down");
	l = logs_find(logs, name);
	if (!l) {
		l = new_log(logs, name);
		if (!l)
			return err_nomem(err, "a log");
		r = logs_read_head(logs, name, &l->head, err);
		if (r < 0 && r != ERR_NOT_FOUND) {
			log_free(l);
			return r;
		}
		l->lost = l->head.lost;
	}
	l->writers++;
	*ret = l;
	return 0;
}

static void put(struct log *l, const char *data, size_t len)
{
	size_t room = l->pending.len < LOG_PENDING_MAX ? LOG_PENDING_MAX - l->pending.len : 0;
	size_t n = MIN(len, room);

	if (l->lost_here > 0 && n > 0) {
		buf_printf(&l->pending, "\n[%llu bytes were lost here]\n",
			   (unsigned long long)l->lost_here);
		l->lost_here = 0;
	}
	buf_append(&l->pending, data, n);
	if (l->pending.failed) { /* out of memory: what was there before is still good */
		l->pending.failed = 0;
		n = 0;
	}
	l->lost += len - n;
	l->lost_here += len - n;
}

void log_append(struct log *l, const void *data, size_t len)
{
	if (len == 0)
		return;
	put(l, data, len);
	mark_dirty(l);
	tell_followers(l);
}

void log_close(struct log *l)
{
	if (!l || --l->writers > 0)
		return;
	tell_followers(l);
	if (!l->dirty && l->logs->at_work != l)
		log_free(l);
}

/* ---- life --------------------------------------------------------------------------------- */

int logs_new(struct loop *l, const struct logs_params *params, struct logs **ret, struct error *err)
{
	struct logs *logs;
	int r = dir_make(params->directory, 0700, err);

	if (r < 0)
		return err_wrap(err, "logs");
	logs = calloc(1, sizeof(*logs));
	if (!logs)
		return err_nomem(err, "logs");
	logs->loop = l;
	logs->quota = params->quota ? params->quota : QUOTA_DEFAULT;
	logs->dirty_end = &logs->dirty;
	logs->start.run = on_start;
	logs->work = (struct loop_work){.run = on_work, .done = on_work_done};
	logs->directory = strdup(params->directory);
	if (!logs->directory) {
		free(logs);
		return err_nomem(err, "logs");
	}
	*ret = logs;
	return 0;
}

void logs_close(struct logs *logs, void (*closed)(void *user), void *user)
{
	logs->closing = true;
	logs->closed = closed;
	logs->closed_user = user;
	loop_later_queue(logs->loop, &logs->start);
}
