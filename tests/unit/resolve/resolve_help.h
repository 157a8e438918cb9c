/* For the tests of resolving: one registry and one loader for all, over own.so. */
#pragma once

#include "lib/test.h"

#include "abi/host.h"
#include "base/file.h"
#include "flyte/pbjson.h"
#include "resolve/resolve.h"

#include <stdlib.h>
#include <unistd.h>

#define DEFAULT          "taskhost.default_task_resolver"
#define FLYTEKIT_DEFAULT "flytekit.core.python_auto_container.default_task_resolver"
#define TEMPLATE         "taskhost.task_template_resolver"
#define MAP              "taskhost.array_node_map_task_resolver"

#define ARGS(...)                                                                                  \
	(const struct str[]){__VA_ARGS__},                                                         \
		sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)

/* ---- one host for all tests ------------------------------------------------------------------ */

static const struct host_extension extensions[] = {{NULL, NULL}};
static const char *const extension_ids[] = {"th.literal/1", "th.model/1", NULL};

static struct registry registry;
static struct host hosts[4];
static struct plugin *plugins[ARRAY_LEN(hosts)];
static size_t n_plugins;
static struct arena arena;
static int n_loads;

static inline int
load(void *ctx, struct registry_entry *entry, struct plugin **ret, struct error *err)
{
	_cleanup_(closep) int fd = -1;
	_cleanup_(freep) char *resolved = NULL;
	struct host *host = &hosts[n_plugins];
	int r;

	(void)ctx;
	for (size_t i = 0; i < n_plugins; i++)
		if (streq(plugins[i]->path, entry->path)) {
			*ret = plugins[i];
			return 0;
		}
	n_loads++;
	host_init(host, extensions, NULL, 0);
	r = verify_open(entry->path, &registry.policy, &fd, &resolved, err);
	if (r == 0)
		r = plugin_load(fd, entry->path, NULL, &host->table, ret, err);
	if (r == 0)
		r = plugin_init(*ret, STR_NULL, err);
	if (r == 0)
		plugins[n_plugins++] = *ret;
	return r;
}

static const char *document; /* JSON of the template that fetch gives */

static inline int fetch(void *ctx, const char *uri, struct buf *out, struct error *err)
{
	(void)ctx;
	if (!streq(uri, "/t.pb"))
		return err_set(err, ERR_NOT_FOUND, "%s: File not found", uri);
	return pbjson_parse(message_desc_find(STR("flyteidl.core.TaskTemplate")), str_of(document),
			    "test", out, err);
}

static const struct resolve_env env = {.registry = &registry, .load = load, .fetch = fetch};

static inline void clean_up(void)
{
	for (size_t i = 0; i < n_plugins; i++) {
		plugin_free(plugins[i]);
		host_done(&hosts[i]);
	}
	registry_done(&registry);
	arena_done(&arena);
}

/* A directory with own.so, so that ids and file names agree. */
static inline void start(void)
{
	struct error err = ERROR_INIT;
	_cleanup_(freep) char *to = NULL;
	char from[4096];
	const char *dir;

	unsetenv("TASKHOST_PLUGIN_PATH");
	document = "{\"type\":\"own_type\",\"id\":{\"name\":\"outside.task\"},"
		   "\"interface\":{\"inputs\":{\"variables\":{\"x\":{\"type\":"
		   "{\"simple\":\"INTEGER\"}}}}}}";
	if (registry.n_dirs)
		return;
	dir = test_tmpdir();
	snprintf(from, sizeof(from), "%s/tests/unit/resolve/own.so", getenv("TASKHOST_TEST_BUILD"));
	to = path_join(dir, "own.so");
	CHECK_OK(file_copy(from, to, &err), err);
	inspect_set_extensions(extension_ids);
	CHECK_OK(registry_init(&registry, &dir, 1, &dir, 1, &err), err);
	atexit(clean_up);
}

static inline int find(const char *location,
		       const struct str *args,
		       size_t n_args,
		       struct resolution *ret,
		       struct error *err)
{
	start();
	return resolve_task(&env, str_of(location), args, n_args, &arena, NULL, ret, err);
}

static inline int
find_default(const char *plugin, const char *task, struct resolution *ret, struct error *err)
{
	return find(DEFAULT,
		    ARGS(STR("task-module"), str_of(plugin), STR("task-name"), str_of(task)), ret,
		    err);
}

static inline int find_name(const char *name, struct resolution *ret, struct error *err)
{
	start();
	return resolve_task_name(&env, str_of(name), &arena, ret, err);
}

#define CHECK_TEXT(s, text)                                                                        \
	do {                                                                                       \
		struct str s_ = (s);                                                               \
		if (!str_is(s_, text))                                                             \
			test_fail(__FILE__, __LINE__, "%s is \"" STR_FMT "\", not \"%s\"", #s,     \
				  STR_ARG(s_), text);                                              \
	} while (0)
