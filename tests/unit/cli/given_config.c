#include "given_config.h"

#include "cli/config_key.h"

struct worker_config given_config;

void given_place(const char *const *env, bool root)
{
	const struct config_place place = {
		.env = env, .root = root, .cpus = 4, .plugin_dir = "/usr/lib/taskhost/plugins"};
	struct error err = ERROR_INIT;

	CHECK_OK(config_init(&given_config, &place, &err), err);
}

void given(void)
{
	static const char *const env[] = {"HOME=/home/ann", NULL};

	given_place(env, false);
}

void given_finish(void)
{
	struct error err = ERROR_INIT;

	CHECK_OK(config_finish(&given_config, &err), err);
}

void given_file(const char *text)
{
	config_apply_file(&given_config, "w.json", str_of(text));
}

void given_env(const char *variable)
{
	const char *const list[] = {variable, NULL};
	const struct config_place place = {.env = list};

	config_apply_env(&given_config, &place);
}

void given_flag(const char *key, const char *value)
{
	char where[64];

	snprintf(where, sizeof(where), "--%s", key);
	config_apply(&given_config, key, &value, 1, CONFIG_FLAG, where);
}

static const struct config_origin *origin(const char *key)
{
	return &given_config.origins[config_key_find(&config_keys, key) - config_keys.keys];
}

void check_from(const char *key, enum config_source source, const char *where)
{
	CHECK_INT(origin(key)->source, source);
	CHECK_STR(origin(key)->where, where);
}

void check_problem(const char *sentence)
{
	CHECK_INT(given_config.problems.n, 1);
	CHECK_STR(given_config.problems.items[0], sentence);
	config_done(&given_config);
}
