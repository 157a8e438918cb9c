/* Reading logs: from the file, from what is being written to it, from memory. */
#include "runners/logs_internal.h"

#include "base/file.h"
#include "base/mem.h"

#define TAIL_MAX ((size_t)256 << 10) /* how far back logs_tail looks */

/* What can be read: from `oldest` to `end`, from the file up to `filed`. */
struct extent {
	struct log_head head;
	const struct log *log; /* NULL: only the file */
	uint64_t oldest, filed, end, lost;
};

static int find_extent(struct logs *logs, const char *name, struct extent *ret, struct error *err)
{
	struct extent e = {.log = NULL};
	uint64_t soon;
	int r = logs_check_name(name, err);

	if (r < 0)
		return r;
	e.log = logs_find(logs, name);
	if (e.log) {
		e.head = e.log->head;
		e.lost = e.log->lost;
	} else {
		r = logs_read_head(logs, name, &e.head, err);
		if (r < 0)
			return r;
		e.lost = e.head.lost;
	}
	e.filed = e.end = soon = e.head.total;
	if (e.log) {
		soon += e.log->writing.len; /* the thread overwrites the oldest bytes */
		e.end = soon + e.log->pending.len;
	}
	e.oldest = soon > e.head.quota ? soon - e.head.quota : 0;
	e.oldest = MIN(e.oldest, e.filed);
	*ret = e;
	return 0;
}

static void
take(struct buf *out, const struct buf *from, uint64_t start, uint64_t *offset, size_t *left)
{
	size_t skip, n;

	if (*left == 0 || *offset < start || *offset >= start + from->len)
		return;
	skip = (size_t)(*offset - start);
	n = MIN(from->len - skip, *left);
	buf_append(out, from->data + skip, n);
	*offset += n;
	*left -= n;
}

static int read_filed(struct logs *logs,
		      const char *name,
		      const struct extent *e,
		      struct buf *out,
		      uint64_t *offset,
		      size_t *left,
		      struct error *err)
{
	_cleanup_(freep) char *path = NULL;
	size_t n;
	int r;

	if (*offset >= e->filed || *left == 0)
		return 0;
	n = (size_t)MIN((uint64_t)*left, e->filed - *offset);
	path = path_join(logs->directory, name);
	if (!path)
		return err_nomem(err, "a log's path");
	r = log_file_read(path, &e->head, *offset, n, out, err);
	if (r < 0)
		return r;
	*offset += n;
	*left -= n;
	return 0;
}

int logs_read(struct logs *logs,
	      const char *name,
	      uint64_t offset,
	      size_t max,
	      struct buf *out,
	      struct log_part *ret,
	      struct error *err)
{
	struct extent e;
	struct log_part part;
	int r = find_extent(logs, name, &e, err);

	if (r < 0)
		return r;
	offset = MIN(offset, e.end);
	part = (struct log_part){.offset = MAX(offset, e.oldest), .lost = e.lost};
	part.gone = part.offset - offset;
	part.next = part.offset;
	r = read_filed(logs, name, &e, out, &part.next, &max, err);
	if (r < 0)
		return r;
	if (e.log) {
		take(out, &e.log->writing, e.filed, &part.next, &max);
		take(out, &e.log->pending, e.filed + e.log->writing.len, &part.next, &max);
	}
	part.end = part.next == e.end && !(e.log && e.log->writers > 0);
	r = buf_check(out, "a part of a log", err);
	if (r == 0)
		*ret = part;
	return r;
}

int logs_tail(
	struct logs *logs, const char *name, size_t lines, uint64_t *ret_offset, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct log_part part = {.offset = 0};
	struct extent e;
	size_t at;
	int r = find_extent(logs, name, &e, err);

	if (r < 0)
		return r;
	r = logs_read(logs, name, e.end > TAIL_MAX ? e.end - TAIL_MAX : 0, TAIL_MAX, &text, &part,
		      err);
	if (r < 0)
		return r;
	at = text.len;
	if (lines > 0) {
		if (at > 0 && text.data[at - 1] == '\n')
			at--; /* it ends the last line */
		while (at > 0 && (text.data[at - 1] != '\n' || --lines > 0))
			at--;
	}
	*ret_offset = part.offset + at;
	return 0;
}
