#include "cli/config_key.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *config_source_name(enum config_source source)
{
	static const char *const names[] = {
		[CONFIG_UNSET] = "unset",      [CONFIG_DEFAULT] = "default",
		[CONFIG_STAND_IN] = "default", [CONFIG_FILE] = "file",
		[CONFIG_ENV] = "environment",  [CONFIG_FLAG] = "flag"};

	return names[source];
}

/* ---- sentences --------------------------------------------------------------------------- */

/* Lists grow in the arena, by copying; they are short. */
static void list_add(struct worker_config *c, struct config_list *list, const char *text)
{
	const char **items = arena_array(&c->arena, list->n + 1, sizeof(*items));

	if (!items || !text) {
		c->nomem = true;
		return;
	}
	if (list->n > 0)
		memcpy(items, list->items, list->n * sizeof(*items));
	items[list->n] = text;
	list->items = items;
	list->n++;
}

static void say(struct worker_config *c, struct config_list *list, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static void say(struct worker_config *c, struct config_list *list, const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	list_add(c, list, arena_strdup(&c->arena, text));
}

void config_problem(struct worker_config *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c, &c->problems, fmt, ap);
	va_end(ap);
}

void config_note(struct worker_config *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c, &c->notes, fmt, ap);
	va_end(ap);
}

/* ---- entries ----------------------------------------------------------------------------- */

/* A plugin's id: dotted words of small letters, digits and underscores, each led by a letter. */
static bool plugin_id_ok(const char *id)
{
	bool start = true;

	for (; *id; id++) {
		if (*id == '.' ? start
		    : start    ? *id < 'a' || *id > 'z'
			       : !strchr("abcdefghijklmnopqrstuvwxyz0123456789_", *id))
			return false;
		start = *id == '.';
	}
	return !start;
}

static bool type_name_ok(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
			return false;
	return len > 0 && len <= 255;
}

struct config_entry *
config_entry_of(struct worker_config *c, bool plugin, const char *name, const char *where)
{
	struct config_entries *list = plugin ? &c->per_plugin : &c->per_task_type;
	struct config_entry *items;

	if (plugin ? !plugin_id_ok(name) : !type_name_ok(name)) {
		config_problem(
			c, "%s: \"%.100s\" is no %s", where, name,
			plugin ? "plugin id: it must be words of a-z, 0-9 and _, parted by dots"
			       : "task type");
		return NULL;
	}
	for (size_t i = 0; i < list->n; i++)
		if (streq(list->items[i].name, name))
			return &list->items[i];
	items = arena_array(&c->arena, list->n + 1, sizeof(*items));
	if (!items) {
		c->nomem = true;
		return NULL;
	}
	if (list->n > 0)
		memcpy(items, list->items, list->n * sizeof(*items));
	memset(&items[list->n], 0, sizeof(*items));
	items[list->n].name = arena_strdup(&c->arena, name);
	if (!items[list->n].name) {
		c->nomem = true;
		return NULL;
	}
	list->items = items;
	return &list->items[list->n++];
}

/* ---- setting ----------------------------------------------------------------------------- */

void config_set(struct worker_config *c,
		const struct config_table *t,
		const struct config_key *k,
		void *base,
		struct config_origin *origins,
		const char *key_text,
		const char *const *items,
		size_t n,
		struct config_origin origin)
{
	char why[CONFIG_WHY_MAX];

	if (!config_value_read(k, items, n, (char *)base + k->offset, &c->arena, why)) {
		if (!*why)
			c->nomem = true;
		else if (*origin.where)
			config_problem(c, "%s: %s: %s", origin.where, key_text, why);
		else
			config_problem(c, "%s: %s", key_text, why);
		return;
	}
	origins[k - t->keys] = origin;
}

/* "plugin:arith=4", "type:echo=2" among the texts of slots; "arith=process" among those of
 * isolation. True when it was one. */
static bool set_for_one(struct worker_config *c,
			const struct config_key *k,
			const char *text,
			struct config_origin origin)
{
	bool slots = streq(k->name, "slots"), plugin = true;
	const char *equals = strrchr(text, '=');
	char name[300], key[400];
	const char *value;
	struct config_entry *e;

	if (!equals || (!slots && !streq(k->name, "isolation")))
		return false;
	if (slots && str_starts(str_of(text), "type:"))
		plugin = false;
	else if (slots && !str_starts(str_of(text), "plugin:"))
		return false;
	text += slots ? strcspn(text, ":") + 1 : 0;
	value = equals + 1;
	snprintf(name, sizeof(name), "%.*s", (int)MIN(equals - text, 299), text);
	e = config_entry_of(c, plugin, name, origin.where);
	if (!e)
		return true;
	snprintf(key, sizeof(key), "%s.%s.%s", plugin ? CONFIG_PER_PLUGIN : CONFIG_PER_TASK_TYPE,
		 name, k->name);
	if (plugin)
		config_set(c, &config_plugin_keys, config_key_find(&config_plugin_keys, k->name),
			   &e->runners, e->origins, key, &value, 1, origin);
	else
		config_set(c, &config_type_keys, config_key_find(&config_type_keys, k->name),
			   &e->type, e->origins, key, &value, 1, origin);
	return true;
}

