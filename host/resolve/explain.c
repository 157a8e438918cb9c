#include "resolve/lookup.h"

#include <stdarg.h>
#include <stdio.h>

void lookup_say(const struct lookup *l, const char *fmt, ...)
{
	char line[ERR_MESSAGE_MAX];
	va_list ap;

	if (!l->explain)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	buf_printf(&l->explain->text, "%*s%s\n", 2 * l->depth, "", line);
}

/* An explanation with a part missing is none: it fails as that part did. */
static void lacks(const struct lookup *l, const struct buf *part)
{
	if (part->failed)
		l->explain->text.failed = part->failed;
}

static bool holds(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	while (n > 0 && dir[n - 1] == '/')
		n--;
	return strncmp(dir, path, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/');
}

void lookup_say_place(const struct lookup *l, const struct registry_entry *entry)
{
	const struct registry *r = l->env->registry;
	_cleanup_(buf_done) struct buf dirs = BUF_INIT;
	size_t at = 0;

	if (!l->explain)
		return;
	for (size_t i = r->n_dirs; i-- > 0;)
		if (holds(r->dirs[i], entry->path))
			at = i + 1;
	for (size_t i = 0; i < r->n_dirs; i++)
		buf_printf(&dirs, "%s%s", i ? ", " : "", r->dirs[i]);
	lacks(l, &dirs);
	lookup_say(l, "plugin '" STR_FMT "' is %s (directory %zu of %zu: %s)",
		   STR_ARG(entry->inspection.note.id), entry->path, at, r->n_dirs,
		   dirs.data ? dirs.data : "");
}

static void
list_offers(const struct lookup *l, const char *what, const struct note_offer *offers, size_t n)
{
	_cleanup_(buf_done) struct buf names = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_printf(&names, "%s" STR_FMT, i ? ", " : "", STR_ARG(offers[i].name));
	lacks(l, &names);
	lookup_say(l, "%s: %s", what, names.data ? names.data : "none");
}

void lookup_say_tasks(const struct lookup *l, const struct note_plugin *note)
{
	if (!l->explain)
		return;
	list_offers(l, "its tasks", note->tasks, note->n_tasks);
	if (note->n_executors)
		list_offers(l, "its executors (for templates from outside)", note->executors,
			    note->n_executors);
}
