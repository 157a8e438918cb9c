/* From a resolver location and loader arguments to a task that can be run. Built in, under their
 * own names and flytekit's:
 *
 *   taskhost.default_task_resolver         task-module PLUGIN task-name TASK
 *     = flytekit.core.python_auto_container.default_task_resolver
 *   taskhost.task_template_resolver        TEMPLATE_PATH EXECUTOR
 *     = flytekit.core.python_customized_container_task.default_task_template_resolver
 *   taskhost.array_node_map_task_resolver  vars BOUND resolver LOCATION ARGS…
 *     = flytekit.core.array_node_map_task.ArrayNodeMapTaskResolver
 *
 * and "<plugin>.<symbol>" for what a plugin exports. Does no I/O of its own: files are fetched and
 * plugins loaded by the functions it is given. */
#pragma once

#include "abi/load.h"
#include "flyte/document.h"
#include "registry/registry.h"

struct resolve_env {
	struct registry *registry;
	void *ctx;
	/* Loads and initialises the plugin of an entry, or gives the one already loaded. */
	int (*load)(void *ctx,
		    struct registry_entry *entry,
		    struct plugin **ret,
		    struct error *err);
	/* The bytes at a URI (task templates). */
	int (*fetch)(void *ctx, const char *uri, struct buf *out, struct error *err);
};

enum resolver_kind { RESOLVER_DEFAULT, RESOLVER_TEMPLATE, RESOLVER_MAP, RESOLVER_PLUGIN };

/* A task, found. Everything lives in the arena given, or in the plugin. A task that load_task made
 * is never released: it lives as long as its process. */
struct resolution {
	struct str name; /* the task as people know it: "arith.add", or the template's id */
	struct plugin *plugin;
	const th_resolver *resolver; /* that has the task; NULL for a shim task and for a task that
				      * no resolver lists (its note and executor are enough) */
	const th_task *task;         /* of that resolver; else NULL */
	const th_executor *executor;
	const TaskTemplate *template;
	bool shim;                   /* the template came from outside */
	struct str *optional_inputs; /* inputs that have a default */
	size_t n_optional_inputs;
	bool map;          /* run once per element of the unbound list inputs */
	struct str *bound; /* map: inputs passed whole */
	size_t n_bound;
};

/* One line per step, for `taskhost resolve`: indented by depth, ready to print. */
struct explanation {
	struct buf text;
};

/* Is the location one this host has, as far as can be said without running code? ERR_NOT_FOUND
 * names what was looked for, where, and a close name. *ret_entry is set for RESOLVER_PLUGIN only.
 */
int resolve_location(struct registry *r,
		     struct str location,
		     enum resolver_kind *ret_kind,
		     struct registry_entry **ret_entry,
		     struct error *err);

/* location + args -> task. `explain` may be NULL. Runs plugin code (load_task). */
int resolve_task(const struct resolve_env *env,
		 struct str location,
		 const struct str *args,
		 size_t n_args,
		 struct arena *arena,
		 struct explanation *explain,
		 struct resolution *ret,
		 struct error *err);

/* A template from outside and the name of an executor ("echo.Echo" or an alias), or NULL for the
 * executor that claims the template's task type. */
int resolve_shim(const struct resolve_env *env,
		 const TaskTemplate *template,
		 const char *executor,
		 struct arena *arena,
		 struct resolution *ret,
		 struct error *err);

/* "<plugin>.<task>" as people type it. */
int resolve_task_name(const struct resolve_env *env,
		      struct str name,
		      struct arena *arena,
		      struct resolution *ret,
		      struct error *err);

/* The same in a plugin that is loaded, by names inside it ("add"; "Echo"), without a registry.
 * ERR_NOT_FOUND with a close name; ERR_MISMATCH when its note has what its code has not. */
int resolve_plugin_task(struct plugin *p,
			struct str task,
			struct arena *arena,
			struct resolution *ret,
			struct error *err);
int resolve_plugin_shim(struct plugin *p,
			const TaskTemplate *template,
			struct str executor,
			struct resolution *ret,
			struct error *err);

/* The exact inverse for native tasks: what stands after `--resolver` and after `--` so that
 * resolve_task finds the same task. `location` picks the default resolver or the plugin's own. */
int resolve_loader_args(const struct resolution *res,
			struct str location,
			struct arena *arena,
			struct str **ret_args,
			size_t *ret_n,
			struct error *err);

/* All tasks of a plugin, in order: names as get_all_tasks and task_name give them. At most 10,000;
 * more is a misbehaving plugin. */
int resolve_all_tasks(struct plugin *p,
		      struct arena *arena,
		      struct str **ret_names,
		      size_t *ret_n,
		      struct error *err);

/* flytekit's location() and name() of a plugin's resolver. */
int resolve_resolver_location(struct plugin *p,
			      const th_resolver *r,
			      struct arena *arena,
			      struct str *ret_location,
			      struct str *ret_name,
			      struct error *err);

/* The TaskTemplate of a native task from its note: id {TASK, name "<plugin>.<task>"}, type
 * "c-task" unless the note says another, interface, metadata (runtime {OTHER, version, "c"},
 * retries, timeout, cache, generates_deck). */
int resolve_native_template(const struct note_plugin *plugin,
			    const struct note_offer *task,
			    struct arena *arena,
			    TaskTemplate **ret,
			    struct error *err);
