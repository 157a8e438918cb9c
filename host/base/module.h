/* Our own modules: shared objects that belong to this very build and are loaded on first use, so
 * that a library which few need is not mapped by all. A module gets what it needs of us as a table
 * of functions and gives one back; it links nothing of ours. */
#pragma once

#include "base/error.h"

#include <stdarg.h>

#define MODULE_SYMBOL "taskhost_module"

/* What a module may call. Any thread. */
struct module_host {
	int (*error)(struct error *err, int code, const char *fmt, va_list ap);
	void (*warn)(const char *fmt, va_list ap);
};

/* What a module defines: `const struct module_entry taskhost_module`, with default visibility. */
struct module_entry {
	const char *version; /* TASKHOST_VERSION; another one is refused */
	/* The module's table; its type is what the user of the module and the module agree upon. */
	const void *(*start)(const struct module_host *host);
};

/* Loads "<name>.so" from $TASKHOST_MODULES or from the program's directory, and gives its table.
 * Modules stay loaded; asking again is cheap. */
int module_load(const char *name, const void **ret_table, struct error *err);
