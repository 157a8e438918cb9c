/* Who has which name; plugins come, change and go. */
#include "cli/catalog_private.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <stdio.h>

struct known_plugin *catalog_plugin(const struct catalog *c, struct str id)
{
	return map_get(&c->plugins, id);
}

/* A plugin's file should bear its name; that is no part of the verdict on its content. */
const char *slot_remark(const struct slot *s, char text[512])
{
	const struct note_plugin *note = &s->good->note;
	const char *base = path_base(s->file.path);
	bool named = str_eq((struct str){base, strlen(base) - 3}, note->id);
	const char *reason = s->good->reason;

	if (named)
		return reason;
	snprintf(text, 512, "%s%sthe file is called '%s' but holds plugin '" STR_FMT "'", reason,
		 *reason ? "; " : "", base, STR_ARG(note->id));
	return text;
}

/* ---- claims ----------------------------------------------------------------------------------- */

static void free_lined(struct verdict **lined, size_t n)
{
	for (size_t i = 0; i < n; i++)
		verdict_unref(lined[i]);
	free(lined);
}

struct lining {
	struct registry_line *lines;
	char (*remarks)[512];
	struct verdict **lined;
	size_t n;
};

static void lining_done(struct lining *l)
{
	free(l->lines);
	free(l->remarks);
	free_lined(l->lined, l->n);
}

static bool lining_init(struct lining *l, const struct catalog *c)
{
	*l = (struct lining){
		.lines = calloc(c->n_slots + 1, sizeof(*l->lines)),
		.remarks = calloc(c->n_slots + 1, sizeof(*l->remarks)),
		.lined = calloc(c->n_slots + 1, sizeof(struct verdict *)),
	};
	if (!l->lines || !l->remarks || !l->lined)
		return false;
	for (size_t i = 0; i < c->n_slots; i++) {
		const struct slot *s = &c->slots[i];

		if (!s->good)
			continue;
		l->lines[l->n] = (struct registry_line){s->file.path, &s->good->note,
							slot_remark(s, l->remarks[l->n])};
		l->lined[l->n++] = verdict_ref(s->good);
	}
	return true;
}

static int settle(struct catalog *c, struct error *err)
{
	struct registry lineup;
	struct lining l;
	size_t at = 0;
	int r;

	if (!lining_init(&l, c)) {
		lining_done(&l);
		return err_nomem(err, "the plugins' claims");
	}
	r = registry_line_up(&lineup, (const char *const *)c->dirs, c->n_dirs, l.lines, l.n, err);
	if (r < 0) {
		lining_done(&l);
		return r;
	}
	registry_done(&c->lineup);
	c->lineup = lineup;
	free_lined(c->lined, c->n_lined);
	c->lined = TAKE(l.lined);
	c->n_lined = l.n;
	l.n = 0;
	lining_done(&l);
	for (size_t i = 0; i < c->n_slots; i++)
		c->slots[i].entry = c->slots[i].good ? lineup.entries[at++] : NULL;
	return 0;
}

/* ---- plugins ---------------------------------------------------------------------------------- */

static struct known_plugin *known_plugin_new(struct catalog *c, struct str id)
{
	struct known_plugin *p = calloc(1, sizeof(*p));

	if (p)
		p->id = strndup(id.ptr, id.len);
	if (!p || !p->id || map_put(&c->plugins, id, p, NULL) < 0) {
		if (p)
			free(p->id);
		free(p);
		return NULL;
	}
	p->catalog = c;
	return p;
}

static void known_plugin_free(struct known_plugin *p)
{
	while (p->contents) {
		struct plugin_content *x = p->contents;

		p->contents = x->next;
		content_free(x);
	}
	free(p->id);
	free(p->file);
	free(p);
}

static bool take_content(struct known_plugin *p, const struct slot *s)
{
	struct plugin_content *x = calloc(1, sizeof(*x));
	char *copy = strdup(s->good_copy);

	if (!x || !copy) {
		free(x);
		free(copy);
		return false;
	}
	*x = (struct plugin_content){.owner = p,
				     .verdict = verdict_ref(s->good),
				     .copy = copy,
				     .loaded_at = clock_realtime_ns(),
				     .next = p->contents};
	p->contents = p->current = x;
	return true;
}

