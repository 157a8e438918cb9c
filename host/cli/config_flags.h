/* The settings as flags of a verb, and everything put together. */
#pragma once

#include "cli/args.h"
#include "cli/config.h"

struct config_flags {
	const char *file;                         /* --config */
	struct args_list set;                     /* --set */
	struct args_list values[CONFIG_KEYS_MAX]; /* by key; empty: not given */
};

/* Fills in the options, for a struct of values that has its config_flags at `offset`; `ret` has
 * room for CONFIG_OPTIONS_MAX. Returns how many. args_done frees what they hold. */
#define CONFIG_OPTIONS_MAX (CONFIG_KEYS_MAX + 2)
size_t config_options(struct args_option *ret, size_t offset);

/* Applies --config (or the default file, which may be missing), the environment, and the flags to a
 * config that has been through config_init, and finishes it. Notes are in `c->notes`. */
int config_load(struct worker_config *c,
		const struct config_place *place,
		const struct config_flags *flags,
		struct error *err);

/* ---- `pyflyte serve connector` and `agent`, and `c0` ------------------------------------- */

struct config_connector {
	int64_t port, prometheus_port, worker, timeout; /* CONFIG_NOT_GIVEN */
	struct args_list modules;
};

#define CONFIG_NOT_GIVEN INT64_MIN

#define CONFIG_CONNECTOR_INIT                                                                      \
	{                                                                                          \
		.port = CONFIG_NOT_GIVEN, .prometheus_port = CONFIG_NOT_GIVEN,                     \
		.worker = CONFIG_NOT_GIVEN, .timeout = CONFIG_NOT_GIVEN, .modules = ARGS_LIST_INIT \
	}

/* Of a struct config_connector at offset 0. */
extern const struct args_command config_connector_command;

/* As config_load. Every address, ports 8000 and 9090, are defaults here, so environment and file
 * can change them; what was given as a flag wins. */
int config_load_connector(struct worker_config *c,
			  const struct config_place *place,
			  const struct config_connector *flags,
			  struct error *err);
