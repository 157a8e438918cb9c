/* Who runs what, where: flytekit's ExecutionParameters. Filled from the environment by the
 * entrypoint, by the worker from its request. */
#pragma once

#include "base/mem.h"
#include "base/str.h"
#include "flyte/document.h"

#include <taskhost/plugin-api.h>

#include <stdatomic.h>

#define CONTEXT_ITEMS (TH_CTX_WORKER_NAME + 1)

struct task_context {
	/* By TH_CTX_…; output and raw prefix included. The working directory is where one is to be
	 * made when the task asks for it, so nothing may be there yet; empty: anywhere. Whoever
	 * names a place removes what a task that died has left there, see directory_mark. */
	struct str items[CONTEXT_ITEMS];
	/* 1 while there may be a directory at that place; NULL: nobody asks. May lie in memory
	 * shared with another process. */
	_Atomic int32_t *directory_mark;
	struct str checkpoint_path; /* empty: none */
	struct str prev_checkpoint; /* empty: none */
	uint32_t attempt;
	int64_t started_ns;             /* wall clock */
	int64_t deadline_ns;            /* monotonic; 0: none */
	const uint32_t *cancel_word;    /* may lie in memory shared with another process */
	struct str dist_error_strategy; /* non-empty: error-<hex>.pb and the worker's name */
	bool durable;                   /* what is stored is on the disk before the run ends */
	bool fail_on_error;             /* exit code 1 when an error file was written */
	bool old_struct_form;           /* FLYTE_USE_OLD_DC_FORMAT */
	int64_t offload_min_bytes;      /* 0: no offloading */
	int64_t offload_max_bytes;
	const char *secrets_env_prefix;  /* "_FSEC_" */
	const char *secrets_dir;         /* "/etc/secrets" */
	const char *secrets_file_prefix; /* "" */
	size_t wire_budget;              /* decoded size of inputs; 0: the default */
	bool inputs_checked;             /* wire_check has accepted the inputs before */
};

/* Reads flytekit's variables (contract 2.6, first defined name wins). Prefixes and paths are left
 * empty. Strings point into the environment or the arena. */
int task_context_from_env(struct task_context *ctx, struct arena *arena, struct error *err);