static void set_file(struct known_plugin *p, const char *file)
{
	char *copy = p->file && streq(p->file, file) ? NULL : strdup(file);

	if (!copy)
		return;
	free(p->file);
	p->file = copy;
}

/* New runs go to the new content from now on; the old one finishes what it has. */
static bool renew(struct catalog *c, struct known_plugin *p, const struct slot *s)
{
	struct plugin_content *old = p->current;

	if (old && streq(old->verdict->digest, s->good->digest)) {
		set_file(p, s->file.path);
		return false;
	}
	if (!take_content(p, s)) {
		log_error("out of memory: plugin %s stays as it is", p->id);
		return false;
	}
	set_file(p, s->file.path);
	catalog_note_change(c, old ? CHANGE_REPLACED : CHANGE_ADDED, p->id, s->file.path,
			    old ? old->verdict->digest : "", s->good->digest, "");
	if (!catalog_is_off(c, p->id))
		content_activate(p->current);
	if (old)
		content_retire(old);
	return true;
}

static bool remove_plugin(struct catalog *c, struct known_plugin *p)
{
	struct plugin_content *old = p->current;

	if (!old)
		return false;
	p->current = NULL;
	catalog_note_change(c, CHANGE_REMOVED, p->id, p->file ? p->file : "", old->verdict->digest,
			    "", "");
	content_retire(old);
	return true;
}

/* Those that are gone, with all their runners. */
static void forget_gone(struct catalog *c)
{
	struct map rest = MAP_INIT;
	bool failed = false;

	map_foreach (&c->plugins, e) {
		struct known_plugin *p = e->value;

		if (p->contents && map_put(&rest, str_of(p->id), p, NULL) < 0)
			failed = true;
	}
	if (failed) {
		map_done(&rest, NULL);
		return;
	}
	map_foreach (&c->plugins, e) {
		struct known_plugin *p = e->value;

		if (!p->contents)
			known_plugin_free(p);
	}
	map_done(&c->plugins, NULL);
	c->plugins = rest;
}

static bool update(struct catalog *c, struct slot *s)
{
	struct known_plugin *p;

	if (!s->entry || s->entry->state != PLUGIN_ACTIVE)
		return false;
	p = catalog_plugin(c, s->good->note.id);
	if (!p)
		p = known_plugin_new(c, s->good->note.id);
	if (!p) {
		log_error("out of memory: %s is not used", s->file.path);
		return false;
	}
	p->seen = true;
	p->slot = s;
	return renew(c, p, s);
}

void catalog_line_up(struct catalog *c)
{
	struct error err = ERROR_INIT;
	bool changed = false;

	/* Slots may have moved. */
	map_foreach (&c->plugins, e)
		((struct known_plugin *)e->value)->slot = NULL;
	if (settle(c, &err) < 0) {
		log_error("the plugins' claims are as before: %s", err.message);
		return;
	}
	map_foreach (&c->plugins, e)
		((struct known_plugin *)e->value)->seen = false;
	for (size_t i = 0; i < c->n_slots; i++)
		changed = update(c, &c->slots[i]) || changed;
	for (size_t i = 0; i < c->plugins.len; i++) {
		struct known_plugin *p = c->plugins.entries[i].value;

		if (!p->seen)
			changed = remove_plugin(c, p) || changed;
	}
	forget_gone(c);
	if (catalog_types_make(c, &err) < 0)
		log_error("the plugins' task types are not all known: %s", err.message);
	if (changed)
		catalog_tell(c, NULL);
}

void catalog_plugins_free(struct catalog *c)
{
	map_foreach (&c->plugins, e)
		known_plugin_free(e->value);
	map_done(&c->plugins, NULL);
	map_done(&c->types, NULL);
	arena_done(&c->arena);
	registry_done(&c->lineup);
	free_lined(c->lined, c->n_lined);
}
