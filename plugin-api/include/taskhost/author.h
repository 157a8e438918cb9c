/* The authoring kit: a plugin in a dozen lines, with nothing to link and no build helper.
 *
 *   #include <taskhost/author.h>
 *
 *   TH_PLUGIN("arith", "1.0.0", "Arithmetic");
 *
 *   #define ADD(X) X(in, a, integer, "first term") X(in, b, integer, "second term") \
 *                  X(out, o0, integer, "the sum")
 *   TH_TASK(add, ADD, "Adds two integers")
 *   {
 *           out->o0 = in->a + in->b;
 *           return TH_OK;
 *   }
 *
 *   cc -shared -fPIC -fvisibility=hidden -o arith.so arith.c
 *
 * The macros write the ELF notes, the tables, a resolver ("arith.tasks") and the glue that reads
 * the inputs and writes the outputs. Exactly one file of a plugin says TH_PLUGIN; tasks may stand
 * in any number of files. Works in C11 and C++17 with gcc and clang. */
#ifndef TASKHOST_AUTHOR_H
#define TASKHOST_AUTHOR_H

#include "author-types.h"
#include "note.h"

/* ---- the plugin ------------------------------------------------------------------------------ */

/* id: dotted lower-case words, also the file's name; version: major.minor.patch; about: a line. */
#define TH_PLUGIN(id, version, about) TH_PLUGIN_WITH(id, version, about, TH_NO_HOOKS)

/* The same with hooks of the plugin's own; `hooks` is a th_plugin_hooks variable or expression:
 *   static const th_plugin_hooks hooks = {my_init, my_quiesce, my_deinit};  (any may be NULL) */
#define TH_PLUGIN_WITH(id_, version_, about_, hooks_)                                              \
	TH_NOTE_RECORD(th_note_of_plugin, TH_NOTE_PLUGIN,                                          \
		       "{\"note\":1,\"abi\":[1,0],\"id\":" #id_ ",\"version\":" #version_          \
		       ",\"about\":" #about_ ",\"needs\":[\"" TH_EXT_LITERAL "\",\"" TH_EXT_MODEL  \
		       "\"]}");                                                                    \
	struct th_tables th_tables_;                                                               \
	struct th_lists_type_ th_lists_;                                                           \
	static const th_resolver th_tasks_resolver_ = {sizeof(th_resolver),                        \
						       0,                                          \
						       "tasks",                                    \
						       NULL,                                       \
						       th_tasks_location_,                         \
						       th_tasks_load_,                             \
						       th_tasks_args_,                             \
						       th_tasks_at_,                               \
						       th_tasks_name_,                             \
						       NULL,                                       \
						       th_tasks_executor_,                         \
						       NULL};                                      \
	static th_status th_plugin_init_(const th_host *host, th_str config, void **ret_self,      \
					 th_errout *error)                                         \
	{                                                                                          \
		const th_plugin_hooks th_now_ = hooks_;                                            \
		th_tables_fill_(&th_tables_, host, id_);                                           \
		return th_now_.init ? th_now_.init(config, ret_self, error) : TH_OK;               \
	}                                                                                          \
	static th_status th_plugin_quiesce_(void *self, int64_t deadline_ns, th_errout *error)     \
	{                                                                                          \
		const th_plugin_hooks th_now_ = hooks_;                                            \
		return th_now_.quiesce ? th_now_.quiesce(self, deadline_ns, error) : TH_OK;        \
	}                                                                                          \
	static void th_plugin_deinit_(void *self)                                                  \
	{                                                                                          \
		const th_plugin_hooks th_now_ = hooks_;                                            \
		if (th_now_.deinit)                                                                \
			th_now_.deinit(self);                                                      \
	}                                                                                          \
	th_status th_plugin_main(const th_entry_in *in, th_entry_out *out, th_errout *error)       \
	{                                                                                          \
		static th_plugin plugin = {sizeof(th_plugin),                                      \
					   TH_ABI_MAJOR,                                           \
					   TH_ABI_MINOR,                                           \
					   0,                                                      \
					   0,                                                      \
					   id_,                                                    \
					   version_,                                               \
					   th_plugin_init_,                                        \
					   th_plugin_quiesce_,                                     \
					   th_plugin_deinit_,                                      \
					   NULL,                                                   \
					   NULL,                                                   \
					   0,                                                      \
					   0,                                                      \
					   NULL};                                                  \
		return th_plugin_enter_(in, out, error, &plugin, &th_tasks_resolver_);             \
	}                                                                                          \
	TH_NEEDS_SEMICOLON_(th_plugin_end_)

