/* Who has which name when several plugins want it. */
#include "registry/entry.h"

#include <stdio.h>

struct claim {
	struct registry *registry;
	struct registry_entry *entry;
	struct error *err;
};

static int
lose(const struct claim *c, const char *what, struct str name, const struct registry_entry *winner)
{
	struct registry_entry *e = c->entry;
	char **more = realloc(e->lost_claims, (e->n_lost_claims + 1) * sizeof(*more));
	char *text;

	if (!more)
		return err_nomem(c->err, e->path);
	e->lost_claims = more;
	if (asprintf(&text, "%s '" STR_FMT "' (claimed by %s)", what, STR_ARG(name), winner->path) <
	    0)
		return err_nomem(c->err, e->path);
	e->lost_claims[e->n_lost_claims++] = text;
	return 0;
}

static int claim(const struct claim *c, struct map *map, const char *what, struct str name)
{
	struct registry_entry *winner = map_get(map, name);

	if (winner && winner != c->entry)
		return lose(c, what, name, winner);
	if (map_put(map, name, c->entry, NULL) < 0)
		return err_nomem(c->err, c->entry->path);
	return 0;
}

/* "<plugin>.<name>": ids are claimed first, so nobody else can have it. */
static int
add_names(const struct claim *c, struct map *map, const struct note_offer *offers, size_t n)
{
	struct str id = c->entry->inspection.note.id;
	char full[512];

	for (size_t i = 0; i < n; i++) {
		int len = snprintf(full, sizeof(full), STR_FMT "." STR_FMT, STR_ARG(id),
				   STR_ARG(offers[i].name));

		if (map_put(map, (struct str){full, (size_t)len}, c->entry, NULL) < 0)
			return err_nomem(c->err, c->entry->path);
	}
	return 0;
}

/* An alias that is another plugin's own name stays that plugin's. */
static int claim_alias(const struct claim *c, struct str alias)
{
	struct registry *r = c->registry;
	struct registry_entry *owner = map_get(&r->by_executor, alias);

	if (!owner)
		owner = map_get(&r->by_task, alias);
	return owner && owner != c->entry ? lose(c, "alias", alias, owner)
					  : claim(c, &r->by_alias, "alias", alias);
}

static int claim_offers(const struct claim *c, const struct note_offer *offers, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; r == 0 && k < offers[i].n_aliases; k++)
			r = claim_alias(c, offers[i].aliases[k]);
		for (size_t k = 0; r == 0 && k < offers[i].n_task_types; k++)
			r = claim(c, &c->registry->by_task_type, "task type",
				  offers[i].task_types[k].type);
	}
	return r;
}

static int claim_id(const struct claim *c)
{
	struct registry_entry *e = c->entry;
	struct registry_entry *winner = map_get(&c->registry->by_id, e->inspection.note.id);
	_cleanup_(freep) char *reason = NULL;

	if (!winner)
		return claim(c, &c->registry->by_id, "id", e->inspection.note.id);
	if (asprintf(&reason,
		     "its id '" STR_FMT "' is taken by %s, which comes first in the search order; "
		     "remove one of them",
		     STR_ARG(e->inspection.note.id), winner->path) < 0)
		return err_nomem(c->err, e->path);
	e->duplicate = true;
	return registry_entry_set(e, PLUGIN_REFUSED, reason, c->err);
}

static int note_losses(struct registry_entry *e, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	int r;

	if (e->n_lost_claims == 0)
		return 0;
	if (e->reason)
		buf_printf(&text, "%s; ", e->reason);
	buf_puts(&text, "active without ");
	for (size_t i = 0; i < e->n_lost_claims; i++)
		buf_printf(&text, "%s%s", i ? ", " : "", e->lost_claims[i]);
	r = buf_check(&text, e->path, err);
	return r < 0 ? r : registry_entry_set(e, PLUGIN_ACTIVE, text.data, err);
}

static void forget(struct registry *r)
{
	struct map *const maps[] = {&r->by_id, &r->by_executor, &r->by_task, &r->by_alias,
				    &r->by_task_type};

	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		map_done(maps[i], NULL);
		*maps[i] = (struct map)MAP_INIT;
	}
}

int registry_settle_claims(struct registry *r, struct error *err)
{
	int ret = 0;

	forget(r);
	for (size_t i = 0; ret == 0 && i < r->n_entries; i++) {
		struct claim c = {r, r->entries[i], err};
		const struct note_plugin *n = &c.entry->inspection.note;

		if (c.entry->state != PLUGIN_ACTIVE)
			continue;
		ret = claim_id(&c);
		if (ret < 0 || c.entry->state != PLUGIN_ACTIVE)
			continue;
		ret = add_names(&c, &r->by_executor, n->executors, n->n_executors);
		if (ret == 0)
			ret = add_names(&c, &r->by_task, n->tasks, n->n_tasks);
	}
	for (size_t i = 0; ret == 0 && i < r->n_entries; i++) {
		struct claim c = {r, r->entries[i], err};
		const struct note_plugin *n = &c.entry->inspection.note;

		if (c.entry->state != PLUGIN_ACTIVE)
			continue;
		ret = claim_offers(&c, n->executors, n->n_executors);
		if (ret == 0)
			ret = claim_offers(&c, n->tasks, n->n_tasks);
		if (ret == 0)
			ret = note_losses(c.entry, err);
	}
	return ret;
}
