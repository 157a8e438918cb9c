#include "cli/loader.h"

#include "base/file.h"
#include "base/log.h"
#include "data/data.h"
#include "task/task.h"

#include <stdio.h>
#include <stdlib.h>

#define DOCUMENT_MAX ((size_t)64 << 20)

int search_open(const struct search_options *options, struct registry *ret, struct error *err)
{
	inspect_set_extensions(task_extension_ids);
	return registry_init(ret, options->dirs.items, options->dirs.n, options->trusted.items,
			     options->trusted.n, err);
}

char *search_store_dir(void)
{
	const char *own = secure_getenv("TASKHOST_CACHE_DIR");
	const char *cache = secure_getenv("XDG_CACHE_HOME");
	const char *home = secure_getenv("HOME");

	if (own && *own)
		return strdup(own);
	if (cache && cache[0] == '/')
		return path_join(cache, "taskhost");
	if (home && home[0] == '/')
		return path_join(home, ".cache/taskhost");
	return NULL;
}

/* ---- loading --------------------------------------------------------------------------------- */

static void say(struct loader *l, const char *verb, const char *path)
{
	char text[256];

	if (!l->step)
		return;
	snprintf(text, sizeof(text), "%s %s", verb, path_base(path));
	l->step(l->step_ctx, text);
}

/* The file as the search for the plugin read it; after a scan, which keeps no bytes, anew. */
static int get_file(struct loader *l,
		    const struct registry_entry *entry,
		    struct plugin_file **ret,
		    struct error *err)
{
	_cleanup_(freep) char *resolved = NULL;
	_cleanup_(closep) int fd = -1;
	int rc;

	if (entry->file) {
		*ret = plugin_file_ref(entry->file);
		return 0;
	}
	rc = verify_open(entry->path, &l->registry->policy, &fd, &resolved, err);
	if (rc == 0)
		rc = plugin_file_read(fd, entry->path, ret, err);
	return rc;
}

static int load_file(struct loader *l,
		     const struct registry_entry *entry,
		     struct host *host,
		     struct plugin **ret,
		     struct error *err)
{
	_cleanup_(freep) char *store = search_store_dir();
	struct plugin_file *file = NULL;
	struct plugin *p;
	int rc = get_file(l, entry, &file, err);

	if (rc < 0)
		return rc;
	say(l, "load", entry->path);
	if (l->loading)
		l->loading(l->loading_ctx, entry->path);
	rc = plugin_load_file(file, store, &host->table, &p, err);
	plugin_file_unref(file);
	if (rc < 0)
		return rc;
	say(l, "init", entry->path);
	rc = plugin_init(p, STR_NULL, err);
	if (rc < 0) {
		plugin_free(p);
		return rc;
	}
	*ret = p;
	return 0;
}

int loader_load(struct loader *l,
		struct registry_entry *entry,
		struct plugin **ret,
		struct error *err)
{
	_cleanup_(freep) struct host *host = NULL;
	struct loaded *loaded;
	struct plugin *p;
	int rc;

	for (size_t i = 0; i < l->n_loaded; i++)
		if (l->loaded[i].entry == entry) {
			*ret = l->loaded[i].plugin;
			return 0;
		}
	loaded = reallocarray(l->loaded, l->n_loaded + 1, sizeof(*loaded));
	if (!loaded)
		return err_nomem(err, "the list of plugins");
	l->loaded = loaded;
	host = calloc(1, sizeof(*host));
	if (!host)
		return err_nomem(err, "a plugin's host table");
	host_init(host, task_extensions, &task_exec_ops, 0);
	host->refused = l->refused;
	host->refused_ctx = l->refused_ctx;
	rc = load_file(l, entry, host, &p, err);
	if (rc < 0) {
		host = NULL; /* the file stays mapped and may still hold the pointer */
		return rc;
	}
	loaded[l->n_loaded++] = (struct loaded){entry, p, TAKE(host)};
	*ret = p;
	return 0;
}

void loader_shutdown(struct loader *l, int64_t deadline_ns)
{
	while (l->n_loaded > 0) {
		struct loaded *last = &l->loaded[--l->n_loaded];
		struct error err = ERROR_INIT;

		say(l, "shut down", last->entry->path);
		if (plugin_shutdown(last->plugin, deadline_ns, &err) < 0)
			log_warn("%s", err.message);
		plugin_free(last->plugin);
	}
	free(l->loaded);
	l->loaded = NULL;
}

/* ---- for resolvers --------------------------------------------------------------------------- */

static int env_load(void *ctx, struct registry_entry *entry, struct plugin **ret, struct error *err)
{
	return loader_load(ctx, entry, ret, err);
}

static int env_fetch(void *ctx, const char *uri, struct buf *out, struct error *err)
{
	const struct loader *l = ctx;

	if (l->known_uri.len > 0 && str_is(l->known_uri, uri)) {
		buf_append(out, l->known_bytes.ptr, l->known_bytes.len);
		return buf_check(out, uri, err);
	}
	return data_get(uri, "task template", DOCUMENT_MAX, out, err);
}

struct resolve_env loader_env(struct loader *l)
{
	return (struct resolve_env){
		.registry = l->registry, .ctx = l, .load = env_load, .fetch = env_fetch};
}
