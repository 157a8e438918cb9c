/* A look in a thread, and what is made of it. */
#include "cli/catalog_private.h"

#include "base/file.h"
#include "base/log.h"

#include <stdio.h>

#define APART_NS (SECOND / 10 + SECOND / 50) /* until a file that settles is looked at again */

void slot_done(struct slot *s)
{
	free(s->file.path);
	free(s->file.reason);
	free(s->file.copy);
	verdict_unref(s->file.verdict);
	verdict_unref(s->good);
	free(s->good_copy);
	free(s->refused);
	*s = (struct slot){.good = NULL};
}

/* ---- saving ----------------------------------------------------------------------------------- */

void catalog_save_now(struct catalog *c)
{
	struct error err = ERROR_INIT;

	c->save_status = verdicts_save(c->verdicts, c->verdicts_path, &err);
	if (c->save_status < 0)
		log_warn("what is known of plugins is not kept for the next start: %s",
			 err.message);
}

static void save_run(struct loop_work *work)
{
	catalog_save_now(CONTAINER_OF(work, struct catalog, save));
}

static void save_done(struct loop_work *work)
{
	struct catalog *c = CONTAINER_OF(work, struct catalog, save);

	c->saving = false;
	/* What has come meanwhile; when it failed, the next look tries again, and while files are
	 * checked there is a time for it. */
	if (c->save_status == 0 && !c->probes)
		catalog_save(c);
}

void catalog_save(struct catalog *c)
{
	if (c->saving || c->stopped || !verdicts_changed(c->verdicts))
		return;
	c->save = (struct loop_work){.run = save_run, .done = save_done};
	c->saving = loop_work_start(c->params.loop, &c->save, NULL) == 0;
}

/* ---- what came of it -------------------------------------------------------------------------- */

/* Tells a refusal once. */
static void refused(struct catalog *c, struct slot *s, const char *digest, const char *reason)
{
	const struct verdict *v = s->file.verdict;
	_cleanup_(freep) char *id = NULL;
	struct str name = str_of(path_base(s->file.path));
	char *key;

	if (asprintf(&key, "%s %s", digest, reason) < 0)
		return;
	if (s->refused && streq(s->refused, key)) {
		free(key);
		return;
	}
	free(s->refused);
	s->refused = key;
	if (str_ends(name, ".so"))
		name.len -= 3;
	if (v && v->is_plugin)
		name = v->note.id;
	else if (s->good)
		name = s->good->note.id;
	id = strndup(name.ptr, name.len);
	catalog_note_change(c, CHANGE_REFUSED, id ? id : "", s->file.path,
			    s->good ? s->good->digest : "", digest, reason);
}

static void adopt(struct slot *s)
{
	char *copy = s->file.copy ? strdup(s->file.copy) : NULL;

	if (!copy)
		return;
	verdict_unref(s->good);
	s->good = verdict_ref(s->file.verdict);
	free(s->good_copy);
	s->good_copy = copy;
	free(TAKE(s->refused));
}

static void judge(struct catalog *c, struct slot *s)
{
	const struct verdict *v = s->file.verdict;

	if (s->file.state == LOOK_REFUSED)
		refused(c, s, "", s->file.reason);
	if (s->file.state != LOOK_READ)
		return;
	if (v->state == PLUGIN_ACTIVE) {
		if (v->probed || !c->params.check_program)
			adopt(s);
		else
			catalog_probe_start(c, s);
		return;
	}
	/* Libraries may lie beside plugins; in the place of a plugin one is a mistake. */
	if (v->state != PLUGIN_NOT_A_PLUGIN || s->good)
		refused(c, s, v->digest, v->reason);
}

void catalog_judge(struct catalog *c)
{
	for (size_t i = 0; i < c->n_slots; i++)
		judge(c, &c->slots[i]);
	catalog_line_up(c);
}

/* ---- slots ------------------------------------------------------------------------------------ */

/* What an earlier look knew of the file goes on. */
static void inherit(struct slot *s, struct slot *old)
{
	s->good = TAKE(old->good);
	s->good_copy = TAKE(old->good_copy);
	s->refused = TAKE(old->refused);
	s->entry = old->entry;
}

static int merge(struct catalog *c, struct error *err)
{
	struct slot *slots = calloc(c->look.n + 1, sizeof(*slots));
	struct map old = MAP_INIT;
	int r = slots ? 0 : err_nomem(err, "the plugins");

	for (size_t i = 0; r == 0 && i < c->n_slots; i++)
		r = map_put(&old, str_of(c->slots[i].file.path), &c->slots[i], NULL);
	if (r < 0) {
		map_done(&old, NULL);
		free(slots);
		return err_nomem(err, "the plugins");
	}
	for (size_t i = 0; i < c->look.n; i++) {
		struct slot *before = map_get(&old, str_of(c->look.files[i].path));

		slots[i].file = c->look.files[i];
		c->look.files[i] = (struct looked_file){.path = NULL};
		if (before)
			inherit(&slots[i], before);
	}
	map_done(&old, NULL);
	for (size_t i = 0; i < c->n_slots; i++)
		slot_done(&c->slots[i]);
	free(c->slots);
	c->slots = slots;
	c->n_slots = c->look.n;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && streq(a, b));
}