static void unknown_key(struct worker_config *c, const char *key, const char *where)
{
	const char *names[CONFIG_KEYS_MAX], *close;

	for (size_t i = 0; i < config_keys.n; i++)
		names[i] = config_keys.keys[i].name;
	close = suggest(key, names, config_keys.n);
	config_problem(c, "%s: %.200s: there is no such setting%s%s%s", where, key,
		       close ? "; did you mean " : "", close ? close : "", close ? "?" : "");
}

/* "per_plugin.<id>.<setting>", where the id may hold dots. */
static void apply_one(struct worker_config *c,
		      const char *key,
		      bool plugin,
		      const char *const *items,
		      size_t n,
		      struct config_origin origin)
{
	const struct config_table *t = plugin ? &config_plugin_keys : &config_type_keys;
	const char *first = strchr(key, '.') + 1, *last = strrchr(key, '.');
	const struct config_key *k = config_key_find(t, last + 1);
	struct config_entry *e;
	char name[300];

	if (last < first || !k) {
		config_problem(c,
			       "%s: %.200s: it must be %s.NAME.SETTING, SETTING one of those of "
			       "the file",
			       origin.where, key,
			       plugin ? CONFIG_PER_PLUGIN : CONFIG_PER_TASK_TYPE);
		return;
	}
	snprintf(name, sizeof(name), "%.*s", (int)MIN(last - first, 299), first);
	e = config_entry_of(c, plugin, name, origin.where);
	if (e)
		config_set(c, t, k, plugin ? (void *)&e->runners : (void *)&e->type, e->origins,
			   key, items, n, origin);
}

void config_apply(struct worker_config *c,
		  const char *key,
		  const char *const *items,
		  size_t n,
		  enum config_source source,
		  const char *where)
{
	struct config_origin origin = {source, arena_strdup(&c->arena, where)};
	const struct config_key *k = config_key_find(&config_keys, key);

	if (!origin.where) {
		c->nomem = true;
		return;
	}
	if (!k && str_starts(str_of(key), CONFIG_PER_PLUGIN ".")) {
		apply_one(c, key, true, items, n, origin);
	} else if (!k && str_starts(str_of(key), CONFIG_PER_TASK_TYPE ".")) {
		apply_one(c, key, false, items, n, origin);
	} else if (!k) {
		unknown_key(c, key, origin.where);
	} else if (config_key_is_list(k)) {
		config_set(c, &config_keys, k, c, c->origins, k->name, items, n, origin);
	} else {
		for (size_t i = 0; i < n; i++)
			if (!set_for_one(c, k, items[i], origin))
				config_set(c, &config_keys, k, c, c->origins, k->name, &items[i], 1,
					   origin);
	}
}

/* ---- life -------------------------------------------------------------------------------- */

int config_init(struct worker_config *c, const struct config_place *place, struct error *err)
{
	memset(c, 0, sizeof(*c));
	arena_init(&c->arena, 0);
	config_place_defaults(c, place);
	/* Defaults that do not parse are a mistake in the table; so is a problem here. */
	if (!c->nomem && c->problems.n == 0)
		return 0;
	if (c->nomem)
		err_nomem(err, "the configuration");
	else
		err_set(err, ERR_STATE, "%s", c->problems.items[0]);
	config_done(c);
	return c->nomem ? ERR_NOMEM : ERR_STATE;
}

void config_done(struct worker_config *c)
{
	arena_done(&c->arena);
}

/* ---- all together ------------------------------------------------------------------------ */

static void inherit(const struct config_table *t,
		    const struct config_origin *origins,
		    void *own,
		    const void *common)
{
	for (size_t i = 0; i < t->n; i++)
		if (origins[i].source == CONFIG_UNSET) {
			const struct config_key *k = &t->keys[i];
			size_t size = k->kind == CONFIG_CHOICE ? sizeof(int) : sizeof(int64_t);

			memcpy((char *)own + k->offset, (const char *)common + k->offset, size);
		}
}

static const char *origin_of(const struct worker_config *c, const char *name)
{
	const struct config_origin *o =
		&c->origins[config_key_find(&config_keys, name) - config_keys.keys];

	return *o->where ? o->where : "by default";
}