/* ---- typed tasks ----------------------------------------------------------------------------- */

/* TH_TASK(name, LIST, "about") { body }: the body has `in`, `out` and `run`, and returns a status.
 * LIST is a macro of the author's that calls its argument once for each variable:
 *
 *   X(in,  name, type, "description")            a required input
 *   X(opt, name, type, default, "description")   an input with a default (a C expression)
 *   X(out, name, type, "description")            an output
 *
 * type      in->name              out->name
 * integer   int64_t               int64_t
 * float     double                double
 * string    th_str                th_str      (read after the body returned: arena_alloc, or
 *                                             text that stays)
 * boolean   bool                  bool
 * datetime  th_datetime           th_datetime
 * duration  th_duration           th_duration
 * binary    th_bytes              th_bytes
 * file      th_blob               th_blob     (a local path in uri is uploaded)
 * directory th_blob               th_blob     (likewise)
 * json      th_str                th_str      (a STRUCT as JSON text)
 * dataset   th_dataset            th_dataset
 * integers  th_i64_list           th_i64_list
 * floats    th_f64_list           th_f64_list
 * strings   const th_lit *        th_val *    (through TH_LIT)
 * literal   const th_lit *        th_val *    any type: after the description stands one more
 *                                             string, the LiteralType in protobuf's JSON
 *
 * Descriptions are one string literal each (no "a" "b"); a LiteralType may be several. */
#define TH_TASK(name, LIST, about) TH_TASK_WITH(name, LIST, about, TH_NO_OPTIONS)

