/* The catalog for people: a view of each plugin, made when it is asked for. */
#include "cli/catalog_private.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* What a view borrows from. */
struct showing {
	struct catalog_view view;
	struct catalog_generation_view *generations;
	char *id;
	char remark[1200];
};

static void showing_done(struct showing *s)
{
	free(s->generations);
	free(s->id);
}

/* ---- generations ------------------------------------------------------------------------------ */

static size_t count_runners(const struct known_plugin *p)
{
	size_t n = 0;

	for (const struct plugin_content *x = p->contents; x; x = x->next) {
		n += x->runners == NULL;
		for (const struct plugin_runners *r = x->runners; r; r = r->next)
			n++;
	}
	return n;
}

/* A content that nothing was run of has no runners yet. */
static struct catalog_generation_view without_runners(const struct plugin_content *x)
{
	struct catalog_generation_view v = {
		.digest = x->verdict->digest,
		.loaded_at = x->loaded_at,
		.retiring = x->retiring,
		.status = {.name = x->owner->id, .digest = x->verdict->digest, .reason = ""},
	};

	content_configured(x, &v);
	return v;
}

static void show_generations(struct showing *s, const struct known_plugin *p)
{
	size_t n = count_runners(p), at = 0;

	s->generations = calloc(n + 1, sizeof(*s->generations));
	if (!s->generations)
		return;
	for (const struct plugin_content *x = p->contents; x; x = x->next) {
		if (!x->runners)
			s->generations[at++] = without_runners(x);
		for (const struct plugin_runners *r = x->runners; r; r = r->next) {
			struct catalog_generation_view *v = &s->generations[at++];

			*v = without_runners(x);
			v->retiring = r->retiring;
			v->min = r->min;
			v->max = r->max;
			runner_generation_status(r->pool, &v->status);
		}
	}
	s->view.generations = s->generations;
	s->view.n_generations = at;
}

/* ---- one plugin ------------------------------------------------------------------------------- */

static void add_reason(struct showing *s, const char *reason)
{
	size_t n = strlen(s->remark);

	if (reason && *reason)
		snprintf(s->remark + n, sizeof(s->remark) - n, "%s%s", n ? "; " : "", reason);
	s->view.reason = s->remark;
}

/* Why the file is not, or not yet, used as it is. */
static const char *trouble(const struct slot *s)
{
	if (s->file.state == LOOK_REFUSED)
		return s->file.reason;
	if (s->file.state == LOOK_READ && s->file.verdict &&
	    s->file.verdict->state != PLUGIN_ACTIVE)
		return s->file.verdict->reason;
	return NULL;
}

static void add_trouble(struct showing *show, const struct known_plugin *p)
{
	char text[1024];

	if (!p->slot || !trouble(p->slot))
		return;
	snprintf(text, sizeof(text), "the file now there is not used: %s", trouble(p->slot));
	add_reason(show, text);
}

static const char *why_quarantined(const struct showing *s)
{
	for (size_t i = 0; i < s->view.n_generations; i++)
		if (s->generations[i].status.quarantined)
			return s->generations[i].status.reason;
	return "";
}

static void show_state(struct showing *s, const struct catalog *c, const struct known_plugin *p)
{
	struct catalog_view *v = &s->view;
	const char *off = map_get(&c->off, str_of(p->id));
	int64_t until;

	if (!p->current) {
		v->state = CATALOG_REMOVED;
		add_reason(s, "its file is gone; what it has begun is finished");
	} else if (off) {
		v->state = CATALOG_DISABLED;
		add_reason(s, off);
	} else if (content_quarantined(p->current, &until)) {
		v->state = CATALOG_QUARANTINED;
		v->quarantined_until = clock_realtime_ns() + until - loop_now_ns();
		add_reason(s, why_quarantined(s));
	} else {
		v->state = CATALOG_ACTIVE;
	}
}

static void show_plugin(struct showing *s, const struct catalog *c, const struct known_plugin *p)
{
	const struct registry_entry *e = p->slot ? p->slot->entry : NULL;
	const struct plugin_content *newest = p->current ? p->current : p->contents;

	*s = (struct showing){.view = {.id = p->id,
				       .file = p->file ? p->file : "",
				       .reason = "",
				       .note = &newest->verdict->note}};
	show_generations(s, p);
	show_state(s, c, p);
	add_trouble(s, p);
	if (!e)
		return;
	add_reason(s, e->reason);
	s->view.lost_claims = e->lost_claims;
	s->view.n_lost_claims = e->n_lost_claims;
}

