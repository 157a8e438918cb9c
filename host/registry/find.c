#include "registry/entry.h"

#include "base/file.h"

#include <stdio.h>
#include <unistd.h>

/* ---- words about failing --------------------------------------------------------------------- */

static void list_dirs(const struct registry *r, struct buf *out)
{
	for (size_t i = 0; i < r->n_dirs; i++)
		buf_printf(out, "%s%s", i ? ", " : "", r->dirs[i]);
}

/* "no <what> 'x'; did you mean 'y'? (looked in: …)" */
static int not_found(const struct registry *r,
		     const char *what,
		     struct str name,
		     const struct map *const *maps,
		     size_t n_maps,
		     struct error *err)
{
	_cleanup_(buf_done) struct buf dirs = BUF_INIT;
	_cleanup_(freep) const char **names = NULL;
	_cleanup_(freep) char *typed = strndup(name.ptr ? name.ptr : "", name.len);
	const char *close = NULL;
	size_t n = 0;

	for (size_t i = 0; i < n_maps; i++)
		n += maps[i]->len;
	names = calloc(n + 1, sizeof(*names));
	list_dirs(r, &dirs);
	if (!names || !typed || buf_check(&dirs, "plugin directories", err) < 0)
		return err_nomem(err, "a failed search");
	n = 0;
	for (size_t i = 0; i < n_maps; i++)
		map_foreach (maps[i], e)
			names[n++] = e->key;
	close = suggest(typed, names, n);
	return err_set(err, ERR_NOT_FOUND, "no %s '%s'%s%s%s (looked in: %s)", what, typed,
		       close ? "; did you mean '" : "", close ? close : "", close ? "'?" : "",
		       dirs.len ? dirs.data : "no directory");
}

/* The file that would have been the plugin, had it not been refused. Files of other kinds, and
 * directories like its sources', may bear any name. */
static const struct registry_entry *
refused_as(struct registry_entry *const *list, size_t n, struct str id)
{
	for (size_t i = 0; i < n; i++) {
		const struct registry_entry *e = list[i];

		if (e->state != PLUGIN_ACTIVE && !e->duplicate &&
		    str_ends(str_of(e->path), ".so") &&
		    (str_is(id, e->name) ||
		     (e->inspection.is_plugin && str_eq(e->inspection.note.id, id))))
			return e;
	}
	return NULL;
}

static int no_plugin(const struct registry *r, struct str id, struct error *err)
{
	const struct map *maps[] = {&r->by_id};
	const struct registry_entry *e = refused_as(r->entries, r->n_entries, id);

	if (!e)
		return not_found(r, "plugin", id, maps, ARRAY_LEN(maps), err);
	return err_set(err, ERR_DENIED, "plugin '" STR_FMT "' cannot be used: %s%s%s", STR_ARG(id),
		       strstr(e->reason, e->path) ? "" : e->path,
		       strstr(e->reason, e->path) ? "" : ": ", e->reason);
}

/* ---- the short way --------------------------------------------------------------------------- */

static int remember(struct registry *r, struct registry_entry *e, struct error *err)
{
	struct registry_entry **more =
		realloc(r->quick, (r->n_quick + 1) * sizeof(struct registry_entry *));

	if (!more)
		return err_nomem(err, e->path);
	r->quick = more;
	r->quick[r->n_quick++] = e;
	return 0;
}

/* `<dir>/<id>.so`, when it is a plugin of that id that can be used. */
static int try_dir(struct registry *r,
		   const char *dir,
		   struct str id,
		   struct registry_entry **ret,
		   struct error *err)
{
	_cleanup_(freep) char *path = NULL;
	struct registry_entry *e;
	int rc;

	if (asprintf(&path, "%s/" STR_FMT ".so", streq(dir, "/") ? "" : dir, STR_ARG(id)) < 0) {
		path = NULL;
		return err_nomem(err, dir);
	}
	if (access(path, F_OK) < 0)
		return ERR_NOT_FOUND;
	rc = registry_entry_new(path, &r->policy, NULL, &e, err);
	if (rc < 0)
		return rc;
	if (e->state != PLUGIN_ACTIVE || !str_eq(e->inspection.note.id, id)) {
		registry_entry_free(e);
		return ERR_NOT_FOUND;
	}
	rc = remember(r, e, err);
	if (rc < 0) {
		registry_entry_free(e);
		return rc;
	}
	*ret = e;
	return 0;
}

static int
find_quick(struct registry *r, struct str id, struct registry_entry **ret, struct error *err)
{
	int rc = ERR_NOT_FOUND;

	if (!plugin_id_valid(id))
		return rc;
	for (size_t i = 0; i < r->n_quick; i++)
		if (str_eq(r->quick[i]->inspection.note.id, id)) {
			*ret = r->quick[i];
			return 0;
		}
	for (size_t i = 0; rc == ERR_NOT_FOUND && i < r->n_dirs; i++)
		rc = try_dir(r, r->dirs[i], id, ret, err);
	return rc;
}

