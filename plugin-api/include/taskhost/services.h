/* The smaller extensions of 1.0: context, secrets, log, deck, checkpoint, progress, cancel,
 * deadline. One table each; a host that lacks one returns NULL for its id. */
#ifndef TASKHOST_SERVICES_H
#define TASKHOST_SERVICES_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- th.context/1: who and where. Mirrors flytekit's ExecutionParameters. -------------------- */

#define TH_EXT_CONTEXT "th.context/1"

enum {
	TH_CTX_EXECUTION_PROJECT = 0,
	TH_CTX_EXECUTION_DOMAIN = 1,
	TH_CTX_EXECUTION_NAME = 2,
	TH_CTX_EXECUTION_WORKFLOW = 3,
	TH_CTX_EXECUTION_LAUNCHPLAN = 4,
	TH_CTX_TASK_PROJECT = 5,
	TH_CTX_TASK_DOMAIN = 6,
	TH_CTX_TASK_NAME = 7,
	TH_CTX_TASK_VERSION = 8,
	TH_CTX_RAW_OUTPUT_PREFIX = 9,  /* where large outputs go; ends in a slash */
	TH_CTX_OUTPUT_PREFIX = 10,     /* where outputs.pb goes */
	TH_CTX_WORKING_DIRECTORY = 11, /* an empty directory of this execution's own */
	TH_CTX_EXECUTION_URL = 12,
	TH_CTX_WORKER_NAME = 13
};

typedef struct th_context_api {
	uint32_t struct_size;
	uint32_t reserved;
	/* The text; empty when it is not known. TH_E_NOT_FOUND: this host does not know the item.
	 * [any] */
	th_status (*get)(th_exec *exec, uint32_t item, th_str *ret);
	uint32_t (*attempt)(th_exec *exec);    /* Flyte's attempt, from 0 [any] */
	th_datetime (*started)(th_exec *exec); /* flytekit's execution_date [any] */
	/* Task environment: the template's container env over the process's. [any] */
	th_status (*env)(th_exec *exec, th_str name, th_str *ret); /* TH_E_NOT_FOUND */
} th_context_api;

/* ---- th.secrets/1 ---------------------------------------------------------------------------- */

#define TH_EXT_SECRETS "th.secrets/1"

typedef struct th_secrets_api {
	uint32_t struct_size;
	uint32_t reserved;
	/* flytekit's order: <prefix><GROUP>_<VERSION>_<KEY> in the environment, then the file
	 * <dir>/<group>/<version>/<key>; empty parts are left out, white space around the value is
	 * stripped. The view is wiped when the execution completes. TH_E_NOT_FOUND's error names
	 * the variable and the file looked for. [any] */
	th_status (*get)(th_exec *exec,
			 th_str group,
			 th_str key,
			 th_str group_version,
			 th_str *ret,
			 th_errout *error);
} th_secrets_api;

/* ---- th.log/1 -------------------------------------------------------------------------------- */

#define TH_EXT_LOG "th.log/1"

enum { TH_LOG_DEBUG = 10, TH_LOG_INFO = 20, TH_LOG_WARNING = 30, TH_LOG_ERROR = 40 };

typedef struct th_log_api {
	uint32_t struct_size;
	uint32_t reserved;
	/* One line; `exec` may be NULL outside an execution. [any] */
	void (*log)(const th_exec *exec, int32_t level, th_str message);
	uint32_t (*enabled)(int32_t level); /* would a line of this level be kept? [any] */
} th_log_api;

/* ---- th.deck/1: tabs of deck.html ------------------------------------------------------------ */

#define TH_EXT_DECK "th.deck/1"

typedef struct th_deck_api {
	uint32_t struct_size;
	uint32_t reserved;
	/* Opens a deck; opening one makes deck.html be written. A later deck of the same name
	 * takes the place of the earlier. [exec] */
	th_status (*open)(th_exec *exec, th_str name, th_deck **ret);
	th_status (*append_html)(th_deck *deck, th_str html); /* as it is, after a newline [exec] */
	th_status (*append_text)(th_deck *deck, th_str text); /* escaped [exec] */
	/* Writes deck.html now, while the task goes on. [exec] */
	th_status (*publish)(th_exec *exec, th_errout *error);
} th_deck_api;

/* ---- th.checkpoint/1 ------------------------------------------------------------------------- */

#define TH_EXT_CHECKPOINT "th.checkpoint/1"

typedef struct th_checkpoint_api {
	uint32_t struct_size;
	uint32_t reserved;
	/* TH_E_UNSUPPORTED from all when the execution has no checkpoint location. [exec] */
	uint32_t (*prev_exists)(th_exec *exec); /* a previous location was given */
	th_status (*save)(th_exec *exec, th_bytes data, th_errout *error);
	th_status (*save_path)(th_exec *exec,
			       th_str path,
			       th_errout *error); /* file or directory */
	/* The single file of the previous attempt; TH_E_NOT_FOUND when there is none. */
	th_status (*read)(th_exec *exec, th_bytes *ret, th_errout *error);
	/* A local directory with everything the previous attempt saved. */
	th_status (*restore)(th_exec *exec, th_str *ret_directory, th_errout *error);
} th_checkpoint_api;

/* ---- th.progress/1 --------------------------------------------------------------------------- */

#define TH_EXT_PROGRESS "th.progress/1"

typedef struct th_progress_api {
	uint32_t struct_size;
	uint32_t reserved;
	/* `fraction` from 0 to 1, negative when unknown. Cheap; the host thins out. [any] */
	void (*report)(th_exec *exec, double fraction, th_str message);
} th_progress_api;

/* ---- th.cancel/1 and th.deadline/1 ----------------------------------------------------------- */

#define TH_EXT_CANCEL "th.cancel/1"

typedef struct th_cancel_api {
	uint32_t struct_size;
	uint32_t reserved;
	/* A word that turns from 0 to a TH_CANCEL_… reason; poll it with an atomic load. Lives
	 * until the execution completes. [any] */
	const uint32_t *(*word)(th_exec *exec);
} th_cancel_api;

#define TH_EXT_DEADLINE "th.deadline/1"

typedef struct th_deadline_api {
	uint32_t struct_size;
	uint32_t reserved;
	int64_t (*deadline_ns)(th_exec *exec); /* CLOCK_MONOTONIC; 0: none [any] */
	int64_t (*now_ns)(void);               /* the clock it is measured on [any] */
} th_deadline_api;

#ifdef __cplusplus
}
#endif
#endif
