/* The worker's configuration: what each setting is, and who said so.
 *
 * A flag wins over the environment (TASKHOST_*), that over the file, that over the default. The
 * file is JSON; see config_keys.c for the keys. Everything wrong is collected rather than stopping
 * at the first, each with the place where it is written; unknown keys are wrong, and near misses
 * are told.
 *
 * Prints nothing and looks at nothing but what it is given: see struct config_place. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

#define CONFIG_FILE_DEFAULT "/etc/taskhost/config.json"

/* ---- values ------------------------------------------------------------------------------ */

struct config_address {
	const char *text; /* as written */
	const char *host; /* "": every address */
	int port;         /* 0 picks one; -1: none at all */
};

struct config_addresses {
	struct config_address *items;
	size_t n;
};

struct config_list {
	const char **items;
	size_t n;
};

/* The orders are those of the choices in config_keys.c. */
enum config_isolation { ISOLATION_PROCESS, ISOLATION_IN_PROCESS };
enum config_log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum config_log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum config_outputs { OUTPUTS_AUTO, OUTPUTS_FILE };

/* Of all plugins, or of one. Counts and bytes of 0: no limit, except where said. */
struct config_runners {
	int isolation;    /* enum config_isolation */
	int64_t slots;    /* runs at a time; of one plugin; 0: as many as the host has */
	int64_t min, max; /* processes; max 0: as many as slots */
	int64_t idle_ns;
	int64_t max_runs;
	int64_t max_growth; /* bytes */
	int64_t memory;     /* bytes */
	int64_t cpu_time_ns;
	int64_t open_files, processes;
};

struct config_task_type {
	int64_t slots;      /* 0: no limit of its own */
	int64_t timeout_ns; /* of a run, when its template names none; 0: none */
	int64_t queue_ns;   /* most time to wait; 0: no limit */
	int64_t priority;   /* 0 to 9, 9 first; unless the submission names one */
};

/* ---- who said so ------------------------------------------------------------------------- */

enum config_source {
	CONFIG_UNSET, /* of one plugin or task type: as for all */
	CONFIG_DEFAULT,
	CONFIG_STAND_IN, /* the default of the program stood in for */
	CONFIG_FILE,
	CONFIG_ENV,
	CONFIG_FLAG,
};

struct config_origin {
	enum config_source source;
	const char *where; /* file, variable or flag; empty for defaults */
};

const char *config_source_name(enum config_source source); /* "file" */

#define CONFIG_KEYS_MAX        48
#define CONFIG_RUNNER_KEYS_MAX 12
#define CONFIG_TYPE_KEYS_MAX   4

/* One plugin or task type that has settings of its own. What was not set is already as for all. */
struct config_entry {
	const char *name;
	struct config_runners runners; /* of a plugin */
	struct config_task_type type;  /* of a task type */
	struct config_origin origins[CONFIG_RUNNER_KEYS_MAX];
};

struct config_entries {
	struct config_entry *items;
	size_t n;
};

/* ---- the whole --------------------------------------------------------------------------- */

struct worker_config {
	struct config_list plugins, trust; /* directories */
	struct config_addresses listen;
	struct config_address admin;
	const char *socket; /* "": none */
	const char *state;
	const char *meta_key_file;

	int64_t slots; /* of the host; at least 1 */
	bool slots_auto;
	struct config_runners runners; /* for all plugins; its `slots` is not used */
	int64_t spares;
	struct config_entries per_plugin;
	struct config_task_type time_limits; /* for all task types, but `slots` and `priority` */
	struct config_entries per_task_type;
	struct config_list allow, deny; /* task types; allow empty: all */

	int64_t lameduck_ns, grace_ns, cancel_ns;
	int64_t stop_after_ns; /* 0: never */
	int log_format, log_level;
	int64_t log_quota; /* bytes kept of what one execution prints */
	int64_t keep_finished_ns, keep_dead_ns;
	int outputs;
	int64_t receive_max, reply_max;                 /* bytes */
	const char *tls_cert, *tls_key, *tls_client_ca; /* "": none */

	struct config_origin origins[CONFIG_KEYS_MAX]; /* by key */
	struct config_list problems;                   /* sentences; empty: all is well */
	struct config_list notes;                      /* what should be said, but is no error */

	/* private */
	unsigned cpus;
	struct arena arena;
	bool nomem;
};

/* What is asked of the surroundings. */
struct config_place {
	const char *const *env; /* "NAME=value", NULL at the end */
	bool root;
	unsigned cpus;          /* that we may use: the default of slots */
	const char *plugin_dir; /* of the installation */
};

/* The surroundings of this process. */
struct config_place config_place_here(const char *plugin_dir);

/* Sets the defaults. After it, sources are applied from the weakest to the strongest; each adds to
 * `problems`. config_done frees, also after a failure. */
int config_init(struct worker_config *c, const struct config_place *place, struct error *err);
void config_done(struct worker_config *c);

/* The text of a file; `name` is what messages call it. */
void config_apply_file(struct worker_config *c, const char *name, struct str text);
void config_apply_env(struct worker_config *c, const struct config_place *place);

/* One setting by its key ("drain.grace", "per_plugin.arith.slots"), as text. `where` is the flag.
 * Lists are given whole: `items` are their elements; other keys take the last one. */
void config_apply(struct worker_config *c,
		  const char *key,
		  const char *const *items,
		  size_t n,
		  enum config_source source,
		  const char *where);

/* What only all settings together can tell; settings of one plugin or task type inherit. 0, or
 * ERR_INVALID with the problems, one a line. */
int config_finish(struct worker_config *c, struct error *err);

/* The settings of a plugin or task type: its own, else those for all. */
const struct config_runners *config_runners_of(const struct worker_config *c, struct str plugin);
const struct config_task_type *config_type_of(const struct worker_config *c, struct str type);

/* Is this task type to be served? */
bool config_type_allowed(const struct worker_config *c, struct str type);

/* ---- printing ---------------------------------------------------------------------------- */

/* Every setting in order, those of single plugins and task types last. */
struct config_item {
	const char *key;
	const char *value; /* as the file writes it, without quotes; lists with ", " */
	struct config_origin origin;
};
int config_items(struct worker_config *c,
		 struct config_item **ret,
		 size_t *ret_n,
		 struct error *err);