/* The same with options: TH_CACHE("1.0") TH_RETRIES(3) TH_TIMEOUT("1h") TH_DECK() TH_ALIAS("…"). */
#define TH_TASK_WITH(name_, LIST, about_, options_)                                                \
	TH_NOTE_RECORD(th_note_of_task_##name_, TH_NOTE_TASK,                                      \
		       "{\"task\":\"" #name_ "\",\"index\":" TH_NOTE_NUMBER(                       \
			       __LINE__) ",\"about\":" #about_ ",\"options\":[" options_           \
					 "{}],\"variables\":[" LIST(TH_X_NOTE_) "{}]}");           \
	struct th_in_##name_ {                                                                     \
		uint32_t reserved_;                                                                \
		LIST(TH_X_IN_)                                                                     \
	};                                                                                         \
	struct th_out_##name_ {                                                                    \
		uint32_t reserved_;                                                                \
		LIST(TH_X_OUT_)                                                                    \
	};                                                                                         \
	static th_status th_body_##name_(const struct th_in_##name_ *in,                           \
					 struct th_out_##name_ *out, th_run *run);                 \
	static th_status th_glue_##name_(void *instance, th_exec *exec, const th_model *model,     \
					 th_errout *error)                                         \
	{                                                                                          \
		th_run run = {exec, model, error, instance};                                       \
		struct th_in_##name_ in;                                                           \
		struct th_out_##name_ out;                                                         \
		th_status st;                                                                      \
		memset(&in, 0, sizeof(in));                                                        \
		memset(&out, 0, sizeof(out));                                                      \
		LIST(TH_X_READ_)                                                                   \
		LIST(TH_X_SLOT_)                                                                   \
		st = th_body_##name_(&in, &out, &run);                                             \
		if (st != TH_OK)                                                                   \
			return st;                                                                 \
		LIST(TH_X_WRITE_)                                                                  \
		return TH_OK;                                                                      \
	}                                                                                          \
	static const th_executor th_executor_of_##name_ = {                                        \
		sizeof(th_executor), 0,    0,    0,   #name_, NULL, NULL, NULL, NULL,              \
		th_glue_##name_,     NULL, NULL, NULL};                                            \
	static const struct th_task th_task_##name_ = {#name_, &th_executor_of_##name_};           \
	TH_LIST_ENTRY_(tasks, th_task_node_##name_, &th_task_##name_);                             \
	TH_LIST_ENTRY_(executors, th_executor_node_##name_, &th_executor_of_##name_);              \
	static th_status th_body_##name_(__attribute__((unused)) const struct th_in_##name_ *in,   \
					 __attribute__((unused)) struct th_out_##name_ *out,       \
					 __attribute__((unused)) th_run *run)

/* ---- executors for templates from outside ---------------------------------------------------- */

/* TH_EXECUTOR(Name, "about", OPTIONS) { body }: flytekit's ShimTaskExecutor. The body has `run`,
 * reads inputs and writes outputs through TH_LIT and the template through TH_MODEL. OPTIONS:
 * TH_TASK_TYPE("echo") TH_SYNC_TASK_TYPE("…") TH_ALIAS("…") TH_NEEDS("…"), or TH_NO_OPTIONS. */
#define TH_EXECUTOR(name_, about_, options_) TH_ASYNC_EXECUTOR(name_, 0, about_, options_)

/* The same for a body that returns TH_PENDING: one process takes up to `inflight_` of its executions
 * at once (th_executor's max_inflight). */
#define TH_ASYNC_EXECUTOR(name_, inflight_, about_, options_)                                      \
	static th_status th_body_##name_(th_run *run);                                             \
	static th_status th_glue_##name_(void *instance, th_exec *exec, const th_model *model,     \
					 th_errout *error)                                         \
	{                                                                                          \
		th_run run = {exec, model, error, instance};                                       \
		return th_body_##name_(&run);                                                      \
	}                                                                                          \
	static const th_executor th_executor_of_##name_ = {                                        \
		sizeof(th_executor), 0,    inflight_, 0,   #name_, NULL, NULL, NULL, NULL,         \
		th_glue_##name_,     NULL, NULL,      NULL};                                       \
	TH_EXECUTOR_TABLE(name_, about_, options_, &th_executor_of_##name_);                       \
	static th_status th_body_##name_(th_run *run)

/* An executor whose th_executor the author filled in (instances, hooks, cancel, resume). Its name
 * member must be the same as `name_`. */
#define TH_EXECUTOR_TABLE(name_, about_, options_, table_)                                         \
	TH_NOTE_RECORD(th_note_of_executor_##name_, TH_NOTE_EXECUTOR,                              \
		       "{\"executor\":\"" #name_                                                   \
		       "\",\"index\":" TH_NOTE_NUMBER(__LINE__) ",\"about\":" #about_              \
								",\"options\":[" options_ "{}]}"); \
	TH_LIST_ENTRY_(executors, th_executor_node_##name_, table_)

/* ---- resolvers of the plugin's own ----------------------------------------------------------- */

/* `symbol` is a variable: TH_EXPORT extern const th_resolver symbol; exported, so that its name
 * is its location ("<plugin>.<symbol>"). */
#define TH_RESOLVER(symbol, about_)                                                                \
	TH_NOTE_RECORD(th_note_of_resolver_##symbol, TH_NOTE_RESOLVER,                             \
		       "{\"resolver\":\"" #symbol                                                  \
		       "\",\"index\":" TH_NOTE_NUMBER(__LINE__) ",\"about\":" #about_ "}");        \
	TH_LIST_ENTRY_(resolvers, th_resolver_node_##symbol, &symbol)

#include "author-glue.h"

#endif