/* ---- a file that is not in use ---------------------------------------------------------------- */

static char *slot_id(const struct slot *s)
{
	const struct verdict *v = s->file.verdict ? s->file.verdict : s->good;
	struct str name = str_of(path_base(s->file.path));

	if (v && v->is_plugin)
		name = v->note.id;
	else if (str_ends(name, ".so"))
		name.len -= 3;
	return strndup(name.ptr, name.len);
}

static enum catalog_state slot_state(const struct slot *s)
{
	const struct verdict *v = s->file.verdict;

	if (s->entry)
		return CATALOG_REFUSED; /* another has its id */
	switch (s->file.state) {
	case LOOK_SETTLING:
		return CATALOG_LOADING;
	case LOOK_REFUSED:
		return CATALOG_REFUSED;
	case LOOK_OTHER:
		return CATALOG_NOT_A_PLUGIN;
	case LOOK_READ:
		break;
	}
	switch (v->state) {
	case PLUGIN_NOT_A_PLUGIN:
		return CATALOG_NOT_A_PLUGIN;
	case PLUGIN_REFUSED:
		return CATALOG_REFUSED;
	case PLUGIN_QUARANTINED:
		return CATALOG_QUARANTINED;
	case PLUGIN_ACTIVE:
		break;
	}
	return CATALOG_LOADING;
}

/* Does no plugin stand for this file? */
static bool alone(const struct slot *s)
{
	return !s->entry || s->entry->state != PLUGIN_ACTIVE;
}

static bool show_slot(struct showing *show, const struct slot *s)
{
	const struct verdict *v = s->file.verdict ? s->file.verdict : s->good;
	const char *why = s->entry                         ? s->entry->reason
			  : s->file.state == LOOK_SETTLING ? "it may still be written to"
			  : s->file.state == LOOK_OTHER    ? s->file.reason
							   : trouble(s);

	*show = (struct showing){.id = slot_id(s)};
	if (!show->id)
		return false;
	show->view = (struct catalog_view){.id = show->id,
					   .file = s->file.path,
					   .state = slot_state(s),
					   .reason = "",
					   .note = v && v->is_plugin ? &v->note : NULL};
	if (!why && show->view.state == CATALOG_LOADING)
		why = "it is being checked";
	add_reason(show, why);
	return true;
}

