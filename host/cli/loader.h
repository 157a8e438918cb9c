/* Plugins loaded in this process, on demand: what stands between the resolvers, which ask for a
 * plugin by registry entry, and the plugin boundary, which loads a file. Lives in a forked child,
 * since loading runs the plugin's code. Also the wiring that every verb with plugins needs. */
#pragma once

#include "abi/host.h"
#include "cli/args.h"
#include "registry/registry.h"
#include "resolve/resolve.h"

/* The options by which a verb is told where plugins are. */
struct search_options {
	struct args_list dirs;    /* --plugins */
	struct args_list trusted; /* --trust-plugins */
};

#define SEARCH_OPTIONS(type, member)                                                               \
	{.name = "plugins",                                                                        \
	 .kind = ARGS_LIST,                                                                        \
	 .offset = offsetof(type, member.dirs),                                                    \
	 .value = "DIR",                                                                           \
	 .help = "Look for plugins in DIR first; may be given again. Then follow "                 \
		 "TASKHOST_PLUGIN_PATH and the directory of the installation.",                    \
	 .ours = true},                                                                            \
	{                                                                                          \
		.name = "trust-plugins", .kind = ARGS_LIST,                                        \
		.offset = offsetof(type, member.trusted), .value = "DIR",                          \
		.help = "Do not ask who owns the files below DIR; may be given again "             \
			"(TASKHOST_TRUST_PLUGINS).",                                               \
		.ours = true                                                                       \
	}

/* A registry over those directories; also tells the inspection what this host offers. Scans
 * nothing. */
int search_open(const struct search_options *options, struct registry *ret, struct error *err);

/* The private store of copies: $TASKHOST_CACHE_DIR, $XDG_CACHE_HOME/taskhost or
 * ~/.cache/taskhost. NULL when none of them is known or memory is out: then a plugin is copied to
 * memory. The caller frees. */
char *search_store_dir(void);

struct loader {
	struct registry *registry;
	struct loaded {
		struct registry_entry *entry;
		struct plugin *plugin;
		struct host *host;
	} * loaded;
	size_t n_loaded;
	void (*step)(void *ctx, const char *what); /* what comes next; may be NULL */
	void *step_ctx;
	void (*loading)(void *ctx, const char *path); /* before a file is loaded; may be NULL */
	void *loading_ctx;
	void (*refused)(void *ctx); /* on a plugin's thread: it was refused memory; may be NULL */
	void *refused_ctx;
	/* A document that is at hand already. */
	struct str known_uri, known_bytes;
};

/* What resolvers ask of the loader. */
struct resolve_env loader_env(struct loader *l);

/* Loads and initialises the plugin of an entry, or gives the one already loaded. */
int loader_load(struct loader *l,
		struct registry_entry *entry,
		struct plugin **ret,
		struct error *err);

/* quiesce and deinit of all plugins, newest first; what they complain of is logged. */
void loader_shutdown(struct loader *l, int64_t deadline_ns);
