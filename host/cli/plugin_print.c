#include "cli/plugin_print.h"

#include "base/mem.h"
#include "flyte/document.h"

static void print_type(struct str type_json, struct buf *out)
{
	struct arena arena = ARENA_INIT;
	LiteralType *type;

	if (literal_type_from_json(type_json, "type", &arena, &type, NULL) == 0)
		type_describe(type, out);
	else
		buf_puts(out, "unreadable type");
	arena_done(&arena);
}

static size_t print_variables(const struct note_offer *task, bool outputs, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < task->n_variables; i++) {
		const struct note_variable *v = &task->variables[i];

		if ((v->direction == NOTE_OUT) != outputs)
			continue;
		buf_printf(out, "%s" STR_FMT ": ", n++ ? ", " : "", STR_ARG(v->name));
		print_type(v->type_json, out);
		if (v->direction == NOTE_OPT)
			buf_puts(out, " = default");
	}
	return n;
}

void print_signature(const struct note_offer *task, struct buf *out)
{
	_cleanup_(buf_done) struct buf results = BUF_INIT;

	buf_printf(out, STR_FMT "(", STR_ARG(task->name));
	print_variables(task, false, out);
	buf_putc(out, ')');
	if (print_variables(task, true, &results) > 0)
		buf_printf(out, " -> (%s)", results.data ? results.data : "");
}

void print_names(const struct str *names, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s" STR_FMT, i == 0 ? "" : (i == n - 1 ? " and " : ", "),
			   STR_ARG(names[i]));
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void strings_json(const char *key, const struct str *items, size_t n, struct jw *w)
{
	jw_keyz(w, key);
	jw_array_begin(w);
	for (size_t i = 0; i < n; i++)
		jw_str(w, items[i]);
	jw_array_end(w);
}

static void variables_json(const struct note_offer *task, bool outputs, struct jw *w)
{
	jw_keyz(w, outputs ? "outputs" : "inputs");
	jw_array_begin(w);
	for (size_t i = 0; i < task->n_variables; i++) {
		const struct note_variable *v = &task->variables[i];
		_cleanup_(buf_done) struct buf type = BUF_INIT;

		if ((v->direction == NOTE_OUT) != outputs)
			continue;
		print_type(v->type_json, &type);
		jw_object_begin(w);
		jw_kv_str(w, "name", v->name);
		jw_kv_strz(w, "type", type.data);
		jw_kv_str(w, "about", v->about);
		if (!outputs)
			jw_kv_bool(w, "required", v->direction == NOTE_IN);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void task_types_json(const struct note_offer *offer, struct jw *w)
{
	jw_keyz(w, "task_types");
	jw_array_begin(w);
	for (size_t i = 0; i < offer->n_task_types; i++) {
		jw_object_begin(w);
		jw_kv_str(w, "type", offer->task_types[i].type);
		jw_kv_int(w, "version", offer->task_types[i].version);
		jw_kv_bool(w, "sync", offer->task_types[i].sync);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void offers_json(const char *key,
			struct str id,
			const struct note_offer *offers,
			size_t n,
			bool tasks,
			struct jw *w)
{
	jw_keyz(w, key);
	jw_array_begin(w);
	for (size_t i = 0; i < n; i++) {
		const struct note_offer *o = &offers[i];
		_cleanup_(buf_done) struct buf name = BUF_INIT;

		buf_printf(&name, STR_FMT "." STR_FMT, STR_ARG(id), STR_ARG(o->name));
		jw_object_begin(w);
		jw_kv_strz(w, "name", name.data);
		jw_kv_str(w, "about", o->about);
		task_types_json(o, w);
		strings_json("aliases", o->aliases, o->n_aliases, w);
		strings_json("needs", o->needs, o->n_needs, w);
		if (tasks) {
			variables_json(o, false, w);
			variables_json(o, true, w);
			jw_kv_int(w, "retries", o->retries);
			jw_kv_str(w, "timeout", o->timeout);
			jw_kv_str(w, "cache", o->cache);
			jw_kv_bool(w, "deck", o->deck);
		}
		jw_object_end(w);
	}
	jw_array_end(w);
}

void print_note_json(const struct note_plugin *note, struct jw *w)
{
	jw_kv_str(w, "id", note->id);
	jw_kv_str(w, "version", note->version);
	jw_kv_str(w, "about", note->about);
	jw_keyz(w, "abi");
	jw_array_begin(w);
	jw_uint(w, note->abi_major);
	jw_uint(w, note->abi_minor);
	jw_array_end(w);
	strings_json("needs", note->needs, note->n_needs, w);
	offers_json("tasks", note->id, note->tasks, note->n_tasks, true, w);
	offers_json("executors", note->id, note->executors, note->n_executors, false, w);
	offers_json("resolvers", note->id, note->resolvers, note->n_resolvers, false, w);
}

/* ---- findings -------------------------------------------------------------------------------- */

static const char *level_name(enum finding_level level)
{
	switch (level) {
	case FINDING_REFUSE:
		return "refused";
	case FINDING_WARN:
		return "warning";
	default:
		return "notice";
	}
}

void print_findings_json(const struct inspection *in, struct jw *w)
{
	jw_keyz(w, "findings");
	jw_array_begin(w);
	for (size_t i = 0; i < in->n_findings; i++) {
		jw_object_begin(w);
		jw_kv_strz(w, "level", level_name(in->findings[i].level));
		jw_kv_strz(w, "rule", in->findings[i].rule);
		jw_kv_str(w, "text", in->findings[i].text);
		jw_object_end(w);
	}
	jw_array_end(w);
}

void print_findings(const struct inspection *in, bool all, struct buf *out)
{
	for (size_t i = 0; i < in->n_findings; i++)
		if (all || in->findings[i].level != FINDING_INFO)
			buf_printf(out, "  %s  %s: " STR_FMT "\n",
				   level_name(in->findings[i].level), in->findings[i].rule,
				   STR_ARG(in->findings[i].text));
}
