/* What is known of plugin files that were looked at before: by content, what was found in it and
 * whether its code behaved; and by the identity of a file, which content it has. So a known file
 * costs a stat. Kept in a file between processes; a cache, so whatever is wrong with that file, it
 * is left aside. */
#pragma once

#include "abi/inspect.h"
#include "base/digest.h"
#include "base/map.h"
#include "registry/registry.h"

struct stat;

/* Another inspection may come to another verdict: raise it when abi/inspect.c learns something. */
#define VERDICTS_INSPECTOR 1

struct file_identity {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
};

struct file_identity file_identity_of(const struct stat *st);
bool file_identity_eq(const struct file_identity *a, const struct file_identity *b);

/* A library file the verdict rests on; size 0 and ino 0: it was not there. */
struct verdict_library {
	const char *path;
	struct file_identity identity;
};

/* An executor that says how many executions it takes at once. */
struct verdict_executor {
	const char *name;
	uint32_t max_inflight;
};

/* Of one content. All but the last group never changes once it is in the tables. */
struct verdict {
	unsigned refs; /* private */
	char digest[SHA256_HEX_SIZE];
	bool is_plugin;
	bool loadable;           /* nothing in it forbids to run its code */
	struct note_plugin note; /* when is_plugin */
	struct elf_note *records;
	size_t n_records; /* `note` as it stands in the file */
	struct verdict_library *libraries;
	size_t n_libraries;
	struct arena arena; /* all of it */
	int64_t used_at;    /* private; wall, s */

	/* Changed by verdicts_judge only. */
	enum plugin_state state;
	const char *reason; /* or empty: nothing to say */
	bool probed;        /* its code was run; then `executors` is what it said */
	const struct verdict_executor *executors;
	size_t n_executors;
};

/* Takes what is to be kept of an inspection; `why` is the refusal, or NULL: then it is loadable. The
 * name of the file is not part of a verdict. *ret is one reference. */
int verdict_new(const char digest[SHA256_HEX_SIZE],
		const struct inspection *in,
		enum plugin_state state,
		const char *why,
		struct verdict **ret,
		struct error *err);
struct verdict *verdict_ref(struct verdict *v); /* [any-thread] */
void verdict_unref(struct verdict *v);          /* [any-thread]; NULL is fine */

/* The two tables. All functions are [any-thread], but `state` and what follows in a verdict is read
 * only where verdicts_judge is called. */
struct verdicts;
int verdicts_new(struct verdicts **ret, struct error *err);
void verdicts_free(struct verdicts *v);

/* ERR_INVALID when it is not a file of ours, of this host, ABI and inspector, or is broken: then
 * nothing is taken from it. A missing one is fine. */
int verdicts_load(struct verdicts *v, const char *path, struct error *err);
/* Whole or not at all, when something has changed since; unused contents are left out after 30 days,
 * files that the last look did not see at once. */
int verdicts_save(struct verdicts *v, const char *path, struct error *err);
bool verdicts_changed(struct verdicts *v);

/* A look at all files begins: those seen from now on are kept, and libraries are looked at anew. */
void verdicts_look(struct verdicts *v);

/* The verdict on a file with this identity that passed the rules for paths, `trusted` or not: a
 * reference, or NULL when it must be read. */
struct verdict *verdicts_of_file(struct verdicts *v, const struct file_identity *id, bool trusted);
/* The verdict on a content whose libraries are still the same: a reference, or NULL. */
struct verdict *verdicts_of_content(struct verdicts *v, const char *digest);

int verdicts_put(struct verdicts *v, struct verdict *verdict, struct error *err);
int verdicts_put_file(struct verdicts *v,
		      const struct file_identity *id,
		      bool trusted,
		      const char *digest,
		      struct error *err);

/* What came of running its code. `executors` is copied. */
int verdicts_judge(struct verdicts *v,
		   struct verdict *verdict,
		   enum plugin_state state,
		   const char *reason,
		   bool probed,
		   const struct verdict_executor *executors,
		   size_t n_executors,
		   struct error *err);
