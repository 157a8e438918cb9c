#include "base/file.h"
#include "base/mem.h"
#include "cli/loader.h"
#include "cli/output.h"
#include "cli/plugin_print.h"
#include "cli/verb.h"
#include "cli/worker_plugins.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

struct options {
	struct search_options search;
	const char *output;
	bool all, on_worker;
	struct worker_options worker;
};

static const struct args_option options[] = {
	{.name = "output",
	 .letter = 'o',
	 .kind = ARGS_CHOICE,
	 .offset = offsetof(struct options, output),
	 .value = "text|json",
	 .help = "How to print."},
	{.name = "all",
	 .letter = 'a',
	 .kind = ARGS_FLAG,
	 .offset = offsetof(struct options, all),
	 .help = "Also files that are no plugins and are not called .so."},
	{.name = "worker",
	 .letter = 'w',
	 .kind = ARGS_FLAG,
	 .offset = offsetof(struct options, on_worker),
	 .help = "Those of the running worker, with their runners; so do --address and --socket."},
	WORKER_ADDRESS_OPTIONS(struct options, worker),
	SEARCH_OPTIONS(struct options, search),
};

static const struct args_command command = {
	.operands = "[DIR]...",
	.about = "Lists plugin files: those of the directories named, else along the search path.\n"
		 "Says of each what it offers, or why it is refused. Runs no code of theirs.\n"
		 "With --worker lists those of a running worker, with generations, runners and\n"
		 "limits.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.max_operands = SIZE_MAX,
	.notes =
		"JSON: {\"directories\":[...],\"plugins\":[{\"file\",\"name\",\"state\",\"reason\","
		"\n\"lost_claims\", and of a readable note \"id\",\"version\",\"about\",\"abi\","
		"\"needs\",\n\"tasks\",\"executors\",\"resolvers\"}]}. state is active, refused, "
		"quarantined or\nnot-a-plugin. Of a worker: {\"directories\",\"plugins\":[{"
		"\"id\",\"state\",\"reason\",\n\"quarantined_until\",\"generations\":[{"
		"\"digest\",\"runners\",\"limits\",…}],…}]}.\nExit codes: 0 done, 1 refused, 2 "
		"usage, 3 not found, 4 the worker cannot be reached,\n5 timed out.",
	.examples = "taskhost plugin ls\n"
		    "taskhost plugin ls ./build -o json\n"
		    "taskhost plugin ls --worker",
};

static const char *state_name(enum plugin_state state)
{
	static const char *const names[] = {[PLUGIN_ACTIVE] = "active",
					    [PLUGIN_REFUSED] = "refused",
					    [PLUGIN_QUARANTINED] = "quarantined",
					    [PLUGIN_NOT_A_PLUGIN] = "not-a-plugin"};

	return names[state];
}

/* Directories that a person named must be there; others may be missing. */
static int check_directories(const struct args_list *dirs, struct error *err)
{
	struct stat st;

	for (size_t i = 0; i < dirs->n; i++) {
		if (stat(dirs->items[i], &st) < 0)
			return err_set_errno(err, err_from_errno(errno), errno, "%s",
					     dirs->items[i]);
		if (!S_ISDIR(st.st_mode))
			return err_set(err, ERR_INVALID,
				       "%s is not a directory; for a single file there is "
				       "'taskhost plugin inspect'",
				       dirs->items[i]);
	}
	return 0;
}

static void keep_directories(struct registry *r, size_t n)
{
	while (r->n_dirs > n)
		free(r->dirs[--r->n_dirs]);
}