static void check_runners(struct worker_config *c, const char *name, const struct config_runners *r)
{
	if (r->max > 0 && r->min > r->max)
		config_problem(c,
			       "%s%s%s: at least %lld and at most %lld processes contradict each "
			       "other",
			       name ? CONFIG_PER_PLUGIN "." : "runners", name ? name : "",
			       name ? "" : ".min", (long long)r->min, (long long)r->max);
}

static void check_tls(struct worker_config *c)
{
	bool cert = *c->tls_cert, key = *c->tls_key;

	if (cert != key)
		config_problem(c, "%s: tls.%s needs tls.%s as well",
			       origin_of(c, cert ? "tls.cert" : "tls.key"), cert ? "cert" : "key",
			       cert ? "key" : "cert");
	if (*c->tls_client_ca && !cert && !key)
		config_problem(c, "%s: tls.client_ca needs tls.cert and tls.key",
			       origin_of(c, "tls.client_ca"));
}

static void check_types(struct worker_config *c)
{
	for (size_t i = 0; i < c->allow.n; i++)
		for (size_t j = 0; j < c->deny.n; j++)
			if (streq(c->allow.items[i], c->deny.items[j]))
				config_problem(c,
					       "task type %s is both allowed (%s) and denied (%s)",
					       c->allow.items[i], origin_of(c, "task_types.allow"),
					       origin_of(c, "task_types.deny"));
}

static void check_listen(struct worker_config *c)
{
	if (c->listen.n == 0)
		config_problem(c, "%s: listen: there must be an address", origin_of(c, "listen"));
	for (size_t i = 0; i < c->listen.n; i++) {
		const struct config_address *a = &c->listen.items[i];

		if (a->port != 0 && a->port == c->admin.port && streq(a->host, c->admin.host))
			config_problem(c, "%s: admin: gRPC listens on %s already",
				       origin_of(c, "admin"), a->text);
		for (size_t j = 0; j < i; j++)
			if (a->port != 0 && a->port == c->listen.items[j].port &&
			    streq(a->host, c->listen.items[j].host))
				config_problem(c, "%s: listen: %s is there twice",
					       origin_of(c, "listen"), a->text);
	}
}

static void check_directories(struct worker_config *c)
{
	if (!*c->state)
		config_problem(c,
			       "state: there is no HOME to keep a state directory in; set --state");
	if (c->plugins.n == 0)
		config_problem(c, "%s: plugins: there must be a directory",
			       origin_of(c, "plugins"));
}

static int tell_problems(struct worker_config *c, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	for (size_t i = 0; i < c->problems.n; i++)
		buf_printf(&text, "%s%s", i ? "\n" : "", c->problems.items[i]);
	if (text.failed)
		return err_nomem(err, "the configuration's problems");
	return err_set(err, ERR_INVALID, "%s", text.data);
}

/* What follows from other settings. */
static void derive(struct worker_config *c)
{
	if (c->slots == 0) {
		c->slots = c->cpus;
		c->slots_auto = true;
	}
	if (!*c->meta_key_file && *c->state)
		c->meta_key_file = arena_printf(&c->arena, "%s/meta.key", c->state);
	if (!c->meta_key_file)
		c->nomem = true;
}

int config_finish(struct worker_config *c, struct error *err)
{
	derive(c);
	for (size_t i = 0; i < c->per_plugin.n; i++) {
		struct config_entry *e = &c->per_plugin.items[i];

		inherit(&config_plugin_keys, e->origins, &e->runners, &c->runners);
		check_runners(c, e->name, &e->runners);
	}
	for (size_t i = 0; i < c->per_task_type.n; i++)
		inherit(&config_type_keys, c->per_task_type.items[i].origins,
			&c->per_task_type.items[i].type, &c->time_limits);
	check_runners(c, NULL, &c->runners);
	check_directories(c);
	check_listen(c);
	check_tls(c);
	check_types(c);
	if (c->nomem)
		return err_nomem(err, "the configuration");
	return c->problems.n > 0 ? tell_problems(c, err) : 0;
}

/* ---- asking ------------------------------------------------------------------------------ */

static const struct config_entry *find_entry(const struct config_entries *list, struct str name)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_is(name, list->items[i].name))
			return &list->items[i];
	return NULL;
}

const struct config_runners *config_runners_of(const struct worker_config *c, struct str plugin)
{
	const struct config_entry *e = find_entry(&c->per_plugin, plugin);

	return e ? &e->runners : &c->runners;
}

const struct config_task_type *config_type_of(const struct worker_config *c, struct str type)
{
	const struct config_entry *e = find_entry(&c->per_task_type, type);

	return e ? &e->type : &c->time_limits;
}

static bool is_in(const struct config_list *list, struct str s)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_is(s, list->items[i]))
			return true;
	return false;
}

bool config_type_allowed(const struct worker_config *c, struct str type)
{
	return !is_in(&c->deny, type) && (c->allow.n == 0 || is_in(&c->allow, type));
}