/* ---- by name --------------------------------------------------------------------------------- */

static int ensure_scan(struct registry *r, struct error *err)
{
	return r->scanned ? 0 : registry_rescan(r, err);
}

/* ERR_NOT_FOUND without words when there is none. */
static int
look_up(struct registry *r, struct str id, struct registry_entry **ret, struct error *err)
{
	int rc = r->scanned ? ERR_NOT_FOUND : find_quick(r, id, ret, err);

	if (rc != ERR_NOT_FOUND)
		return rc;
	rc = ensure_scan(r, err);
	if (rc < 0)
		return rc;
	*ret = map_get(&r->by_id, id);
	return *ret ? 0 : ERR_NOT_FOUND;
}

int registry_find_plugin(struct registry *r,
			 struct str id,
			 struct registry_entry **ret,
			 struct error *err)
{
	int rc = look_up(r, id, ret, err);

	return rc == ERR_NOT_FOUND ? no_plugin(r, id, err) : rc;
}

static struct str offer_with(const struct note_offer *offers, size_t n, struct str name, bool type)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; !type && k < offers[i].n_aliases; k++)
			if (str_eq(offers[i].aliases[k], name))
				return offers[i].name;
		for (size_t k = 0; type && k < offers[i].n_task_types; k++)
			if (str_eq(offers[i].task_types[k].type, name))
				return offers[i].name;
	}
	return STR_NULL;
}

/* Which executor of the plugin claims the alias or task type? */
static struct str executor_with(const struct registry_entry *e, struct str name, bool type)
{
	const struct note_plugin *n = &e->inspection.note;
	struct str found = offer_with(n->executors, n->n_executors, name, type);

	return found.len ? found : offer_with(n->tasks, n->n_tasks, name, type);
}

/* The plugin is there, so only the last word is wrong. */
static int no_executor_in(const struct registry_entry *e, struct str name, struct error *err)
{
	const struct note_plugin *n = &e->inspection.note;
	_cleanup_(freep) const char **names =
		calloc(n->n_executors + n->n_tasks + 1, sizeof(*names));
	_cleanup_(freep) char *typed = strndup(name.ptr, name.len);
	const char *close;
	size_t k = 0;

	if (!names || !typed)
		return err_nomem(err, "a failed search");
	for (size_t i = 0; i < n->n_executors; i++)
		names[k++] = n->executors[i].name.ptr;
	for (size_t i = 0; i < n->n_tasks; i++)
		names[k++] = n->tasks[i].name.ptr;
	close = suggest(typed, names, k);
	return err_set(err, ERR_NOT_FOUND,
		       "plugin '" STR_FMT "' (%s) has no task or executor '%s'%s%s%s",
		       STR_ARG(n->id), e->path, typed, close ? "; did you mean '" : "",
		       close ? close : "", close ? "'?" : "");
}

int registry_find_executor(struct registry *r,
			   struct str name,
			   struct registry_entry **ret,
			   struct str *ret_executor,
			   struct error *err)
{
	const struct map *maps[] = {&r->by_executor, &r->by_alias, &r->by_task};
	struct registry_entry *e = NULL, *by_alias;
	const struct note_offer *offer;
	struct str id = STR_NULL, last = STR_NULL;
	int rc;

	if (str_split_last_dot(name, &id, &last)) {
		rc = look_up(r, id, &e, err);
		if (rc < 0 && rc != ERR_NOT_FOUND)
			return rc;
		offer = e ? registry_offer(e, last) : NULL;
		if (offer) {
			*ret = e;
			*ret_executor = offer->name;
			return 0;
		}
	}
	rc = ensure_scan(r, err);
	if (rc < 0)
		return rc;
	by_alias = map_get(&r->by_alias, name);
	if (by_alias) {
		*ret = by_alias;
		*ret_executor = executor_with(by_alias, name, false);
		return 0;
	}
	if (e)
		return no_executor_in(e, last, err);
	if (id.len && refused_as(r->entries, r->n_entries, id))
		return no_plugin(r, id, err);
	return not_found(r, "executor", name, maps, ARRAY_LEN(maps), err);
}

int registry_find_task_type(struct registry *r,
			    struct str type,
			    struct registry_entry **ret,
			    struct str *ret_executor,
			    struct error *err)
{
	const struct map *maps[] = {&r->by_task_type};
	struct registry_entry *e;
	int rc = ensure_scan(r, err);

	if (rc < 0)
		return rc;
	e = map_get(&r->by_task_type, type);
	if (!e)
		return not_found(r, "executor for task type", type, maps, ARRAY_LEN(maps), err);
	*ret = e;
	*ret_executor = executor_with(e, type, true);
	return 0;
}
