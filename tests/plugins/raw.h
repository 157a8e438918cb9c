/* A plugin without the authoring macros, every part of which a misbehaving plugin can bend: define
 * a RAW_ name before including this (or with -D), the rest keeps the rules. */
#ifndef RAW_H
#define RAW_H

#include <taskhost/note.h>
#include <taskhost/plugin-api.h>

/* ---- the note -------------------------------------------------------------------------------- */
#ifndef RAW_ID
#define RAW_ID "raw"
#endif
#ifndef RAW_VERSION
#define RAW_VERSION "1.0.0"
#endif
#ifndef RAW_NOTE_FORM
#define RAW_NOTE_FORM "1"
#endif
#ifndef RAW_NOTE_ABI
#define RAW_NOTE_ABI "[1,0]"
#endif
#ifndef RAW_NOTE_ID
#define RAW_NOTE_ID RAW_ID
#endif
#ifndef RAW_NOTE_VERSION
#define RAW_NOTE_VERSION RAW_VERSION
#endif
#ifndef RAW_NOTE_NEED
#define RAW_NOTE_NEED "th.literal/1"
#endif
#ifndef RAW_NOTE_EXECUTOR
#define RAW_NOTE_EXECUTOR "Run"
#endif
#ifndef RAW_NOTE_OPTIONS
#define RAW_NOTE_OPTIONS TH_NO_OPTIONS
#endif
#ifndef RAW_NOTE
#define RAW_NOTE                                                                                   \
	"{\"note\":" RAW_NOTE_FORM ",\"abi\":" RAW_NOTE_ABI ",\"id\":\"" RAW_NOTE_ID               \
	"\",\"version\":\"" RAW_NOTE_VERSION "\",\"about\":\"raw\",\"needs\":[\"" RAW_NOTE_NEED    \
	"\"]}"
#endif

TH_NOTE_RECORD(raw_note, TH_NOTE_PLUGIN, RAW_NOTE);
TH_NOTE_RECORD(raw_note_executor,
	       TH_NOTE_EXECUTOR,
	       "{\"executor\":\"" RAW_NOTE_EXECUTOR
	       "\",\"index\":1,\"about\":\"\",\"options\":[" RAW_NOTE_OPTIONS "{}]}");

/* ---- the executor ---------------------------------------------------------------------------- */
#ifndef RAW_X_SIZE
#define RAW_X_SIZE sizeof(th_executor)
#endif
#ifndef RAW_X_FLAGS
#define RAW_X_FLAGS 0
#endif
#ifndef RAW_X_INFLIGHT
#define RAW_X_INFLIGHT 0
#endif
#ifndef RAW_X_RESERVED
#define RAW_X_RESERVED 0
#endif
#ifndef RAW_X_NAME
#define RAW_X_NAME "Run"
#endif
#ifndef RAW_X_EXECUTE
static th_status raw_execute(void *instance, th_exec *exec, const th_model *model, th_errout *error)
{
	(void)instance;
	(void)exec;
	(void)model;
	(void)error;
	return TH_OK;
}
#define RAW_X_EXECUTE raw_execute
#endif

static const th_executor raw_executor = {
	RAW_X_SIZE, RAW_X_FLAGS, RAW_X_INFLIGHT, RAW_X_RESERVED, RAW_X_NAME, NULL, NULL,
	NULL,       NULL,        RAW_X_EXECUTE,  NULL,           NULL,       NULL};
#ifndef RAW_EXECUTORS
#define RAW_EXECUTORS &raw_executor
#endif
static const th_executor *const raw_executors[] = {RAW_EXECUTORS};
#ifndef RAW_N_EXECUTORS
#define RAW_N_EXECUTORS (sizeof(raw_executors) / sizeof(raw_executors[0]))
#endif

/* ---- resolvers: none, unless RAW_RESOLVERS lists pointers ------------------------------------ */
#ifdef RAW_RESOLVERS
static const th_resolver *const raw_resolvers[] = {RAW_RESOLVERS};
#define RAW_RESOLVER_LIST   raw_resolvers
#define RAW_N_RESOLVER_LIST (sizeof(raw_resolvers) / sizeof(raw_resolvers[0]))
#else
#define RAW_RESOLVER_LIST   NULL
#define RAW_N_RESOLVER_LIST 0
#endif

/* ---- the plugin ------------------------------------------------------------------------------ */
#ifndef RAW_SIZE
#define RAW_SIZE sizeof(th_plugin)
#endif
#ifndef RAW_ABI_MAJOR
#define RAW_ABI_MAJOR TH_ABI_MAJOR
#endif
#ifndef RAW_FLAGS
#define RAW_FLAGS 0
#endif
#ifndef RAW_RESERVED
#define RAW_RESERVED 0
#endif
#ifndef RAW_INIT
#define RAW_INIT NULL
#endif
#ifndef RAW_QUIESCE
#define RAW_QUIESCE NULL
#endif
#ifndef RAW_CODE_ID
#define RAW_CODE_ID RAW_ID
#endif

#ifndef RAW_OWN_MAIN
static const th_plugin raw_plugin = {
	RAW_SIZE,      RAW_ABI_MAJOR,     TH_ABI_MINOR,    RAW_FLAGS,           RAW_RESERVED,
	RAW_CODE_ID,   RAW_VERSION,       RAW_INIT,        RAW_QUIESCE,         NULL,
	raw_executors, RAW_RESOLVER_LIST, RAW_N_EXECUTORS, RAW_N_RESOLVER_LIST, NULL};

th_status th_plugin_main(const th_entry_in *in, th_entry_out *out, th_errout *error)
{
	(void)in;
	(void)error;
	out->plugin = &raw_plugin;
	return TH_OK;
}
#endif
#endif
