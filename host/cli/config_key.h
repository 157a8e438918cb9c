/* The table of settings. */
#pragma once

#include "cli/config.h"

enum config_kind {
	CONFIG_TEXT,      /* const char * */
	CONFIG_PATH,      /* const char *; "none" and "" are none when `optional` */
	CONFIG_CHOICE,    /* int, index into `value` ("a|b") */
	CONFIG_COUNT,     /* int64_t */
	CONFIG_AUTO,      /* int64_t; "auto" is 0 */
	CONFIG_DURATION,  /* int64_t nanoseconds; "30s" */
	CONFIG_BYTES,     /* int64_t; "64Mi" */
	CONFIG_ADDRESS,   /* struct config_address; "none" when `optional` */
	CONFIG_ADDRESSES, /* struct config_addresses */
	CONFIG_NAMES,     /* struct config_list */
	CONFIG_PATHS,     /* struct config_list; parted by ':' in the environment, not by ',' */
};

struct config_key {
	const char *name; /* "drain.grace"; of one plugin or task type: the last word */
	enum config_kind kind;
	size_t offset;
	const char
		*fallback; /* the default as text, lists parted by ','; NULL: see config_place.c */
	const char *flag;  /* without dashes; NULL: only --set */
	const char *env;   /* NULL: TASKHOST_ and the name */
	const char *value; /* what it is called in help; the choices */
	const char *help;
	int64_t min, max; /* counts, durations in ns, bytes; max 0: no bound */
	bool optional;
};

struct config_table {
	const struct config_key *keys;
	size_t n;
};

extern const struct config_table config_keys;        /* fields of struct worker_config */
extern const struct config_table config_plugin_keys; /* of struct config_runners */
extern const struct config_table config_type_keys;   /* of struct config_task_type */

#define CONFIG_PER_PLUGIN    "per_plugin"
#define CONFIG_PER_TASK_TYPE "per_task_type"

/* NULL when there is none. */
const struct config_key *config_key_find(const struct config_table *t, const char *name);

/* "TASKHOST_DRAIN_GRACE" */
const char *config_key_env(const struct config_key *k, char out[64]);

static inline bool config_key_is_list(const struct config_key *k)
{
	return k->kind == CONFIG_ADDRESSES || k->kind == CONFIG_NAMES || k->kind == CONFIG_PATHS;
}

/* ---- config_value.c ---- */

/* Reads texts into the field; memory comes from `a`. False with `why` ("\"25\" is not …"): the
 * field is as before. Without memory `why` is empty. */
#define CONFIG_WHY_MAX 400
bool config_value_read(const struct config_key *k,
		       const char *const *items,
		       size_t n,
		       void *field,
		       struct arena *a,
		       char why[CONFIG_WHY_MAX]);
void config_value_print(const struct config_key *k, const void *field, struct buf *out);

/* ---- config.c ---- */

void config_problem(struct worker_config *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void config_note(struct worker_config *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The settings of a plugin (`plugin`) or task type, made when they are new. NULL after having told
 * a problem. */
struct config_entry *
config_entry_of(struct worker_config *c, bool plugin, const char *name, const char *where);

/* Sets one field of the table's struct; tells a problem as "where: key: why". */
void config_set(struct worker_config *c,
		const struct config_table *t,
		const struct config_key *k,
		void *base,
		struct config_origin *origins,
		const char *key_text,
		const char *const *items,
		size_t n,
		struct config_origin origin);

/* ---- config_place.c ---- */

const char *config_place_env(const struct config_place *p, const char *name);
void config_place_defaults(struct worker_config *c, const struct config_place *p);
