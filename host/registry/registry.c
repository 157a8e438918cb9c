#include "registry/entry.h"

#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* ---- directories ----------------------------------------------------------------------------- */

static char *absolute(const char *dir)
{
	_cleanup_(freep) char *here = NULL;

	if (dir[0] == '/')
		return strdup(dir);
	here = getcwd(NULL, 0);
	return here ? path_join(here, dir) : NULL;
}

static int add_dir(char ***list, size_t *n, const char *dir, struct error *err)
{
	_cleanup_(freep) char *path = absolute(dir);
	size_t len = path ? strlen(path) : 0;
	char **more;

	if (!path)
		return err_nomem(err, "the plugin directories");
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	for (size_t i = 0; i < *n; i++)
		if (streq((*list)[i], path))
			return 0;
	more = realloc(*list, (*n + 1) * sizeof(*more));
	if (!more)
		return err_nomem(err, "the plugin directories");
	*list = more;
	more[(*n)++] = TAKE(path);
	return 0;
}

/* A colon-separated list; empty items are skipped. */
static int add_list(char ***list, size_t *n, const char *text, struct error *err)
{
	int r = 0;

	while (r == 0 && text && *text) {
		size_t len = strcspn(text, ":");
		_cleanup_(freep) char *dir = strndup(text, len);

		if (!dir)
			return err_nomem(err, "the plugin directories");
		if (len)
			r = add_dir(list, n, dir, err);
		text += len + (text[len] == ':');
	}
	return r;
}

int registry_init(struct registry *r,
		  const char *const *dirs,
		  size_t n_dirs,
		  const char *const *trusted,
		  size_t n_trusted,
		  struct error *err)
{
	int ret = 0;

	*r = (struct registry){.scanned = false};
	for (size_t i = 0; ret == 0 && i < n_dirs; i++)
		ret = add_dir(&r->dirs, &r->n_dirs, dirs[i], err);
	r->n_named = r->n_dirs;
	if (ret == 0)
		ret = add_list(&r->dirs, &r->n_dirs, secure_getenv("TASKHOST_PLUGIN_PATH"), err);
	if (ret == 0)
		ret = add_dir(&r->dirs, &r->n_dirs, TASKHOST_PLUGIN_DIR, err);
	for (size_t i = 0; ret == 0 && i < n_trusted; i++)
		ret = add_dir(&r->trusted, &r->n_trusted, trusted[i], err);
	if (ret == 0)
		ret = add_list(&r->trusted, &r->n_trusted, secure_getenv("TASKHOST_TRUST_PLUGINS"),
			       err);
	if (ret < 0) {
		registry_done(r);
		return ret;
	}
	r->policy = (struct verify_policy){(const char *const *)r->trusted, r->n_trusted};
	return 0;
}

static void free_entries(struct registry_entry **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		registry_entry_free(list[i]);
	free(list);
}

static void free_strings(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

void registry_done(struct registry *r)
{
	map_done(&r->by_id, NULL);
	map_done(&r->by_executor, NULL);
	map_done(&r->by_task, NULL);
	map_done(&r->by_alias, NULL);
	map_done(&r->by_task_type, NULL);
	free_entries(r->entries, r->n_entries);
	free_entries(r->quick, r->n_quick);
	free_strings(r->dirs, r->n_dirs);
	free_strings(r->trusted, r->n_trusted);
	*r = (struct registry){.scanned = false};
}

/* ---- scanning -------------------------------------------------------------------------------- */

struct scan {
	struct registry_entry **entries;
	size_t n, cap;
	struct library_cache *libraries;
};

static int add_file(struct scan *s,
		    const struct registry *r,
		    const char *dir,
		    const char *name,
		    struct error *err)
{
	_cleanup_(freep) char *path = path_join(dir, name);

	if (!path)
		return err_nomem(err, dir);
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct registry_entry **more =
			realloc(s->entries, cap * sizeof(struct registry_entry *));

		if (!more)
			return err_nomem(err, dir);
		s->entries = more;
		s->cap = cap;
	}
	if (registry_entry_new(path, &r->policy, s->libraries, &s->entries[s->n], err) < 0)
		return ERR_NOMEM;
	s->n++;
	return 0;
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int scan_dir(struct scan *s, const struct registry *r, size_t at, struct error *err)
{
	const char *dir = r->dirs[at];
	struct dirent **names = NULL;
	int n = scandir(dir, &names, visible, alphasort), ret = 0;

	if (n < 0 && errno == ENOMEM)
		return err_nomem(err, dir);
	if (n < 0 && (errno != ENOENT || at < r->n_named))
		log_warn("plugin directory %s is skipped: %s", dir, strerrordesc_np(errno));
	for (int i = 0; i < n; i++) {
		if (ret == 0)
			ret = add_file(s, r, dir, names[i]->d_name, err);
		free(names[i]);
	}
	free(names);
	return ret;
}

int registry_rescan(struct registry *r, struct error *err)
{
	struct scan s = {.libraries = library_cache_new()};
	int ret = s.libraries ? 0 : err_nomem(err, "the plugins' libraries");

	for (size_t i = 0; ret == 0 && i < r->n_dirs; i++)
		ret = scan_dir(&s, r, i, err);
	library_cache_free(s.libraries);
	if (ret < 0) {
		free_entries(s.entries, s.n);
		return ret;
	}
	free_entries(r->entries, r->n_entries);
	r->entries = s.entries;
	r->n_entries = s.n;
	r->scanned = true;
	return registry_settle_claims(r, err);
}

int registry_scan(struct registry *r, struct error *err)
{
	free_entries(r->quick, r->n_quick);
	r->quick = NULL;
	r->n_quick = 0;
	return registry_rescan(r, err);
}

/* Refusals and losses that came from the others' claims are judged anew. */
static int reset(struct registry_entry *e, struct error *err)
{
	for (size_t i = 0; i < e->n_lost_claims; i++)
		free(e->lost_claims[i]);
	free(e->lost_claims);
	e->lost_claims = NULL;
	if (!e->duplicate && e->n_lost_claims == 0)
		return 0;
	e->duplicate = false;
	e->n_lost_claims = 0;
	return registry_entry_activate(e, err);
}

int registry_quarantine(struct registry *r,
			struct registry_entry *e,
			const char *reason,
			struct error *err)
{
	int ret = registry_entry_set(e, PLUGIN_QUARANTINED, reason, err);

	for (size_t i = 0; ret == 0 && i < r->n_entries; i++)
		if (r->entries[i] != e)
			ret = reset(r->entries[i], err);
	return ret < 0 ? ret : registry_settle_claims(r, err);
}