/* ---- all -------------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
	const struct showing *const *x = a, *const *y = b;
	bool p = (*x)->view.state == CATALOG_NOT_A_PLUGIN;
	bool q = (*y)->view.state == CATALOG_NOT_A_PLUGIN;

	if (p != q)
		return p ? 1 : -1;
	return strcmp((*x)->view.id, (*y)->view.id);
}

static size_t collect(struct catalog *c, bool all, struct showing *items, struct showing **order)
{
	size_t n = 0;

	map_foreach (&c->plugins, e) {
		const struct known_plugin *p = e->value;

		if (!p->contents)
			continue;
		show_plugin(&items[n], c, p);
		order[n] = &items[n];
		n++;
	}
	for (size_t i = 0; i < c->n_slots; i++) {
		if (!alone(&c->slots[i]) || !show_slot(&items[n], &c->slots[i]))
			continue;
		if (items[n].view.state == CATALOG_NOT_A_PLUGIN && !all) {
			showing_done(&items[n]);
			continue;
		}
		order[n] = &items[n];
		n++;
	}
	return n;
}

void catalog_list(struct catalog *c,
		  bool all,
		  void (*each)(void *context, const struct catalog_view *v),
		  void *context)
{
	size_t most = c->plugins.len + c->n_slots + 1, n;
	struct showing *items = calloc(most, sizeof(*items));
	struct showing **order = calloc(most, sizeof(struct showing *));

	if (items && order) {
		n = collect(c, all, items, order);
		qsort(order, n, sizeof(struct showing *), by_id);
		for (size_t i = 0; i < n; i++)
			each(context, &order[i]->view);
		for (size_t i = 0; i < n; i++)
			showing_done(order[i]);
	} else {
		log_error("out of memory: the plugins cannot be listed");
	}
	free(items);
	free(order);
}

static bool view_slot(const struct slot *s,
		      struct str id,
		      void (*each)(void *context, const struct catalog_view *v),
		      void *context)
{
	struct showing show;
	bool hit;

	if (!alone(s) || !show_slot(&show, s))
		return false;
	hit = str_is(id, show.id);
	if (hit)
		each(context, &show.view);
	showing_done(&show);
	return hit;
}

bool catalog_view_of(struct catalog *c,
		     struct str id,
		     void (*each)(void *context, const struct catalog_view *v),
		     void *context)
{
	const struct known_plugin *p = catalog_plugin(c, id);

	if (p && p->contents) {
		struct showing show;

		show_plugin(&show, c, p);
		each(context, &show.view);
		showing_done(&show);
		return true;
	}
	for (size_t i = 0; i < c->n_slots; i++)
		if (view_slot(&c->slots[i], id, each, context))
			return true;
	return false;
}

static void count(struct catalog_counts *n, enum catalog_state state)
{
	unsigned *const by_state[] = {
		[CATALOG_ACTIVE] = &n->active,     [CATALOG_LOADING] = &n->loading,
		[CATALOG_REFUSED] = &n->refused,   [CATALOG_QUARANTINED] = &n->quarantined,
		[CATALOG_DISABLED] = &n->disabled, [CATALOG_REMOVED] = NULL,
		[CATALOG_NOT_A_PLUGIN] = NULL,
	};

	if (!by_state[state])
		return;
	n->plugins++;
	++*by_state[state];
}

struct catalog_counts catalog_counts(const struct catalog *c)
{
	struct catalog_counts n = {.plugins = 0};
	int64_t until;

	/* Without making views: this is asked for with each collection of metrics. */
	map_foreach (&c->plugins, e) {
		const struct known_plugin *p = e->value;

		if (!p->current)
			continue;
		if (catalog_is_off(c, p->id))
			count(&n, CATALOG_DISABLED);
		else if (content_quarantined(p->current, &until))
			count(&n, CATALOG_QUARANTINED);
		else
			count(&n, CATALOG_ACTIVE);
	}
	for (size_t i = 0; i < c->n_slots; i++)
		if (alone(&c->slots[i]))
			count(&n, slot_state(&c->slots[i]));
	return n;
}

/* ---- quarantine ------------------------------------------------------------------------------- */

static bool clear_runners(struct known_plugin *p)
{
	bool changed = false;

	for (struct plugin_content *x = p->contents; x; x = x->next)
		for (struct plugin_runners *r = x->runners; r; r = r->next) {
			struct runner_generation_status now;

			runner_generation_status(r->pool, &now);
			changed = changed || now.quarantined;
			r->quarantined = false;
			runner_generation_unquarantine(r->pool);
		}
	return changed;
}

/* A file whose code misbehaved when it was checked is checked again. */
static bool clear_verdicts(struct catalog *c, struct str id)
{
	bool changed = false;

	for (size_t i = 0; i < c->n_slots; i++) {
		struct verdict *v = c->slots[i].file.verdict;

		if (!v || !v->is_plugin || v->state != PLUGIN_QUARANTINED ||
		    !str_eq(v->note.id, id))
			continue;
		verdicts_judge(c->verdicts, v, PLUGIN_ACTIVE, "", false, NULL, 0, NULL);
		free(TAKE(c->slots[i].refused));
		changed = true;
	}
	if (changed)
		loop_later_queue(c->params.loop, &c->line_up);
	return changed;
}

int catalog_unquarantine(struct catalog *c, struct str id, bool *ret_changed, struct error *err)
{
	struct known_plugin *p = catalog_plugin(c, id);
	bool changed = clear_verdicts(c, id);

	if (!p && !changed) {
		for (size_t i = 0; i < c->n_slots; i++) {
			const struct verdict *v = c->slots[i].file.verdict;

			if (v && v->is_plugin && str_eq(v->note.id, id)) {
				*ret_changed = false;
				return 0;
			}
		}
		return err_set(err, ERR_NOT_FOUND, "there is no plugin '" STR_FMT "'", STR_ARG(id));
	}
	if (p)
		changed = clear_runners(p) || changed;
	if (changed)
		catalog_tell(c, p ? p->id : NULL);
	*ret_changed = changed;
	return 0;
}
