#include "cli/serve_files.h"

#include "base/digest.h"
#include "base/mem.h"
#include "data/data.h"
#include "loop/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define WORKERS  4                /* files at a time; the others wait */
#define READ_MAX ((off_t)1 << 30) /* of a file that is only read to be compared */

_Static_assert(SHA256_SIZE == STORE_DIGEST_SIZE, "a digest is a SHA-256");

/* Works on one file at a time. */
struct file_work {
	struct loop_work work;
	struct serve_files *owner;
	struct dispatch_file *file; /* NULL: idle */
	bool put;
	int status;
	struct error err;
};

struct file_queue {
	struct dispatch_file *first, **end;
};

struct serve_files {
	struct loop *loop;
	struct file_queue puts, digests;
	struct file_work workers[WORKERS];
	struct loop_later later; /* begins what waits */
	bool closed;
};

/* ---- one file -------------------------------------------------------------------------------- */

/* Anybody may have put anything there: opening a FIFO would wait for ever. */
static int open_regular(const char *path, int *ret_fd, struct error *err)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot read %s", path);
	if (!S_ISREG(st.st_mode) || st.st_size > READ_MAX)
		return err_set(err, ERR_INVALID, "%s is no file of outputs", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int make_digest(struct file_work *w)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closep) int fd = -1;
	struct dispatch_file *f = w->file;
	int rc;

	if (f->bytes.ptr) {
		sha256(f->bytes.ptr, f->bytes.len, f->digest);
		return 0;
	}
	rc = data_local(f->uri.ptr, "/tmp", &path, &w->err);
	if (rc == 0)
		rc = open_regular(path, &fd, &w->err);
	if (rc < 0 || f->only_whether)
		return rc;
	return sha256_fd(fd, f->digest, &w->err);
}

static void run(struct loop_work *work)
{
	struct file_work *w = CONTAINER_OF(work, struct file_work, work);
	const struct dispatch_file *f = w->file;

	w->status = w->put ? data_put(f->uri.ptr, f->bytes.ptr, f->bytes.len, true, &w->err)
			   : make_digest(w);
}

static void end(struct file_work *w, int status)
{
	struct dispatch_file *f = TAKE(w->file);
	struct serve_files *s = w->owner;

	if (s->closed)
		return;
	if (s->puts.first || s->digests.first)
		loop_later_queue(s->loop, &s->later);
	f->done(f, status, status < 0 ? w->err.message : "");
}

static void done(struct loop_work *work)
{
	struct file_work *w = CONTAINER_OF(work, struct file_work, work);

	end(w, w->status);
}

/* ---- those that wait ------------------------------------------------------------------------- */

static struct dispatch_file *take(struct file_queue *q)
{
	struct dispatch_file *f = q->first;

	q->first = f->next;
	if (!q->first)
		q->end = &q->first;
	return f;
}

static void begin(struct file_work *w, struct dispatch_file *f, bool put)
{
	int rc;

	w->file = f;
	w->put = put;
	w->err = (struct error)ERROR_INIT;
	rc = loop_work_start(w->owner->loop, &w->work, &w->err);
	if (rc < 0)
		end(w, rc);
}

static void begin_some(struct loop_later *later)
{
	struct serve_files *s = CONTAINER_OF(later, struct serve_files, later);

	for (size_t i = 0; i < WORKERS; i++) {
		struct file_work *w = &s->workers[i];

		if (w->file)
			continue;
		if (s->puts.first)
			begin(w, take(&s->puts), true);
		else if (s->digests.first)
			begin(w, take(&s->digests), false);
	}
}

static void add(struct serve_files *s, struct file_queue *q, struct dispatch_file *f)
{
	f->next = NULL;
	*q->end = f;
	q->end = &f->next;
	if (s->closed)
		return;
	loop_later_queue(s->loop, &s->later);
}

/* ---- dispatch's table ------------------------------------------------------------------------ */

static bool can(void *user, struct str uri)
{
	(void)user;
	/* A relative path means nothing to somebody else. */
	return str_starts(uri, "/") || str_starts(uri, "file://");
}

static void put(void *user, struct dispatch_file *f)
{
	struct serve_files *s = user;

	add(s, &s->puts, f);
}

static void digest(void *user, struct dispatch_file *f)
{
	struct serve_files *s = user;

	add(s, &s->digests, f);
}

struct dispatch_data serve_files_table(struct serve_files *f)
{
	return (struct dispatch_data){.can = can, .put = put, .digest = digest, .user = f};
}

/* ---- life ------------------------------------------------------------------------------------ */

int serve_files_new(struct loop *l, struct serve_files **ret, struct error *err)
{
	struct serve_files *s = calloc(1, sizeof(*s));

	if (!s)
		return err_nomem(err, "the files of executions");
	s->loop = l;
	s->puts.end = &s->puts.first;
	s->digests.end = &s->digests.first;
	s->later.run = begin_some;
	for (size_t i = 0; i < WORKERS; i++) {
		s->workers[i].owner = s;
		s->workers[i].work.run = run;
		s->workers[i].work.done = done;
	}
	*ret = s;
	return 0;
}

void serve_files_close(struct serve_files *f)
{
	f->closed = true;
	loop_later_cancel(f->loop, &f->later);
}

void serve_files_free(struct serve_files *f)
{
	if (!f)
		return;
	loop_later_cancel(f->loop, &f->later);
	free(f);
}
