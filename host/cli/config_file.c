/* The configuration file. A key "drain.grace" is the member "grace" of the object "drain". */
#include "cli/config_key.h"

#include "base/json.h"

#include <stdio.h>

struct reader {
	struct worker_config *c;
	struct config_origin origin;
};

static const char *kind_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "text";
	case JSON_INTEGER:
		return "a number";
	case JSON_REAL:
		return "a fraction";
	case JSON_NULL:
		return "null";
	default:
		return "true or false";
	}
}

static const char *wanted(const struct config_key *k)
{
	switch (k->kind) {
	case CONFIG_ADDRESSES:
		return "a list of addresses, [\"127.0.0.1:8000\"]";
	case CONFIG_NAMES:
	case CONFIG_PATHS:
		return "a list of texts, [\"…\"]";
	case CONFIG_COUNT:
		return "a whole number";
	case CONFIG_AUTO:
		return "a whole number or \"auto\"";
	case CONFIG_DURATION:
		return "a duration with its unit, such as \"30s\"";
	case CONFIG_BYTES:
		return "a number of bytes or a text such as \"64Mi\"";
	default:
		return "text";
	}
}

/* ---- one value --------------------------------------------------------------------------- */

/* The value as text: what a flag would say. False when its JSON type is wrong. */
static bool
scalar_text(const struct config_key *k, const json_t *v, char number[32], const char **ret)
{
	bool counts = k->kind == CONFIG_COUNT || k->kind == CONFIG_AUTO || k->kind == CONFIG_BYTES;

	if (json_is_integer(v) && counts) {
		snprintf(number, 32, "%lld", (long long)json_integer_value(v));
		*ret = number;
		return true;
	}
	if (!json_is_string(v) || k->kind == CONFIG_COUNT)
		return false;
	*ret = json_string_value(v);
	return k->kind != CONFIG_AUTO || streq(*ret, "auto");
}

static void set_list(struct reader *r,
		     const struct config_table *t,
		     const struct config_key *k,
		     void *base,
		     struct config_origin *origins,
		     const char *path,
		     const json_t *v)
{
	size_t n = json_array_size(v);
	const char **items = arena_array(&r->c->arena, n, sizeof(*items));

	if (!items) {
		r->c->nomem = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(v, i);

		if (!json_is_string(item)) {
			config_problem(r->c, "%s: %s[%zu]: it must be text, not %s",
				       r->origin.where, path, i, kind_of(item));
			return;
		}
		items[i] = json_string_value(item);
	}
	config_set(r->c, t, k, base, origins, path, items, n, r->origin);
}

static void set_value(struct reader *r,
		      const struct config_table *t,
		      const struct config_key *k,
		      void *base,
		      struct config_origin *origins,
		      const char *path,
		      const json_t *v)
{
	const char *text;
	char number[32];

	if (config_key_is_list(k) && json_is_array(v))
		set_list(r, t, k, base, origins, path, v);
	else if (!config_key_is_list(k) && scalar_text(k, v, number, &text))
		config_set(r->c, t, k, base, origins, path, &text, 1, r->origin);
	else
		config_problem(r->c, "%s: %s: it must be %s, not %s", r->origin.where, path,
			       wanted(k), kind_of(v));
}

/* ---- objects ----------------------------------------------------------------------------- */

static bool is_object(struct reader *r, const char *path, const json_t *v)
{
	if (json_is_object(v))
		return true;
	config_problem(r->c, "%s: %s: it must be an object, {…}, not %s", r->origin.where, path,
		       kind_of(v));
	return false;
}

static void
unknown(struct reader *r, const char *path, const char *key, const char *const *names, size_t n)
{
	const char *close = suggest(key, names, n);

	config_problem(r->c, "%s: %s: there is no such setting%s%s%s", r->origin.where, path,
		       close ? "; did you mean " : "", close ? close : "", close ? "?" : "");
}

