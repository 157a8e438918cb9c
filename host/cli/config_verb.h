/* What `config show` and `config check` share. */
#pragma once

#include "base/json.h"
#include "cli/config_flags.h"
#include "cli/config_key.h"

/* Reads the options of 'serve' and -o, loads the configuration, and calls `use` with it; `good`: no
 * problem was found. Returns the exit code. */
int config_verb(const char *prog,
		int argc,
		char **argv,
		const char *about,
		const char *examples,
		int (*use)(const char *prog, struct worker_config *c, bool json, bool good));

void config_list_json(struct jw *w, const char *key, const struct config_list *list);

/* Problems and notes, on stderr. */
void config_print_problems(const char *prog, const struct worker_config *c);
