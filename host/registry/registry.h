/* What plugins exist and what each can do. */
#pragma once

#include "abi/inspect.h"
#include "abi/verify.h"
#include "abi/load.h"
#include "base/map.h"

enum plugin_state {
	PLUGIN_ACTIVE,      /* may be used */
	PLUGIN_REFUSED,     /* never loaded; `reason` says why */
	PLUGIN_QUARANTINED, /* its code was run and misbehaved */
	PLUGIN_NOT_A_PLUGIN /* some other file; shown only on request */
};

struct registry_entry {
	char *path;
	char *name; /* file name without ".so" */
	enum plugin_state state;
	char *reason;   /* NULL when active and unremarkable */
	bool duplicate; /* refused only because another plugin has its id */
	/* is_plugin false when the file could not be read. Symbols and raw notes are left out, as
	 * the file's bytes are not kept. */
	struct inspection inspection;
	struct arena arena;
	/* Found without a scan: the file as it was read, for loader and registry_task_note; then
	 * the inspection is the file's. NULL after a scan and when it could not be read. */
	struct plugin_file *file;
	/* Names another plugin claimed first: "task type 'echo' (claimed by /a/echo.so)". */
	char **lost_claims;
	size_t n_lost_claims;
};

struct registry {
	char **dirs;
	size_t n_dirs, n_named; /* the first n_named come from --plugins */
	struct verify_policy policy;
	struct registry_entry **entries; /* in search order, by file name inside a directory */
	size_t n_entries;
	bool scanned;
	/* "<plugin>.<executor>", "<plugin>.<task>", …  -> registry_entry; filled by a scan */
	struct map by_id, by_executor, by_task, by_alias, by_task_type;
	struct registry_entry **quick; /* found without a scan */
	size_t n_quick;
	char **trusted; /* what policy points to */
	size_t n_trusted;
};

/* Directories in order: `dirs` (--plugins), then TASKHOST_PLUGIN_PATH (colon-separated; ignored
 * when setuid), then `<libdir>/taskhost/plugins`. Relative ones are made absolute. `trusted`
 * directories and those of TASKHOST_TRUST_PLUGINS (likewise) become the policy. Does not scan. */
int registry_init(struct registry *r,
		  const char *const *dirs,
		  size_t n_dirs,
		  const char *const *trusted,
		  size_t n_trusted,
		  struct error *err);
void registry_done(struct registry *r);

/* Inspects every file of every directory (no code runs) and settles claims: first in search order
 * wins an id, an executor, a task type or an alias. A missing directory is skipped (a named one
 * is logged). Called again, it replaces all entries: pointers to the old ones die. */
int registry_scan(struct registry *r, struct error *err);

/* A plugin found in another way than by a scan. `remark`: what a person should know; or NULL. */
struct registry_line {
	const char *path;
	const struct note_plugin *note;
	const char *remark;
};

/* A registry of just these, in search order, with claims settled: `entries` are in that order, and
 * what is searched in it is searched without looking at any file. Notes must outlive it. Ended by
 * registry_done. */
int registry_line_up(struct registry *r,
		     const char *const *dirs,
		     size_t n_dirs,
		     const struct registry_line *lines,
		     size_t n,
		     struct error *err);

/* Takes an active plugin out of use after its code misbehaved; who comes next in search order gets
 * its claims. Lasts until the next scan. */
int registry_quarantine(struct registry *r,
			struct registry_entry *e,
			const char *reason,
			struct error *err);

/* The file that holds plugin `id`, without scanning when `<dir>/<id>.so` exists along the path
 * and its note has that id; else by notes. ERR_NOT_FOUND names the directories searched and a
 * close name; a refused file gives its reason. *ret is borrowed and lives until registry_scan is
 * called or the registry is done. */
int registry_find_plugin(struct registry *r,
			 struct str id,
			 struct registry_entry **ret,
			 struct error *err);

/* "<plugin>.<Executor>" or an alias; *ret_executor is the executor's name inside the plugin. */
int registry_find_executor(struct registry *r,
			   struct str name,
			   struct registry_entry **ret,
			   struct str *ret_executor,
			   struct error *err);

/* The executor for a task type (scans). */
int registry_find_task_type(struct registry *r,
			    struct str type,
			    struct registry_entry **ret,
			    struct str *ret_executor,
			    struct error *err);

/* The note of a task of an active plugin; *ret is NULL when no note has it. Borrowed from the entry.
 * Of an entry found without a scan the note is read only now, so what is wrong with it comes out
 * here, as ERR_INVALID. */
int registry_task_note(const struct registry_entry *e,
		       struct str task,
		       const struct note_offer **ret,
		       struct error *err);

/* ---- probe: what running the plugin shows, in a child under a deadline ----------------------- */

struct probe_executor {
	char *name;
	uint32_t max_inflight; /* executions it takes at once; 0: it does not say */
};

struct probe_result {
	bool ok;
	/* "load", "init", "list tasks", "compare", "quiesce", "deinit", "leave" (threads or
	 * processes stayed behind); NULL when ok */
	char *failed_step;
	char *reason;
	int signal; /* that ended the child; 0: none */
	int64_t elapsed_ns;
	char **tasks; /* as the resolver lists them */
	size_t n_tasks;
	struct probe_executor *executors; /* as its table has them */
	size_t n_executors;
};

/* Loads, inits, lists tasks, compares with the notes, quiesces, deinits; all in a child with its
 * own process group that is killed at the deadline, with everything it forked. */
int registry_probe(const struct registry *r,
		   const char *path,
		   int64_t timeout_ns,
		   const struct host_extension *extensions,
		   struct probe_result *ret,
		   struct error *err);
void probe_result_done(struct probe_result *p);
