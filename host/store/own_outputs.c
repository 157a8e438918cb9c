#include "store/own_outputs.h"

#include "store/ident.h"
#include "store/store_sqlite.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* The name below `<dir>/outputs/`; empty when the place is another one. */
static struct str own_name(const char *dir, struct str prefix)
{
	static const char middle[] = "/outputs/";
	size_t skip = strlen(dir) + sizeof(middle) - 1;
	struct str name;
	uint64_t number;

	if (!str_starts(prefix, dir) || prefix.len <= skip ||
	    memcmp(prefix.ptr + strlen(dir), middle, sizeof(middle) - 1) != 0)
		return STR_NULL;
	name = (struct str){prefix.ptr + skip, prefix.len - skip};
	return ident_parse(name, &number) ? name : STR_NULL;
}

static bool move(const char *from, const char *trash, const char *to)
{
	if (rename(from, to) == 0)
		return true;
	if (errno != ENOENT)
		return false;
	/* Usually there is nothing: outputs are files only when they are long, and few tasks print. */
	if (mkdir(trash, 0700) < 0)
		return errno == EEXIST;
	return rename(from, to) == 0 || errno == ENOENT;
}

bool own_outputs_set_aside(const char *dir, struct str output_prefix)
{
	struct str name = own_name(dir, output_prefix);
	char from[4096], trash[4096], to[4096];

	if (name.len == 0)
		return true;
	if (snprintf(from, sizeof(from), STR_FMT, STR_ARG(output_prefix)) >= (int)sizeof(from) ||
	    snprintf(trash, sizeof(trash), "%s/trash", dir) >= (int)sizeof(trash) ||
	    snprintf(to, sizeof(to), "%s/trash/" STR_FMT, dir, STR_ARG(name)) >= (int)sizeof(to))
		return true;
	return move(from, trash, to);
}

bool own_log_set_aside(const char *dir, uint64_t id)
{
	char name[IDENT_TEXT + 1], from[4096], trash[4096], to[4096];

	ident_format(id, name);
	if (snprintf(from, sizeof(from), "%s/logs/%s", dir, name) >= (int)sizeof(from) ||
	    snprintf(trash, sizeof(trash), "%s/trash", dir) >= (int)sizeof(trash) ||
	    snprintf(to, sizeof(to), "%s/trash/%s.log", dir, name) >= (int)sizeof(to))
		return true;
	return move(from, trash, to);
}

/* ---- without rows ------------------------------------------------------------------------ */

struct leftover {
	uint64_t number; /* its name */
	bool named;      /* by a row */
};

struct leftovers {
	struct leftover *items; /* by number */
	size_t n, room;
};

static int by_number(const void *a, const void *b)
{
	const struct leftover *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static void name_leftover(struct leftovers *l, uint64_t number)
{
	const struct leftover key = {.number = number};
	struct leftover *found =
		l->n > 0 ? bsearch(&key, l->items, l->n, sizeof(key), by_number) : NULL;

	if (found)
		found->named = true;
}

/* Only names as we write them, and old ones. */
static bool is_leftover(int dir, const char *name, int64_t before, uint64_t *ret_number)
{
	char text[IDENT_TEXT + 1];
	struct stat st;

	if (!ident_parse(str_of(name), ret_number))
		return false;
	ident_format(*ret_number, text);
	return streq(text, name) && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_mtim.tv_sec < before / 1000000000;
}

static int add_leftover(struct leftovers *l, uint64_t number, struct error *err)
{
	if (l->n == l->room) {
		size_t room = l->room * 2 + 64;
		struct leftover *more = reallocarray(l->items, room, sizeof(*more));

		if (!more)
			return err_nomem(err, "names of files");
		l->items = more;
		l->room = room;
	}
	l->items[l->n++] = (struct leftover){.number = number};
	return 0;
}

static int list_leftovers(struct leftovers *l, const char *path, int64_t before, struct error *err)
{
	DIR *d = opendir(path);
	struct dirent *e;
	uint64_t number;
	int r = 0;

	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot look into %s",
				     path);
	while (r == 0 && (e = readdir(d)))
		if (is_leftover(dirfd(d), e->d_name, before, &number))
			r = add_leftover(l, number, err);
	closedir(d);
	if (l->n > 0)
		qsort(l->items, l->n, sizeof(*l->items), by_number);
	return r;
}

/* However the row writes what stands before the name or after it. */
static void name_each_part(struct leftovers *l, struct str prefix)
{
	const char *at = prefix.ptr, *end = at + prefix.len;
	uint64_t number;

	while (at < end) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const char *stop = slash ? slash : end;

		if (ident_parse((struct str){at, (size_t)(stop - at)}, &number))
			name_leftover(l, number);
		at = stop + 1;
	}
}

static int
ask_rows(sqlite3 *db, struct leftovers *outputs, struct leftovers *logs, struct error *err)
{
	_cleanup_(stmt_finalp) sqlite3_stmt *s = NULL;
	int rc, r = db_prepare(db, "SELECT id,output_prefix FROM execution", &s, err);

	if (r < 0)
		return r;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		name_leftover(logs, (uint64_t)sqlite3_column_int64(s, 0));
		name_each_part(outputs, column_str(s, 1));
	}
	return rc == SQLITE_DONE ? 0 : db_error(db, rc, "state database", err);
}

static int set_all_aside(const char *dir,
			 const struct leftovers *outputs,
			 const struct leftovers *logs,
			 struct error *err)
{
	char name[IDENT_TEXT + 1], path[4096];
	bool done = true;

	for (size_t i = 0; i < outputs->n; i++) {
		if (outputs->items[i].named)
			continue;
		ident_format(outputs->items[i].number, name);
		if (snprintf(path, sizeof(path), "%s/outputs/%s", dir, name) < (int)sizeof(path))
			done &= own_outputs_set_aside(dir, str_of(path));
	}
	for (size_t i = 0; i < logs->n; i++)
		if (!logs->items[i].named)
			done &= own_log_set_aside(dir, logs->items[i].number);
	return done ? 0
		    : err_set(err, ERR_IO,
			      "files of executions that are gone stay in %s: they "
			      "cannot be moved to its trash",
			      dir);
}

int own_files_without_rows(sqlite3 *db, const char *dir, int64_t before, struct error *err)
{
	_cleanup_(freep) char *outputs_dir = path_join(dir, "outputs");
	_cleanup_(freep) char *logs_dir = path_join(dir, "logs");
	struct leftovers outputs = {.n = 0}, logs = {.n = 0};
	int r;

	if (!outputs_dir || !logs_dir)
		return err_nomem(err, "a path");
	r = list_leftovers(&outputs, outputs_dir, before, err);
	if (r == 0)
		r = list_leftovers(&logs, logs_dir, before, err);
	if (r == 0 && (outputs.n > 0 || logs.n > 0))
		r = ask_rows(db, &outputs, &logs, err);
	if (r == 0)
		r = set_all_aside(dir, &outputs, &logs, err);
	free(outputs.items);
	free(logs.items);
	return r;
}

int store_sqlite_empty_trash(const char *dir, struct error *err)
{
	_cleanup_(freep) char *trash = path_join(dir, "trash");

	return trash ? dir_remove(trash, err) : err_nomem(err, "a path");
}
