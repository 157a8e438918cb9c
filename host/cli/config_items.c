/* All settings, for people. */
#include "cli/config_key.h"

#include <stdio.h>

struct listing {
	struct worker_config *c;
	struct config_item *items;
	size_t n;
	bool failed;
};

static void
add(struct listing *l, const char *key, const char *value, const struct config_origin *origin)
{
	struct config_item *item = &l->items[l->n];

	item->key = arena_strdup(&l->c->arena, key);
	item->value = arena_strdup(&l->c->arena, value ? value : "");
	item->origin = *origin;
	if (!item->key || !item->value)
		l->failed = true;
	else
		l->n++;
}

static void add_key(struct listing *l,
		    const struct config_key *k,
		    const char *prefix,
		    const void *base,
		    const struct config_origin *origin)
{
	_cleanup_(buf_done) struct buf value = BUF_INIT;
	char name[400];

	config_value_print(k, (const char *)base + k->offset, &value);
	if (k->kind == CONFIG_AUTO && l->c->slots_auto)
		buf_puts(&value, " (auto)");
	snprintf(name, sizeof(name), "%s%s", prefix, k->name);
	if (value.failed)
		l->failed = true;
	else
		add(l, name, value.data, origin);
}

static void add_entries(struct listing *l,
			const struct config_entries *entries,
			const struct config_table *t,
			const char *group,
			bool plugin)
{
	char prefix[380];

	for (size_t i = 0; i < entries->n; i++) {
		const struct config_entry *e = &entries->items[i];

		snprintf(prefix, sizeof(prefix), "%s.%s.", group, e->name);
		for (size_t j = 0; j < t->n; j++)
			if (e->origins[j].source != CONFIG_UNSET)
				add_key(l, &t->keys[j], prefix,
					plugin ? (const void *)&e->runners : (const void *)&e->type,
					&e->origins[j]);
	}
}

int config_items(struct worker_config *c,
		 struct config_item **ret,
		 size_t *ret_n,
		 struct error *err)
{
	struct listing l = {.c = c};
	size_t most = config_keys.n + c->per_plugin.n * config_plugin_keys.n +
		      c->per_task_type.n * config_type_keys.n;

	l.items = arena_array(&c->arena, most, sizeof(*l.items));
	if (!l.items)
		return err_nomem(err, "the list of settings");
	for (size_t i = 0; i < config_keys.n; i++)
		add_key(&l, &config_keys.keys[i], "", c, &c->origins[i]);
	add_entries(&l, &c->per_plugin, &config_plugin_keys, CONFIG_PER_PLUGIN, true);
	add_entries(&l, &c->per_task_type, &config_type_keys, CONFIG_PER_TASK_TYPE, false);
	if (l.failed)
		return err_nomem(err, "the list of settings");
	*ret = l.items;
	*ret_n = l.n;
	return 0;
}
