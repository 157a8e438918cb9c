#include "cli/config_flags.h"

#include "base/file.h"
#include "cli/config_key.h"

#include <stdio.h>

#define CONFIG_SIZE_MAX (1 << 20)

size_t config_options(struct args_option *ret, size_t offset)
{
	size_t n = 0;

	ret[n++] = (struct args_option){
		.name = "config",
		.kind = ARGS_TEXT,
		.offset = offset + offsetof(struct config_flags, file),
		.value = "FILE",
		.help = "Read settings from FILE, JSON, instead of " CONFIG_FILE_DEFAULT "."};
	for (size_t i = 0; i < config_keys.n; i++) {
		const struct config_key *k = &config_keys.keys[i];

		if (k->flag)
			ret[n++] = (struct args_option){
				.name = k->flag,
				.kind = ARGS_LIST,
				.offset = offset + offsetof(struct config_flags, values) +
					  i * sizeof(struct args_list),
				.value = k->value,
				.help = k->help};
	}
	ret[n++] = (struct args_option){
		.name = "set",
		.kind = ARGS_LIST,
		.offset = offset + offsetof(struct config_flags, set),
		.value = "KEY=VALUE",
		.help = "Any setting by its key, as 'taskhost config show' lists them, also "
			"per_plugin.ID.SETTING and per_task_type.TYPE.SETTING; lists parted by "
			"commas; may be given again."};
	return n;
}

/* ---- --set ------------------------------------------------------------------------------- */

static void apply_set(struct worker_config *c, const char *text)
{
	const char *equals = strchr(text, '='), **items;
	const struct config_key *k;
	char *key, *copy, *next = NULL;
	size_t n = 0;

	if (!equals || equals == text) {
		config_problem(c, "--set: \"%.200s\" is not KEY=VALUE", text);
		return;
	}
	key = arena_strndup(&c->arena, text, (size_t)(equals - text));
	copy = arena_strdup(&c->arena, equals + 1);
	items = arena_array(&c->arena, strlen(equals) + 1, sizeof(*items));
	if (!key || !copy || !items) {
		c->nomem = true;
		return;
	}
	k = config_key_find(&config_keys, key);
	if (k && config_key_is_list(k)) {
		for (char *one = strtok_r(copy, ",", &next); one; one = strtok_r(NULL, ",", &next))
			items[n++] = one;
	} else {
		items[n++] = copy;
	}
	config_apply(c, key, items, n, CONFIG_FLAG, "--set");
}

/* ---- all sources ------------------------------------------------------------------------- */

static int apply_file(struct worker_config *c, const char *given, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	const char *path = given ? given : CONFIG_FILE_DEFAULT;
	struct error why = ERROR_INIT;
	int r = file_read(path, CONFIG_SIZE_MAX, &text, &why);

	if (r == ERR_NOT_FOUND && !given)
		return 0;
	if (r < 0)
		return err_set(err, r, "%s%s", given ? "--config: " : "", why.message);
	config_apply_file(c, path, (struct str){text.data, text.len});
	return 0;
}

static void apply_flags(struct worker_config *c, const struct config_flags *flags)
{
	char where[64];

	for (size_t i = 0; i < config_keys.n; i++) {
		const struct args_list *given = &flags->values[i];

		snprintf(where, sizeof(where), "--%s", config_keys.keys[i].flag);
		if (given->n > 0)
			config_apply(c, config_keys.keys[i].name, given->items, given->n,
				     CONFIG_FLAG, where);
	}
	for (size_t i = 0; i < flags->set.n; i++)
		apply_set(c, flags->set.items[i]);
}

int config_load(struct worker_config *c,
		const struct config_place *place,
		const struct config_flags *flags,
		struct error *err)
{
	int r = apply_file(c, flags->file, err);

	if (r < 0)
		return r;
	config_apply_env(c, place);
	apply_flags(c, flags);
	return config_finish(c, err);
}

/* ---- flytekit's server ------------------------------------------------------------------- */

static const struct args_option connector_options[] = {
	{.name = "port",
	 .kind = ARGS_INTEGER,
	 .offset = offsetof(struct config_connector, port),
	 .value = "PORT",
	 .help = "Listen for gRPC on every address; 8000 when not given."},
	{.name = "prometheus_port",
	 .kind = ARGS_INTEGER,
	 .offset = offsetof(struct config_connector, prometheus_port),
	 .value = "PORT",
	 .help = "Serve metrics and health on every address; 9090 when not given."},
	{.name = "worker",
	 .kind = ARGS_INTEGER,
	 .offset = offsetof(struct config_connector, worker),
	 .value = "N",
	 .help = "Runs at a time."},
	{.name = "timeout",
	 .kind = ARGS_INTEGER,
	 .offset = offsetof(struct config_connector, timeout),
	 .value = "SECONDS",
	 .help = "Stop after so long."},
	{.name = "modules",
	 .kind = ARGS_LIST,
	 .offset = offsetof(struct config_connector, modules),
	 .value = "NAME",
	 .help = "Accepted, and not loaded: there is no Python here. Connectors are plugins."},
};

const struct args_command config_connector_command = {
	.operands = "",
	.about = "Starts the worker as flytekit's connector service: every address, gRPC on 8000,\n"
		 "metrics on 9090. Everything else is set by the environment and the file.",
	.plain_about = "Start a grpc server for the connector service.",
	.options = connector_options,
	.n_options = ARRAY_LEN(connector_options),
	.examples = "pyflyte serve connector --port 8000",
};

static void stand_in(struct worker_config *c, const char *key, const char *text)
{
	config_apply(c, key, &text, 1, CONFIG_STAND_IN, "");
}

static void
number(struct worker_config *c, const char *key, const char *fmt, int64_t v, const char *flag)
	__attribute__((format(printf, 3, 0)));

static void
number(struct worker_config *c, const char *key, const char *fmt, int64_t v, const char *flag)
{
	char text[32];
	const char *item = text;

	if (v == CONFIG_NOT_GIVEN)
		return;
	snprintf(text, sizeof(text), fmt, (long long)v);
	config_apply(c, key, &item, 1, CONFIG_FLAG, flag);
}

int config_load_connector(struct worker_config *c,
			  const struct config_place *place,
			  const struct config_connector *flags,
			  struct error *err)
{
	int r;

	stand_in(c, "listen", "*:8000");
	stand_in(c, "admin", "*:9090");
	r = apply_file(c, NULL, err);
	if (r < 0)
		return r;
	config_apply_env(c, place);
	number(c, "listen", "*:%lld", flags->port, "--port");
	number(c, "admin", "*:%lld", flags->prometheus_port, "--prometheus_port");
	number(c, "slots", "%lld", flags->worker, "--worker");
	number(c, "stop_after", "%llds", flags->timeout, "--timeout");
	for (size_t i = 0; i < flags->modules.n; i++)
		config_note(
			c,
			"--modules %.200s is not loaded: Python modules cannot be, connectors are "
			"plugins (--plugins, TASKHOST_PLUGIN_PATH)",
			flags->modules.items[i]);
	return config_finish(c, err);
}
