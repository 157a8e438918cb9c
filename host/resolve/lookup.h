/* One search for a task, and what its steps share. Inside the layer only. */
#pragma once

#include "abi/host.h"
#include "resolve/resolve.h"

struct lookup {
	const struct resolve_env *env;
	struct arena *arena;
	struct explanation *explain; /* may be NULL */
	int depth;                   /* of the next line */
};

/* ---- explain.c ------------------------------------------------------------------------------- */

/* Adds a line when somebody listens. */
void lookup_say(const struct lookup *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "first of 2 directories: /a, /b" for the directory that holds the file. */
void lookup_say_place(const struct lookup *l, const struct registry_entry *entry);

/* What the plugin has instead. */
void lookup_say_tasks(const struct lookup *l, const struct note_plugin *note);

/* ---- locations.c ----------------------------------------------------------------------------- */

struct builtin {
	const char *name;
	const char *alias; /* flytekit's */
	enum resolver_kind kind;
	const char *args; /* how its arguments are written */
};

/* By either name; NULL when it is not built in. */
const struct builtin *builtin_find(struct str location);
const struct builtin *builtin_of(enum resolver_kind kind);

/* ERR_INVALID when there are fewer than `least` arguments. */
int builtin_check_args(const struct builtin *b, size_t n_args, size_t least, struct error *err);

/* ---- plugins.c: calls into a plugin, their results checked ----------------------------------- */

/* Loads what was found, saying so. */
int lookup_load(const struct lookup *l,
		struct registry_entry *entry,
		struct plugin **ret,
		struct error *err);

/* One string out of a sink. `ret` is empty when nothing was pushed. ERR_INVALID when more was, or
 * when the status is not TH_OK. */
int sink_one(struct sink *sink, th_status st, const char *what, struct str *ret, struct error *err);

/* Empty: the resolver gives the task no name. */
int call_task_name(const th_resolver *r,
		   const th_task *task,
		   struct arena *arena,
		   struct str *ret,
		   struct error *err);

/* The task at `index`, NULL after the last one. */
int call_task_at(const th_resolver *r, uint32_t index, const th_task **ret, struct error *err);

/* ---- native.c -------------------------------------------------------------------------------- */

/* Fills in executor, template, name and optional inputs of a plugin's task. `task` may be NULL,
 * then name and note decide; `name` may be empty, then the template or the executor has it. */
int native_finish(const struct lookup *l,
		  struct plugin *plugin,
		  const th_resolver *resolver,
		  const th_task *task,
		  struct str name,
		  struct resolution *ret,
		  struct error *err);

/* ---- the resolvers --------------------------------------------------------------------------- */

/* tasks.c: "task" in a plugin, by name. */
int find_task(struct lookup *l,
	      struct str plugin,
	      struct str task,
	      struct resolution *ret,
	      struct error *err);

/* own.c: what a plugin exports. */
int resolve_own(struct lookup *l,
		struct registry_entry *entry,
		struct str location,
		const struct str *args,
		size_t n_args,
		struct resolution *ret,
		struct error *err);

/* template.c */
int resolve_template_args(struct lookup *l,
			  const struct str *args,
			  size_t n_args,
			  struct resolution *ret,
			  struct error *err);

/* map.c */
int resolve_map_args(struct lookup *l,
		     const struct str *args,
		     size_t n_args,
		     struct resolution *ret,
		     struct error *err);

/* resolve.c: location and arguments; `inner` when it is the task of a map task. */
int resolve_inside(struct lookup *l,
		   struct str location,
		   const struct str *args,
		   size_t n_args,
		   bool inner,
		   struct resolution *ret,
		   struct error *err);
