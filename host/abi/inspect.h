/* The verdict on a plugin file from its bytes alone: what it is, whether this host can load it, and
 * what a person should know. No code of it runs. */
#pragma once

#include "abi/note.h"

enum finding_level { FINDING_INFO, FINDING_WARN, FINDING_REFUSE };

struct finding {
	enum finding_level level;
	const char *rule; /* short and stable: "exec-stack", "missing-symbol", "extra-export" */
	struct str text;  /* what, where, how to mend it */
};

struct needed_library {
	struct str name;
	struct str path; /* where the loader would find it; empty: nowhere */
};

struct inspection {
	struct elf_info elf;
	struct note_plugin note;
	bool is_plugin; /* has a readable note */
	struct needed_library *libraries;
	size_t n_libraries;
	struct finding *findings;
	size_t n_findings;
	bool refused;    /* some finding has level REFUSE */
	bool unmappable; /* dlclose could really unmap it; else `pinned_by` names the reason */
	struct str pinned_by;
};

/* ERR_INVALID / ERR_NOT_FOUND when it is no plugin at all; findings otherwise. Looks for needed
 * libraries on this machine (DT_RUNPATH with $ORIGIN refused, ld.so's cache and default
 * directories) and for each undefined symbol in them, naming all that are missing and the library
 * that should have had them. */
int inspect_plugin(const void *data,
		   size_t len,
		   const char *path,
		   struct arena *arena,
		   struct inspection *ret,
		   struct error *err);

/* The library files that inspections look at, kept open between them: for a scan, in which most
 * plugins need the same few. They are taken to stay as they are until library_cache_free. Not
 * thread-safe. */
struct library_cache;
struct library_cache *library_cache_new(void);        /* NULL when out of memory */
void library_cache_free(struct library_cache *cache); /* NULL is fine */

int inspect_plugin_cached(const void *data,
			  size_t len,
			  const char *path,
			  struct library_cache *cache,
			  struct arena *arena,
			  struct inspection *ret,
			  struct error *err);

/* The same for the short way, where one plugin is about to be loaded for one task: without looking
 * at other files on this machine, so that a missing library or symbol is left to dlopen to report,
 * and with the tasks' notes read as far as their names (note_read_quick), so that what is wrong
 * with one is left to inspection_task. */
int inspect_plugin_quick(const void *data,
			 size_t len,
			 const char *path,
			 struct arena *arena,
			 struct inspection *ret,
			 struct error *err);

/* The note of a task, read now if it was not (then into `arena`, which has to live as long as the
 * inspection, and from the file's bytes). *ret is NULL when there is no such task. ERR_INVALID when
 * the note is wrong or needs what this host does not have. Not thread-safe. */
int inspection_task(const struct inspection *i,
		    struct str name,
		    struct arena *arena,
		    const struct note_offer **ret,
		    struct error *err);

/* 0, or ERR_INVALID with all findings that refuse the plugin in one sentence each. */
int inspection_verdict(const struct inspection *i, struct error *err);

/* Which extensions this host offers; the table of ids that `needs` are checked against. Set once
 * at start by whoever wires the host. Ends in NULL and must live for ever; until it is called the
 * extensions of ABI 1.0 count as offered. */
void inspect_set_extensions(const char *const *ids);
