/* A plugin in this process: mapped, entered, its tables copied into structs of this host's size.
 *
 * Never loads from the path a person writes to: the bytes that were verified are copied to the
 * private store under their digest, or into a sealed memfd when the store cannot be written. */
#pragma once

#include "abi/inspect.h"

#include <taskhost/plugin-api.h>

#include "base/buf.h"
#include "base/digest.h"

/* A list of tasks that goes on after so many does not end. */
#define PLUGIN_TASKS_MAX 10000

/* A plugin file that was read and inspected (the quick way), so that what is loaded later is what
 * was judged, byte for byte, and is not read again. Held by counted references; not thread-safe. */
struct plugin_file {
	unsigned references;
	char *path; /* as the operator knows it */
	void *data; /* which `inspection` points into; a load puts the private copy's pages here */
	size_t len;
	bool digested; /* private; see plugin_file_digest */
	uint8_t digest[SHA256_SIZE];
	struct arena arena;
	struct inspection inspection; /* lives here: its tasks are completed in place */
};

struct plugin {
	struct plugin_file *file; /* one reference */
	const char *path;         /* the file's */
	char *loaded_from;        /* what was mapped */
	char digest[SHA256_HEX_SIZE];
	void *handle;                  /* dlopen's */
	int memfd;                     /* kept open for good once mapped; -1: a store file */
	struct arena arena;            /* copied tables */
	struct inspection inspection;  /* the file's */
	th_plugin table;               /* normalised */
	th_executor *executors;        /* normalised, table.n_executors of them */
	th_resolver *resolvers;        /* normalised, table.n_resolvers of them */
	const char **resolver_symbols; /* beside `resolvers`: see plugin_resolver_symbol */
	const th_host *host;           /* what it was given */
	void *self;                    /* from init */
	bool initialised;
};

/* One service table the host offers beyond th_host, by id. Ends in {NULL, NULL}. */
struct host_extension {
	const char *id;
	const void *table;
};

/* Makes the private copy of an open file (verify_open's descriptor) and says where it is.
 * `store_dir` NULL or not writable: memfd. Logs one line when it has to fall back. */
int plugin_store_copy(int fd,
		      const char *store_dir,
		      char ret_digest[SHA256_HEX_SIZE],
		      char **ret_path,
		      int *ret_memfd,
		      struct error *err);

/* Reads and inspects; no code of the file runs. `fd` comes from verify_open and stays the caller's;
 * `path` is copied. Whether the file may be loaded is for inspection_verdict on the result.
 * ERR_INVALID / ERR_NOT_FOUND when it is no plugin at all. The result is one reference. */
int plugin_file_read(int fd, const char *path, struct plugin_file **ret, struct error *err);
struct plugin_file *plugin_file_ref(struct plugin_file *f);
void plugin_file_unref(struct plugin_file *f); /* NULL is fine */

/* SHA-256 of the bytes, found out once. SHA256_SIZE bytes, as long as the file. */
const uint8_t *plugin_file_digest(struct plugin_file *f);

/* A load that failed after dlopen leaves the file mapped: nothing is ever unmapped.
 *
 * verdict -> copy -> dlopen(RTLD_NOW | RTLD_LOCAL) -> th_plugin_main -> tables -> compare with the
 * note. Does not call init. Takes a reference of its own. Constructors of the file run here: call
 * it where a crash may happen. */
int plugin_load_file(struct plugin_file *file,
		     const char *store_dir,
		     const th_host *host,
		     struct plugin **ret,
		     struct error *err);

/* Both at once. `fd` and `path` as for plugin_file_read. */
int plugin_load(int fd,
		const char *path,
		const char *store_dir,
		const th_host *host,
		struct plugin **ret,
		struct error *err);

/* init with the plugin's configuration (JSON or empty). */
int plugin_init(struct plugin *p, struct str config, struct error *err);

/* quiesce with a deadline, then deinit. ERR_STATE when the plugin says busy, with its reason. Does
 * not unmap: a process that goes on never calls dlclose. */
int plugin_shutdown(struct plugin *p, int64_t deadline_ns, struct error *err);

/* The two halves of plugin_shutdown. plugin_deinit only after plugin_quiesce returned 0. */
int plugin_quiesce(struct plugin *p, int64_t deadline_ns, struct error *err);
void plugin_deinit(struct plugin *p);

void plugin_free(struct plugin *p); /* bookkeeping only; the mapping stays */

const th_executor *plugin_executor(const struct plugin *p, struct str name);
/* The normalised copy of an executor the plugin handed out by pointer; NULL when it is not one of
 * its table. */
const th_executor *plugin_executor_of(const struct plugin *p, const th_executor *theirs);
/* *ret is NULL when no note has the task. As inspection_task. */
int plugin_task_note(const struct plugin *p,
		     struct str task,
		     const struct note_offer **ret,
		     struct error *err);

/* By which the location of resolver `i` ends when it has no location function: the exported
 * variable's name, or "tasks" for the one the authoring macros make. */
const char *plugin_resolver_symbol(const struct plugin *p, size_t i);

/* The symbol of the plugin that holds an address, as "<plugin>.<symbol>" (for tracked instances).
 * It comes from dladdr, else from the file's own symbol table, which a stripped file lacks. */
bool plugin_symbol_of(const struct plugin *p, const void *address, struct buf *ret_symbol);

/* Is the address in the plugin, and at which virtual address of its file (for elf_symbolise)? */
bool plugin_address_in_file(const struct plugin *p, const void *address, uint64_t *ret_address);