/* Most looks find everything as it was. */
static bool nothing_new(const struct catalog *c)
{
	if (!c->loaded || c->reloads || c->look.settling || c->settling_since_ns ||
	    c->look.n != c->n_slots)
		return false;
	for (size_t i = 0; i < c->n_slots; i++) {
		const struct looked_file *a = &c->slots[i].file, *b = &c->look.files[i];

		if (a->state != b->state || a->verdict != b->verdict || !streq(a->path, b->path) ||
		    !same_text(a->reason, b->reason) || !same_text(a->copy, b->copy))
			return false;
	}
	return true;
}

static void apply(struct catalog *c)
{
	struct error err = ERROR_INIT;

	if (nothing_new(c))
		return;
	if (merge(c, &err) < 0) {
		log_error("the plugins are as before: %s", err.message);
		return;
	}
	if (!c->look.settling)
		c->settling_since_ns = 0;
	else if (c->settling_since_ns == 0)
		c->settling_since_ns = loop_now_ns();
	loop_later_cancel(c->params.loop, &c->line_up);
	catalog_judge(c);
}

/* ---- the look --------------------------------------------------------------------------------- */

static void look_run(struct loop_work *work)
{
	struct catalog *c = CONTAINER_OF(work, struct catalog, work);

	c->look_status =
		scanner_look(c->scanner, c->keep_list, c->n_keep, &c->look, &c->look_error);
}

static void look_over(struct loop_work *work)
{
	struct catalog *c = CONTAINER_OF(work, struct catalog, work);
	bool settling = c->look.settling;

	c->looking = false;
	if (c->stopped || work->cancelled)
		return;
	if (c->look_status < 0)
		log_error("the plugin directories could not be looked at: %s",
			  c->look_error.message);
	else
		apply(c);
	look_done(&c->look);
	catalog_watch_refresh(c);
	catalog_save(c);
	if (c->again)
		catalog_look_at(c, c->event_ns ? c->due_ns : loop_now_ns());
	else if (settling)
		catalog_look_at(c, loop_now_ns() + APART_NS);
	catalog_look_later(c);
	catalog_check_quiet(c);
}

static size_t count_contents(const struct catalog *c)
{
	size_t n = 0;

	map_foreach (&c->plugins, e) {
		const struct known_plugin *p = e->value;

		for (const struct plugin_content *x = p->contents; x; x = x->next)
			n++;
	}
	return n;
}

static void keep(struct catalog *c, const struct verdict *v)
{
	if (!v)
		return;
	memcpy(c->keep[c->n_keep], v->digest, SHA256_HEX_SIZE);
	c->keep_list[c->n_keep] = c->keep[c->n_keep];
	c->n_keep++;
}

/* The copies that are in use, or may be before the look is over. */
static bool list_needed(struct catalog *c)
{
	size_t n = 2 * c->n_slots + count_contents(c) + 1;

	free(c->keep);
	free(c->keep_list);
	c->keep = calloc(n, sizeof(*c->keep));
	c->keep_list = calloc(n, sizeof(*c->keep_list));
	c->n_keep = 0;
	if (!c->keep || !c->keep_list)
		return false;
	for (size_t i = 0; i < c->n_slots; i++) {
		keep(c, c->slots[i].good);
		keep(c, c->slots[i].file.verdict);
	}
	map_foreach (&c->plugins, e) {
		const struct known_plugin *p = e->value;

		for (const struct plugin_content *x = p->contents; x; x = x->next)
			keep(c, x->verdict);
	}
	return true;
}

void catalog_look_now(struct catalog *c)
{
	struct error err = ERROR_INIT;

	if (c->looking || c->stopped)
		return;
	for (size_t i = 0; i < c->n_forgotten; i++) {
		scanner_forget_copy(c->scanner, c->forgotten[i]);
		free(c->forgotten[i]);
	}
	c->n_forgotten = 0;
	c->work = (struct loop_work){.run = look_run, .done = look_over};
	if (!list_needed(c))
		err_nomem(&err, "the plugins");
	else if (loop_work_start(c->params.loop, &c->work, &err) == 0) {
		c->looking = true;
		c->again = false;
		c->event_ns = 0;
		return;
	}
	log_error("the plugin directories could not be looked at: %s", err.message);
	catalog_look_later(c);
}
