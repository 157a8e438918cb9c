/* The taskhost notes of a plugin, read and checked (plugin-api/include/taskhost/note.h has the
 * form). */
#pragma once

#include "abi/elf.h"

struct note_variable {
	struct str name;
	enum { NOTE_IN, NOTE_OPT, NOTE_OUT } direction;
	struct str type_json; /* LiteralType in protobuf's JSON; not checked here */
	struct str about;
};

struct note_option_type {
	struct str type;
	bool sync;
	int32_t version; /* task_type_version of the templates; 0 when the note says nothing */
};

/* What tasks and executors have in common. */
struct note_offer {
	struct str name;
	struct str about;
	int64_t index;
	struct note_option_type *task_types;
	size_t n_task_types;
	struct str *aliases;
	size_t n_aliases;
	struct str *needs; /* extensions beyond the plugin's */
	size_t n_needs;
	/* tasks only */
	int64_t retries;    /* 0 */
	struct str timeout; /* "90s"; empty: none */
	struct str cache;   /* cache version; empty: not cached */
	bool deck;
	struct note_variable *variables;
	size_t n_variables;
	/* After note_read_quick: the record of a task, of which only name and index have been read;
	 * empty once note_complete has read the rest. */
	struct str unread;
};

struct note_plugin {
	uint32_t abi_major, abi_minor;
	struct str id, version, about;
	struct str *needs;
	size_t n_needs;
	struct note_offer *tasks, *executors, *resolvers; /* by index */
	size_t n_tasks, n_executors, n_resolvers;
};

/* ERR_NOT_FOUND: no taskhost note (not a plugin). ERR_INVALID: which record is wrong and how: not
 * JSON, no id, bad id grammar, reserved id ("taskhost", "flytekit" and below), two tasks of one
 * name, a dot in a name, a note version from the future, … Strings live in the arena. */
int note_read(const struct elf_info *elf,
	      struct arena *arena,
	      struct note_plugin *ret,
	      struct error *err);

/* The same, but of tasks only name and index, where the record starts with them as the macros write
 * it. What is wrong with the rest of such a record comes out in note_complete. The ELF file's bytes
 * must stay until then. */
int note_read_quick(const struct elf_info *elf,
		    struct arena *arena,
		    struct note_plugin *ret,
		    struct error *err);

/* Reads what note_read_quick left of a task; nothing to do for one that is complete. On failure
 * (ERR_INVALID, ERR_NOMEM) the task is as before. Not thread-safe. */
int note_complete(struct note_offer *task, struct arena *arena, struct error *err);

/* "[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*" */
bool plugin_id_valid(struct str id);

/* Name of a task, executor or resolver symbol: "[A-Za-z_][A-Za-z0-9_]*", at most 200. */
bool note_name_valid(struct str name);