static bool shown(const struct registry_entry *e, bool all)
{
	return all || e->state != PLUGIN_NOT_A_PLUGIN || str_ends(str_of(e->path), ".so");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void entry_json(const struct registry_entry *e, struct jw *w)
{
	jw_object_begin(w);
	jw_kv_strz(w, "file", e->path);
	jw_kv_strz(w, "name", e->name);
	jw_kv_strz(w, "state", state_name(e->state));
	jw_kv_strz(w, "reason", e->reason);
	jw_keyz(w, "lost_claims");
	jw_array_begin(w);
	for (size_t i = 0; i < e->n_lost_claims; i++)
		jw_strz(w, e->lost_claims[i]);
	jw_array_end(w);
	if (e->inspection.is_plugin)
		print_note_json(&e->inspection.note, w);
	jw_object_end(w);
}

static void list_json(const struct registry *r, bool all, struct buf *out)
{
	struct jw w = JW_INIT(out, 2);

	jw_object_begin(&w);
	jw_keyz(&w, "directories");
	jw_array_begin(&w);
	for (size_t i = 0; i < r->n_dirs; i++)
		jw_strz(&w, r->dirs[i]);
	jw_array_end(&w);
	jw_keyz(&w, "plugins");
	jw_array_begin(&w);
	for (size_t i = 0; i < r->n_entries; i++)
		if (shown(r->entries[i], all))
			entry_json(r->entries[i], &w);
	jw_array_end(&w);
	jw_object_end(&w);
	buf_putc(out, '\n');
}

/* ---- text ------------------------------------------------------------------------------------ */

static void claims_text(const struct note_offer *o, struct buf *out)
{
	const char *separator = " (";

	for (size_t i = 0; i < o->n_task_types; i++, separator = ", ")
		buf_printf(out, "%stask type " STR_FMT, separator, STR_ARG(o->task_types[i].type));
	for (size_t i = 0; i < o->n_aliases; i++, separator = ", ")
		buf_printf(out, "%salias " STR_FMT, separator, STR_ARG(o->aliases[i]));
	if (*separator == ',')
		buf_putc(out, ')');
}

static void offers_text(const char *title,
			struct str id,
			const struct note_offer *offers,
			size_t n,
			struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, i == 0 ? title : ", ");
		buf_printf(out, STR_FMT "." STR_FMT, STR_ARG(id), STR_ARG(offers[i].name));
		claims_text(&offers[i], out);
	}
	if (n > 0)
		buf_putc(out, '\n');
}

static void entry_text(const struct registry_entry *e, struct buf *out)
{
	const struct note_plugin *note = &e->inspection.note;

	if (e->inspection.is_plugin)
		buf_printf(out, STR_FMT " " STR_FMT, STR_ARG(note->id), STR_ARG(note->version));
	else
		buf_puts(out, e->name);
	buf_printf(out, "  %s  %s\n", state_name(e->state), e->path);
	if (e->reason)
		buf_printf(out, "  reason: %s\n", e->reason);
	for (size_t i = 0; i < e->n_lost_claims; i++)
		buf_printf(out, "  without: %s\n", e->lost_claims[i]);
	if (!e->inspection.is_plugin)
		return;
	offers_text("  tasks: ", note->id, note->tasks, note->n_tasks, out);
	offers_text("  executors: ", note->id, note->executors, note->n_executors, out);
	offers_text("  resolvers: ", note->id, note->resolvers, note->n_resolvers, out);
}

static void list_text(const struct registry *r, bool all, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_entries; i++)
		if (shown(r->entries[i], all)) {
			entry_text(r->entries[i], out);
			n++;
		}
	if (n > 0)
		return;
	buf_puts(out, "no plugins in");
	for (size_t i = 0; i < r->n_dirs; i++)
		buf_printf(out, "%s %s", i ? "," : "", r->dirs[i]);
	buf_putc(out, '\n');
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int list(const char *prog, struct options *o, const struct args_list *dirs)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct search_options search = {.dirs = dirs->n ? *dirs : o->search.dirs,
					.trusted = o->search.trusted};
	struct registry r;
	struct error err = ERROR_INIT;
	int code;

	if (check_directories(dirs, &err) < 0 || search_open(&search, &r, &err) < 0)
		return output_error(prog, &err);
	if (dirs->n > 0)
		keep_directories(&r, dirs->n);
	if (registry_scan(&r, &err) < 0) {
		code = output_error(prog, &err);
	} else {
		if (streq(o->output, "json"))
			list_json(&r, o->all, &text);
		else
			list_text(&r, o->all, &text);
		code = output_text(&text);
	}
	registry_done(&r);
	return code;
}

/* What the option parser cannot know. */
static const char *usage_fault(const struct options *o, const struct args_list *operands)
{
	const bool local = operands->n > 0 || o->search.dirs.n > 0 || o->search.trusted.n > 0;

	if (o->on_worker && local)
		return "A worker knows its own directories: leave out DIR, '--plugins' and "
		       "'--trust-plugins'.";
	if (!o->on_worker && o->worker.patience)
		return "'--request-timeout' goes with '--worker'.";
	return NULL;
}

static int ls(const char *prog, struct options *o, const struct args_list *dirs)
{
	const char *fault;

	o->on_worker = o->on_worker || o->worker.address || o->worker.socket;
	o->worker.output = o->output;
	fault = usage_fault(o, dirs);
	if (fault)
		return args_usage_error(&command, prog, fault);
	return o->on_worker ? worker_plugin_ls(prog, &o->worker, o->all) : list(prog, o, dirs);
}

int verb_plugin_ls(const char *prog, int argc, char **argv)
{
	struct options o = {.output = "text"};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0)
		code = ls(prog, &o, &operands);
	args_done(&command, &o, &operands);
	return code;
}
