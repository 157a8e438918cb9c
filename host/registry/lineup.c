/* Claims among plugins that somebody else has found. */
#include "registry/entry.h"

static struct registry_entry *entry_of(const struct registry_line *line, struct error *err)
{
	struct registry_entry *e = calloc(1, sizeof(*e));
	const char *reason = line->remark && *line->remark ? line->remark : NULL;

	if (!e)
		return NULL;
	e->path = strdup(line->path);
	e->name = strndup(line->note->id.ptr, line->note->id.len);
	e->inspection.is_plugin = true;
	e->inspection.note = *line->note;
	if (!e->path || !e->name || registry_entry_set(e, PLUGIN_ACTIVE, reason, err) < 0) {
		registry_entry_free(e);
		return NULL;
	}
	return e;
}

int registry_line_up(struct registry *r,
		     const char *const *dirs,
		     size_t n_dirs,
		     const struct registry_line *lines,
		     size_t n,
		     struct error *err)
{
	int ret = 0;

	*r = (struct registry){.scanned = true};
	r->dirs = calloc(n_dirs + 1, sizeof(*r->dirs));
	r->entries = calloc(n + 1, sizeof(struct registry_entry *));
	if (!r->dirs || !r->entries)
		ret = err_nomem(err, "the plugins' claims");
	for (size_t i = 0; ret == 0 && i < n_dirs; i++) {
		r->dirs[i] = strdup(dirs[i]);
		if (!r->dirs[i])
			ret = err_nomem(err, "the plugins' claims");
		r->n_dirs = r->n_named = i + (ret == 0);
	}
	for (size_t i = 0; ret == 0 && i < n; i++) {
		r->entries[i] = entry_of(&lines[i], err);
		if (!r->entries[i])
			ret = err_nomem(err, "the plugins' claims");
		r->n_entries = i + (ret == 0);
	}
	if (ret == 0)
		ret = registry_settle_claims(r, err);
	if (ret < 0)
		registry_done(r);
	return ret;
}
