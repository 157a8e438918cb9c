/* What the authoring macros expand to. Nothing here is for authors to call. Part of author.h. */
#ifndef TASKHOST_AUTHOR_GLUE_H
#define TASKHOST_AUTHOR_GLUE_H

#include "author-types.h"
#include "note.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- lists ----------------------------------------------------------------------------------- */

/* Each definition adds itself when the file is mapped. A section with __start_ and __stop_ symbols
 * would need no code, but GNU ld exports those symbols whatever their visibility, and a plugin
 * exports one function only. */
#define TH_LIST_MAX_ 1024

struct th_node_ {
	struct th_node_ *next;
	const void *item;
	uint32_t line;
};

struct th_lists_type_ {
	struct th_node_ *tasks, *executors, *resolvers;
};
extern struct th_lists_type_ th_lists_ __attribute__((visibility("hidden")));

/* Keeps the list in order of line numbers, as the notes are. */
static inline void th_list_add_(struct th_node_ **list, struct th_node_ *node)
{
	while (*list && (*list)->line <= node->line)
		list = &(*list)->next;
	node->next = *list;
	*list = node;
}

static inline const void *th_list_at_(const struct th_node_ *list, uint32_t index)
{
	while (list && index--)
		list = list->next;
	return list ? list->item : NULL;
}

