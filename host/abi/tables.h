/* From what th_plugin_main handed over to the host's own structs. Inside the layer only. */
#pragma once

#include "abi/load.h"

/* Copies the plugin's tables into p->table, p->executors and p->resolvers, each of this host's
 * size, and holds them to the rules of plugin.h. Every broken rule is named. */
int tables_take(struct plugin *p, const th_plugin *theirs, struct error *err);

/* Id, version, ABI, executors and resolvers against the note; every difference is named. Fills
 * p->resolver_symbols. */
int tables_compare(struct plugin *p, struct error *err);

/* "x; y": one more thing that is wrong. */
void tables_complain(struct buf *problems, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
