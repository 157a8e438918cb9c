/* Defaults, some of which depend on who and where we are; and the environment. */
#include "cli/config_cpu.h"
#include "cli/config_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

#define PREFIX "TASKHOST_"

struct config_place config_place_here(const char *plugin_dir)
{
	return (struct config_place){
		.env = (const char *const *)environ,
		.root = geteuid() == 0,
		.cpus = config_cpu_count(config_cpu_usable(), config_cpu_quota_milli("")),
		.plugin_dir = plugin_dir,
	};
}

/* NULL when it is not set, or empty. */
const char *config_place_env(const struct config_place *p, const char *name)
{
	size_t len = strlen(name);

	for (const char *const *e = p->env; e && *e; e++)
		if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
			return (*e)[len + 1] ? *e + len + 1 : NULL;
	return NULL;
}

/* ---- defaults ---------------------------------------------------------------------------- */

static void
set_default(struct worker_config *c, const char *key, const char *text, const char *where)
{
	const struct config_key *k = config_key_find(&config_keys, key);
	struct config_origin origin = {CONFIG_DEFAULT, where};

	config_set(c, &config_keys, k, c, c->origins, key, &text, text ? 1 : 0, origin);
}

/* $STATE_DIRECTORY (systemd; the first of several), /var/lib/taskhost for root,
 * $XDG_STATE_HOME/taskhost. */
static void default_state(struct worker_config *c, const struct config_place *p)
{
	const char *given = config_place_env(p, "STATE_DIRECTORY");
	const char *xdg = config_place_env(p, "XDG_STATE_HOME"),
		   *home = config_place_env(p, "HOME");
	char path[4096];

	if (given)
		snprintf(path, sizeof(path), "%.*s", (int)strcspn(given, ":"), given);
	else if (p->root)
		snprintf(path, sizeof(path), "/var/lib/taskhost");
	else if (xdg)
		snprintf(path, sizeof(path), "%s/taskhost", xdg);
	else if (home)
		snprintf(path, sizeof(path), "%s/.local/state/taskhost", home);
	else {
		c->state = ""; /* told by config_finish unless it is set */
		return;
	}
	set_default(c, "state", path, given ? "STATE_DIRECTORY" : "");
}

/* $RUNTIME_DIRECTORY (systemd), /run/taskhost for root, $XDG_RUNTIME_DIR/taskhost; else none. */
static void default_socket(struct worker_config *c, const struct config_place *p)
{
	const char *given = config_place_env(p, "RUNTIME_DIRECTORY");
	const char *xdg = config_place_env(p, "XDG_RUNTIME_DIR");
	char path[4096];

	if (given)
		snprintf(path, sizeof(path), "%.*s/worker.sock", (int)strcspn(given, ":"), given);
	else if (p->root)
		snprintf(path, sizeof(path), "/run/taskhost/worker.sock");
	else if (xdg)
		snprintf(path, sizeof(path), "%s/taskhost/worker.sock", xdg);
	else
		snprintf(path, sizeof(path), "none");
	set_default(c, "socket", path, given ? "RUNTIME_DIRECTORY" : "");
}

static void split(struct worker_config *c,
		  const struct config_key *k,
		  const char *text,
		  char at,
		  struct config_origin origin);

void config_place_defaults(struct worker_config *c, const struct config_place *p)
{
	const struct config_origin none = {CONFIG_DEFAULT, ""};

	for (size_t i = 0; i < config_keys.n; i++) {
		const struct config_key *k = &config_keys.keys[i];

		c->origins[i] = none;
		if (k->fallback && config_key_is_list(k))
			split(c, k, k->fallback, ',', none);
		else if (k->fallback)
			set_default(c, k->name, k->fallback, "");
	}
	default_state(c, p);
	default_socket(c, p);
	c->meta_key_file = ""; /* config_finish: in the state directory */
	if (p->plugin_dir)
		set_default(c, "plugins", p->plugin_dir, "");
	c->cpus = MAX(p->cpus, 1u);
}

/* ---- environment ------------------------------------------------------------------------- */

/* A list in one text; empty elements are left out. */
static void split(struct worker_config *c,
		  const struct config_key *k,
		  const char *text,
		  char at,
		  struct config_origin origin)
{
	char *copy = arena_strdup(&c->arena, text);
	const char **items = arena_array(&c->arena, strlen(text) + 1, sizeof(*items));
	const char parts[2] = {at, '\0'};
	char *next = NULL;
	size_t n = 0;

	if (!copy || !items) {
		c->nomem = true;
		return;
	}
	for (char *one = strtok_r(copy, parts, &next); one; one = strtok_r(NULL, parts, &next))
		items[n++] = one;
	if (origin.source == CONFIG_DEFAULT)
		config_set(c, &config_keys, k, c, c->origins, k->name, items, n, origin);
	else
		config_apply(c, k->name, items, n, origin.source, origin.where);
}

/* Names that are ours and no settings of the worker. */
static const char *const others[] = {"TASKHOST_CACHE_DIR", "TASKHOST_DYNAMIC_DEST_DIR",
				     "TASKHOST_DYNAMIC_ADDL_DISTRO", "TASKHOST_MODULES"};

/* The known name that `name` is almost, or NULL. Their common beginning must not make all alike. */
static const char *closest(const char *name, const char *const *names, size_t n)
{
	const char *words[CONFIG_KEYS_MAX + ARRAY_LEN(others)], *word;

	for (size_t i = 0; i < n; i++) {
		if (streq(names[i], name))
			return NULL;
		words[i] = names[i] + strlen(PREFIX);
	}
	word = suggest(name + strlen(PREFIX), words, n);
	return word ? word - strlen(PREFIX) : NULL;
}

/* A name that is almost that of a setting is a slip. Others are let be: Kubernetes makes names of
 * its own for a service that is called taskhost. */
static void look_for_slips(struct worker_config *c, const struct config_place *p)
{
	char texts[CONFIG_KEYS_MAX][64], name[64];
	const char *names[CONFIG_KEYS_MAX + ARRAY_LEN(others)], *close;
	size_t n = 0;

	for (; n < config_keys.n; n++)
		names[n] = config_key_env(&config_keys.keys[n], texts[n]);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		names[n++] = others[i];
	for (const char *const *e = p->env; e && *e; e++) {
		if (!str_starts(str_of(*e), PREFIX) || strcspn(*e, "=") >= sizeof(name))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(*e, "="), *e);
		close = closest(name, names, n);
		if (close)
			config_note(c, "%s is not known; did you mean %s?", name, close);
	}
}

void config_apply_env(struct worker_config *c, const struct config_place *p)
{
	char text[64];

	for (size_t i = 0; i < config_keys.n; i++) {
		const struct config_key *k = &config_keys.keys[i];
		const char *name = config_key_env(k, text), *value = config_place_env(p, name);
		struct config_origin origin = {CONFIG_ENV, name};
		bool parts = config_key_is_list(k) || streq(k->name, "slots") ||
			     streq(k->name, "isolation");

		if (!value)
			continue;
		if (parts)
			split(c, k, value, k->kind == CONFIG_PATHS ? ':' : ',', origin);
		else
			config_apply(c, k->name, &value, 1, origin.source, origin.where);
	}
	look_for_slips(c, p);
}
