/* The catalog from inside.
 *
 *   catalog.c          life, news, reloads
 *   catalog_watch.c    when to look: inotify, signals from callers, and now and then
 *   catalog_look.c     a look in a thread, and what is made of it
 *   catalog_probe.c    children that run new code for the first time
 *   catalog_plugins.c  who has which name; plugins come, change and go
 *   catalog_runs.c     generations in the pool
 *   catalog_find.c     task types and offers
 *   catalog_off.c      plugins that are switched off
 *   catalog_view.c     all of it, for people
 *
 * All [loop], but for what the thread of a look touches: the scanner, and the verdicts. */
#pragma once

#include "base/mem.h"
#include "cli/catalog.h"
#include "loop/watch.h"
#include "registry/scanner.h"

#define SECOND INT64_C(1000000000)

struct probe;
struct plugin_content;

/* A file, as it was seen last. */
struct slot {
	struct looked_file file;
	/* What it is in use as: the newest content that was found good, also when the file now holds
	 * something else. */
	struct verdict *good;
	char *good_copy;
	char *refused;                /* the refusal that was told last; NULL: none */
	struct registry_entry *entry; /* in the lineup; NULL: not in it */
};

/* One runner_generation: content and limits. */
struct plugin_runners {
	struct plugin_content *content;
	struct runner_generation *pool; /* NULL once it is gone */
	struct runner_limits limits;    /* asked for beyond those configured; zeros are these */
	unsigned min, max;
	bool retiring, quarantined;
	int64_t until_ns; /* of the quarantine */
	int64_t used_ns;
	struct plugin_runners *next;
};

struct plugin_content {
	struct known_plugin *owner;
	struct verdict *verdict;
	char *copy;
	int64_t loaded_at; /* wall, ns */
	bool retiring;
	struct plugin_runners *runners;
	struct plugin_content *next; /* older */
};

struct known_plugin {
	struct catalog *catalog;
	char *id, *file;
	struct plugin_content *contents; /* newest first */
	struct plugin_content *current;  /* among them; NULL: there is none any more */
	const struct slot *slot;         /* NULL: the file is gone */
	bool seen;                       /* while claims are settled */
};

/* A task type and who takes it. */
struct offered_type {
	struct agent_type type;
	struct known_plugin *plugin;
	struct offered_type *next; /* another version of the type */
};

struct catalog {
	struct catalog_params params;
	char *verdicts_path, *off_path;
	char **dirs, **trusted; /* absolute, NULL at the end */
	size_t n_dirs, n_trusted;
	bool started, stopped, loaded;
	void (*on_loaded)(void *user);
	void *on_loaded_user;

	/* what was seen */
	struct verdicts *verdicts;
	struct scanner *scanner; /* of the thread while `looking` */
	struct slot *slots;
	size_t n_slots;
	struct probe *probes;
	unsigned n_probing;     /* of them, running */
	struct loop_timer soon; /* while they come one after the other: line_up and save */

	/* looks */
	struct loop_work work;
	bool looking, saving;
	bool again; /* something happened since the look began */
	struct look look;
	struct error look_error;
	int look_status;
	char (*keep)[SHA256_HEX_SIZE]; /* digests whose copies are in use */
	const char **keep_list;
	size_t n_keep;
	struct loop_work save;
	int save_status;
	struct loop_timer timer; /* the next look */
	int64_t due_ns;          /* when it is, if it is set */
	struct loop_timer tidy;
	int64_t settling_since_ns; /* 0: nothing settles */
	char **forgotten;          /* digests whose copies are gone */
	size_t n_forgotten;

	/* inotify */
	int notify_fd;
	struct fd_watch *notify;
	int *dir_wds, *parent_wds;
	int64_t event_ns; /* the first event since the last look began; 0: none */

	/* plugins */
	struct map plugins; /* id -> struct known_plugin */
	struct registry lineup;
	struct verdict **lined; /* references: the lineup's notes live in them */
	size_t n_lined;
	struct arena arena;        /* of types */
	struct map types;          /* task type -> struct offered_type, in the arena */
	struct map off;            /* id -> char *, the reason */
	struct loop_later line_up; /* catalog_judge, once for many verdicts */

	/* news */
	struct loop_later tell;
	char *tell_id;
	bool tell_any;
	struct catalog_reload *reloads; /* `done` when all is quiet */
	struct catalog_change *changes;
	size_t n_changes;
};

/* catalog.c */
void catalog_tell(struct catalog *c, const char *id); /* NULL: it may be any */
bool catalog_busy(const struct catalog *c);
void catalog_check_quiet(struct catalog *c); /* tells `loaded` and the reloads */
void catalog_note_change(struct catalog *c,
			 enum catalog_what what,
			 const char *id,
			 const char *file,
			 const char *old_digest,
			 const char *new_digest,
			 const char *reason);

/* catalog_watch.c */
void catalog_watch_open(struct catalog *c);
void catalog_watch_close(struct catalog *c);
void catalog_watch_refresh(struct catalog *c); /* directories may have come or changed places */
void catalog_look_at(struct catalog *c, int64_t when_ns); /* unless it is to be sooner */

void catalog_look_later(struct catalog *c); /* now and then */

/* catalog_look.c */
void catalog_look_now(struct catalog *c);
void catalog_save(struct catalog *c);     /* in a thread */
void catalog_save_now(struct catalog *c); /* at the end, or in that thread */
void catalog_judge(struct catalog *c);    /* verdicts have changed: goes through all slots again */
void slot_done(struct slot *s);

/* catalog_probe.c */
void catalog_probe_start(struct catalog *c, struct slot *s); /* unless that content is probed */
bool catalog_probing(const struct catalog *c, const struct verdict *v);
void catalog_probe_stop(struct catalog *c);

/* catalog_plugins.c */
void catalog_line_up(struct catalog *c);
void catalog_plugins_free(struct catalog *c);
struct known_plugin *catalog_plugin(const struct catalog *c, struct str id);
const char *slot_remark(const struct slot *s, char text[512]);

/* catalog_runs.c */
void content_activate(struct plugin_content *content);   /* starts the runners it is to have */
void content_retire(struct plugin_content *content);     /* no new runs */
void content_let_go(struct plugin_content *content);     /* retires its runners, but stays */
bool content_check_gone(struct plugin_content *content); /* frees a retired one without runners */
void content_free(struct plugin_content *content);
bool content_quarantined(const struct plugin_content *content, int64_t *ret_until_ns);
/* What its runners would be, before there are any. */
void content_configured(const struct plugin_content *content, struct catalog_generation_view *ret);
uint32_t content_inflight(const struct plugin_content *content);
bool executor_pending(const struct verdict *v, struct str name);
void catalog_tidy(struct catalog *c);

/* catalog_find.c */
int catalog_types_make(struct catalog *c, struct error *err);

/* catalog_off.c */
void catalog_off_load(struct catalog *c);
bool catalog_is_off(const struct catalog *c, const char *id);