/* The settings of one plugin or task type. */
static void
read_entry(struct reader *r, bool plugin, const char *name, const char *path, const json_t *object)
{
	const struct config_table *t = plugin ? &config_plugin_keys : &config_type_keys;
	const char *names[CONFIG_RUNNER_KEYS_MAX], *key;
	struct config_entry *e;
	char below[512];
	json_t *v;

	if (!is_object(r, path, object))
		return;
	e = config_entry_of(r->c, plugin, name, r->origin.where);
	if (!e)
		return;
	for (size_t i = 0; i < t->n; i++)
		names[i] = t->keys[i].name;
	json_object_foreach((json_t *)object, key, v)
	{
		const struct config_key *k = config_key_find(t, key);

		snprintf(below, sizeof(below), "%s.%.100s", path, key);
		if (k)
			set_value(r, t, k, plugin ? (void *)&e->runners : (void *)&e->type,
				  e->origins, below, v);
		else
			unknown(r, below, key, names, t->n);
	}
}

static void read_entries(struct reader *r, bool plugin, const char *group, const json_t *object)
{
	const char *name;
	char path[400];
	json_t *v;

	if (!is_object(r, group, object))
		return;
	json_object_foreach((json_t *)object, name, v)
	{
		snprintf(path, sizeof(path), "%s.%.260s", group, name);
		read_entry(r, plugin, name, path, v);
	}
}

/* What may stand in the object `prefix` ("" or "drain."): settings, and objects of settings. */
static size_t members(const char *prefix, const char **ret, char texts[][64])
{
	size_t len = strlen(prefix), n = 0;

	for (size_t i = 0; i < config_keys.n; i++) {
		const char *name = config_keys.keys[i].name;

		if (strncmp(name, prefix, len) != 0)
			continue;
		snprintf(texts[n], 64, "%.*s", (int)strcspn(name + len, "."), name + len);
		if (n == 0 || !streq(texts[n], texts[n - 1])) {
			ret[n] = texts[n];
			n++;
		}
	}
	if (len == 0) {
		ret[n++] = CONFIG_PER_PLUGIN;
		ret[n++] = CONFIG_PER_TASK_TYPE;
	}
	return n;
}

static bool is_member(const char *const *names, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (streq(names[i], key))
			return true;
	return false;
}

static void read_object(struct reader *r, const char *prefix, const json_t *object);

static void read_member(struct reader *r, const char *path, const json_t *v)
{
	const struct config_key *k = config_key_find(&config_keys, path);
	char prefix[164];

	if (k) {
		set_value(r, &config_keys, k, r->c, r->c->origins, path, v);
	} else if (is_object(r, path, v)) {
		snprintf(prefix, sizeof(prefix), "%s.", path);
		read_object(r, prefix, v);
	}
}

static void read_object(struct reader *r, const char *prefix, const json_t *object)
{
	const char *names[CONFIG_KEYS_MAX + 2], *key;
	char texts[CONFIG_KEYS_MAX + 2][64], path[160];
	size_t n = members(prefix, names, texts);
	json_t *v;

	json_object_foreach((json_t *)object, key, v)
	{
		snprintf(path, sizeof(path), "%s%.100s", prefix, key);
		if (streq(path, CONFIG_PER_PLUGIN))
			read_entries(r, true, path, v);
		else if (streq(path, CONFIG_PER_TASK_TYPE))
			read_entries(r, false, path, v);
		else if (is_member(names, n, key))
			read_member(r, path, v);
		else
			unknown(r, path, key, names, n);
	}
}

void config_apply_file(struct worker_config *c, const char *name, struct str text)
{
	struct reader r = {.c = c, .origin = {CONFIG_FILE, arena_strdup(&c->arena, name)}};
	_cleanup_(json_decrefp) json_t *root = NULL;
	struct error err = ERROR_INIT;
	int code = r.origin.where ? json_parse(text, name, &root, &err) : ERR_NOMEM;

	if (code == ERR_NOMEM)
		c->nomem = true;
	else if (code < 0)
		config_problem(c, "%s", err.message);
	else if (!json_is_object(root))
		config_problem(c, "%s: it must hold one object, {…}, not %s", name, kind_of(root));
	else
		read_object(&r, "", root);
}