#define TH_LIST_ENTRY_(list, symbol, item_)                                                        \
	static struct th_node_ symbol = {NULL, item_, __LINE__};                                   \
	__attribute__((constructor)) static void symbol##_add_(void)                               \
	{                                                                                          \
		th_list_add_(&th_lists_.list, &symbol);                                            \
	}                                                                                          \
	TH_NEEDS_SEMICOLON_(symbol##_end_)

#define TH_NEEDS_SEMICOLON_(symbol) struct symbol

/* ---- tables ---------------------------------------------------------------------------------- */

static inline void th_table_copy_(void *to, size_t size, const void *from)
{
	uint32_t theirs = 0;
	memset(to, 0, size);
	if (!from)
		return;
	memcpy(&theirs, from, sizeof(theirs));
	memcpy(to, from, theirs < size ? theirs : size);
}

__attribute__((unused)) static void
th_tables_fill_(struct th_tables *t, const th_host *host, const char *plugin_id)
{
	t->host_handle = host;
	t->plugin_id = plugin_id;
	th_table_copy_(&t->host, sizeof(t->host), host);
#define TH_FILL_(member, id)                                                                       \
	th_table_copy_(&t->member, sizeof(t->member), host->get_extension(host, id))
	TH_FILL_(literal, TH_EXT_LITERAL);
	TH_FILL_(model, TH_EXT_MODEL);
	TH_FILL_(context, TH_EXT_CONTEXT);
	TH_FILL_(secrets, TH_EXT_SECRETS);
	TH_FILL_(log, TH_EXT_LOG);
	TH_FILL_(deck, TH_EXT_DECK);
	TH_FILL_(checkpoint, TH_EXT_CHECKPOINT);
	TH_FILL_(progress, TH_EXT_PROGRESS);
	TH_FILL_(cancel, TH_EXT_CANCEL);
	TH_FILL_(deadline, TH_EXT_DEADLINE);
#undef TH_FILL_
}

__attribute__((unused)) static th_status
th_enter_fails_(const th_entry_in *in, th_errout *error, th_status st, const char *text)
{
	in->host->error_set(error, TH_E_SYSTEM, 0, th_s(""), th_s(text));
	return st;
}

__attribute__((unused)) static th_status th_plugin_enter_(const th_entry_in *in,
							  th_entry_out *out,
							  th_errout *error,
							  th_plugin *plugin,
							  const th_resolver *tasks)
{
	static const th_executor *executors[TH_LIST_MAX_];
	static const th_resolver *resolvers[TH_LIST_MAX_];
	uint32_t n = 0;

	if (in->abi_major != TH_ABI_MAJOR)
		return th_enter_fails_(in, error, TH_E_ABI,
				       "built for another major version of the plugin ABI (1)");
	for (const struct th_node_ *e = th_lists_.executors; e; e = e->next) {
		if (n == TH_LIST_MAX_)
			return th_enter_fails_(in, error, TH_E_LIMIT, "over 1024 executors");
		executors[n++] = (const th_executor *)e->item;
	}
	plugin->n_executors = n;
	n = 0;
	if (th_lists_.tasks)
		resolvers[n++] = tasks;
	for (const struct th_node_ *r = th_lists_.resolvers; r; r = r->next) {
		if (n == TH_LIST_MAX_)
			return th_enter_fails_(in, error, TH_E_LIMIT, "over 1024 resolvers");
		resolvers[n++] = (const th_resolver *)r->item;
	}
	plugin->n_resolvers = n;
	plugin->executors = executors;
	plugin->resolvers = resolvers;
	out->plugin = plugin;
	return TH_OK;
}

/* ---- the resolver "<plugin>.tasks": arguments `task-name NAME` ------------------------------- */

__attribute__((unused)) static th_status th_tasks_location_(void *self, th_sink *sink)
{
	char text[512];
	(void)self;
	int n = snprintf(text, sizeof(text), "%s.tasks", th_tables_.plugin_id);
	if (n < 0 || (size_t)n >= sizeof(text))
		return TH_E_INVALID;
	return th_tables_.host.sink_push(sink, th_str_n(text, (size_t)n));
}

__attribute__((unused)) static th_status th_tasks_load_(
	void *self, const th_str *args, size_t n_args, const th_task **ret_task, th_errout *error)
{
	th_run run = {NULL, NULL, error, self};
	th_str name = n_args >= 2 ? args[1] : th_s("");

	if (n_args < 2) {
		th_fail(&run, "", "expected the arguments `task-name NAME`, got %u of them",
			(unsigned)n_args);
		return TH_E_INVALID;
	}
	for (const struct th_node_ *n = th_lists_.tasks; n; n = n->next) {
		const th_task *task = (const th_task *)n->item;
		if (th_str_eq(th_s(task->name), name)) {
			*ret_task = task;
			return TH_OK;
		}
	}
	th_fail(&run, "", "plugin '%s' has no task '%.*s'", th_tables_.plugin_id, (int)name.len,
		name.ptr);
	return TH_E_NOT_FOUND;
}

__attribute__((unused)) static th_status
th_tasks_args_(void *self, const th_task *task, th_sink *sink, th_errout *error)
{
	th_status st = th_tables_.host.sink_push(sink, th_s("task-name"));
	(void)self;
	(void)error;
	return st == TH_OK ? th_tables_.host.sink_push(sink, th_s(task->name)) : st;
}

__attribute__((unused)) static th_status
th_tasks_at_(void *self, uint32_t index, const th_task **ret_task)
{
	const th_task *task = (const th_task *)th_list_at_(th_lists_.tasks, index);
	(void)self;
	if (!task)
		return TH_E_NOT_FOUND;
	*ret_task = task;
	return TH_OK;
}

__attribute__((unused)) static th_status
th_tasks_name_(void *self, const th_task *task, th_sink *sink)
{
	(void)self;
	return th_tables_.host.sink_push(sink, th_s(task->name));
}

__attribute__((unused)) static const th_executor *th_tasks_executor_(void *self,
								     const th_task *task)
{
	(void)self;
	return task->executor;
}

/* ---- types of variables ---------------------------------------------------------------------- */

#define TH_TYPE_integer(...)        "{\"simple\":\"INTEGER\"}"
#define TH_TYPE_float(...)          "{\"simple\":\"FLOAT\"}"
#define TH_TYPE_string(...)         "{\"simple\":\"STRING\"}"
#define TH_TYPE_boolean(...)        "{\"simple\":\"BOOLEAN\"}"
#define TH_TYPE_datetime(...)       "{\"simple\":\"DATETIME\"}"
#define TH_TYPE_duration(...)       "{\"simple\":\"DURATION\"}"
#define TH_TYPE_binary(...)         "{\"simple\":\"BINARY\"}"
#define TH_TYPE_file(...)           "{\"blob\":{}}"
#define TH_TYPE_directory(...)      "{\"blob\":{\"dimensionality\":\"MULTIPART\"}}"
#define TH_TYPE_json(...)           "{\"simple\":\"STRUCT\"}"
#define TH_TYPE_dataset(...)        "{\"structuredDatasetType\":{}}"
#define TH_TYPE_integers(...)       "{\"collectionType\":{\"simple\":\"INTEGER\"}}"
#define TH_TYPE_floats(...)         "{\"collectionType\":{\"simple\":\"FLOAT\"}}"
#define TH_TYPE_strings(...)        "{\"collectionType\":{\"simple\":\"STRING\"}}"
#define TH_TYPE_literal(about, ...) __VA_ARGS__ /* the author's */

typedef int64_t th_in_integer_, th_out_integer_;
typedef double th_in_float_, th_out_float_;
typedef th_str th_in_string_, th_out_string_;
typedef bool th_in_boolean_, th_out_boolean_;
typedef th_datetime th_in_datetime_, th_out_datetime_;
typedef th_duration th_in_duration_, th_out_duration_;
typedef th_bytes th_in_binary_, th_out_binary_;
typedef th_blob th_in_file_, th_out_file_;
typedef th_blob th_in_directory_, th_out_directory_;
typedef th_str th_in_json_, th_out_json_;
typedef th_dataset th_in_dataset_, th_out_dataset_;
typedef th_i64_list th_in_integers_, th_out_integers_;
typedef th_f64_list th_in_floats_, th_out_floats_;
typedef const th_lit *th_in_strings_, *th_in_literal_;
typedef th_val *th_out_strings_, *th_out_literal_;

/* ---- one field of a list: its note, its members, how it is read and written ------------------ */

#define TH_X_NOTE_(dir, name, type, ...)     TH_X_NOTE_##dir(name, type, __VA_ARGS__)
#define TH_X_NOTE_in(name, type, ...)        TH_X_NOTE_ANY_("in", name, type, __VA_ARGS__)
#define TH_X_NOTE_out(name, type, ...)       TH_X_NOTE_ANY_("out", name, type, __VA_ARGS__)
#define TH_X_NOTE_opt(name, type, dflt, ...) TH_X_NOTE_ANY_("opt", name, type, __VA_ARGS__)
#define TH_X_NOTE_ANY_(dir, name, type, ...)                                                       \
	"{\"" dir "\":\"" #name                                                                    \
	"\",\"type\":" TH_TYPE_##type(__VA_ARGS__) ",\"about\":[" TH_X_FIRST_(__VA_ARGS__, ) "]},"
#define TH_X_FIRST_(about, ...) #about

#define TH_X_IN_(dir, name, type, ...) TH_X_IN_##dir(name, type)
#define TH_X_IN_in(name, type)         th_in_##type##_ name;
#define TH_X_IN_opt(name, type)        th_in_##type##_ name;
#define TH_X_IN_out(name, type)

#define TH_X_OUT_(dir, name, type, ...) TH_X_OUT_##dir(name, type)
#define TH_X_OUT_in(name, type)
#define TH_X_OUT_opt(name, type)
#define TH_X_OUT_out(name, type) th_out_##type##_ name;

#define TH_X_READ_(dir, name, type, ...) TH_X_READ_##dir(name, type, __VA_ARGS__)
#define TH_X_READ_in(name, type, ...)                                                              \
	if ((st = th_read_##type##_(&run, #name, &in.name)) != TH_OK)                              \
		return th_unread_(&run, #name, #type, st);
#define TH_X_READ_opt(name, type, dflt, ...)                                                       \
	in.name = dflt;                                                                            \
	if (th_input(&run, #name) && (st = th_read_##type##_(&run, #name, &in.name)) != TH_OK)     \
		return th_unread_(&run, #name, #type, st);
#define TH_X_READ_out(name, type, ...)

#define TH_X_SLOT_(dir, name, type, ...) TH_X_SLOT_##dir(name, type)
#define TH_X_SLOT_in(name, type)
#define TH_X_SLOT_opt(name, type)
#define TH_X_SLOT_out(name, type)                                                                  \
	if ((st = th_slot_##type##_(&run, #name, &out.name)) != TH_OK)                             \
		return st;

#define TH_X_WRITE_(dir, name, type, ...) TH_X_WRITE_##dir(name, type)
#define TH_X_WRITE_in(name, type)
#define TH_X_WRITE_opt(name, type)
#define TH_X_WRITE_out(name, type)                                                                 \
	if ((st = th_write_##type##_(&run, #name, &out.name)) != TH_OK)                            \
		return th_unwritten_(&run, #name, #type, st);

__attribute__((unused)) static th_status
th_unread_(const th_run *run, const char *name, const char *type, th_status st)
{
	th_fail(run, "USER:TypeError", "input '%s' cannot be read as %s (status %d)", name, type,
		(int)st);
	return TH_E_USER;
}

__attribute__((unused)) static th_status
th_unwritten_(const th_run *run, const char *name, const char *type, th_status st)
{
	th_fail(run, "USER:ValueError", "output '%s' cannot be written as %s (status %d)", name,
		type, (int)st);
	return TH_E_USER;
}

/* Plain types: read by as_X, written by set_X of a fresh slot. */
#define TH_GLUE_(type, reader)                                                                     \
	__attribute__((unused)) static th_status th_read_##type##_(                                \
		const th_run *run, const char *name, th_in_##type##_ *ret)                         \
	{                                                                                          \
		return TH_LIT->reader(th_input(run, name), ret);                                   \
	}                                                                                          \
	__attribute__((unused)) static th_status th_slot_##type##_(                                \
		const th_run *run, const char *name, th_out_##type##_ *out)                        \
	{                                                                                          \
		(void)run;                                                                         \
		(void)name;                                                                        \
		(void)out;                                                                         \
		return TH_OK;                                                                      \
	}                                                                                          \
	__attribute__((unused)) static th_status th_write_##type##_(                               \
		const th_run *run, const char *name, const th_out_##type##_ *value)                \
	{                                                                                          \
		th_val *v = th_output(run, name);                                                  \
		return v ? th_put_##type##_(v, value) : TH_E_NOMEM;                                \
	}
#define TH_PUT_(type, expression)                                                                  \
	__attribute__((unused)) static th_status th_put_##type##_(th_val *v,                       \
								  const th_out_##type##_ *value)   \
	{                                                                                          \
		return expression;                                                                 \
	}

TH_PUT_(integer, TH_LIT->set_i64(v, *value))
TH_GLUE_(integer, as_i64)
TH_PUT_(float, TH_LIT->set_f64(v, *value))
TH_GLUE_(float, as_f64)
TH_PUT_(string, TH_LIT->set_str(v, *value))
TH_GLUE_(string, as_str)
TH_PUT_(datetime, TH_LIT->set_datetime(v, *value))
TH_GLUE_(datetime, as_datetime)
TH_PUT_(duration, TH_LIT->set_duration(v, *value))
TH_GLUE_(duration, as_duration)
TH_PUT_(file, TH_LIT->set_blob(v, value))
TH_GLUE_(file, as_blob)
TH_PUT_(json, TH_LIT->set_json(v, *value))
TH_GLUE_(json, as_json)
TH_PUT_(dataset, TH_LIT->set_dataset(v, value))
TH_GLUE_(dataset, as_dataset)
TH_PUT_(integers, TH_LIT->set_i64_list(v, value->ptr, value->len))
TH_GLUE_(integers, i64_list)
TH_PUT_(floats, TH_LIT->set_f64_list(v, value->ptr, value->len))
TH_GLUE_(floats, f64_list)

/* The ones whose C type is not the accessor's. */
static inline th_status th_read_bool_(const th_lit *lit, bool *ret)
{
	uint32_t b = 0;
	th_status st = TH_LIT->as_bool(lit, &b);
	*ret = b != 0;
	return st;
}

static inline th_status th_read_boolean_(const th_run *run, const char *name, bool *ret)
{
	return th_read_bool_(th_input(run, name), ret);
}

static inline th_status th_slot_boolean_(const th_run *run, const char *name, bool *out)
{
	(void)run;
	(void)name;
	(void)out;
	return TH_OK;
}

static inline th_status th_write_boolean_(const th_run *run, const char *name, const bool *value)
{
	th_val *v = th_output(run, name);
	return v ? TH_LIT->set_bool(v, *value) : TH_E_NOMEM;
}

static inline th_status th_read_binary_(const th_run *run, const char *name, th_bytes *ret)
{
	th_str tag;
	return TH_LIT->as_binary(th_input(run, name), ret, &tag);
}

static inline th_status th_slot_binary_(const th_run *run, const char *name, th_bytes *out)
{
	(void)run;
	(void)name;
	(void)out;
	return TH_OK;
}

static inline th_status th_write_binary_(const th_run *run, const char *name, const th_bytes *value)
{
	th_val *v = th_output(run, name);
	return v ? TH_LIT->set_binary(v, *value, th_s("")) : TH_E_NOMEM;
}

static inline th_status th_read_directory_(const th_run *run, const char *name, th_blob *ret)
{
	return TH_LIT->as_blob(th_input(run, name), ret);
}

static inline th_status th_slot_directory_(const th_run *run, const char *name, th_blob *out)
{
	(void)run;
	(void)name;
	out->multipart = 1;
	return TH_OK;
}

static inline th_status
th_write_directory_(const th_run *run, const char *name, const th_blob *value)
{
	th_val *v = th_output(run, name);
	return v ? TH_LIT->set_blob(v, value) : TH_E_NOMEM;
}

static inline th_status th_read_literal_(const th_run *run, const char *name, const th_lit **ret)
{
	*ret = th_input(run, name);
	return *ret ? TH_OK : TH_E_NOT_FOUND;
}

static inline th_status th_slot_literal_(const th_run *run, const char *name, th_val **out)
{
	*out = th_output(run, name);
	return *out ? TH_OK : TH_E_NOMEM;
}

static inline th_status th_write_literal_(const th_run *run, const char *name, th_val *const *value)
{
	(void)run;
	(void)name;
	(void)value;
	return TH_OK;
}

#define th_read_strings_  th_read_literal_
#define th_slot_strings_  th_slot_literal_
#define th_write_strings_ th_write_literal_

#undef TH_GLUE_
#undef TH_PUT_

#ifdef __cplusplus
}
#endif
#endif
