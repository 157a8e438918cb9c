#include "base/file.h"
#include "base/mem.h"
#include "cli/loader.h"
#include "cli/output.h"
#include "cli/plugin_print.h"
#include "cli/verb.h"

#include <stdio.h>
#include <sys/stat.h>

struct options {
	struct search_options search;
	const char *output;
	bool all;
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
	 .help = "In text: also every symbol taken from and given to others, and notices."},
	{.name = "trust-plugins",
	 .kind = ARGS_LIST,
	 .offset = offsetof(struct options, search.trusted),
	 .value = "DIR",
	 .help = "Do not ask who owns the files below DIR; may be given again."},
};

static const struct args_command command = {
	.operands = "FILE",
	.about = "Shows all that can be known of a plugin without running its code, and the "
		 "verdict:\nexit code 0 when it can be loaded, 1 when it is refused, 3 when there "
		 "is "
		 "no such file.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = 1,
	.notes = "JSON: {\"file\",\"verdict\":\"loadable|refused|not-a-plugin\",\"reason\",\"elf\":"
		 "{\"build_id\",\n\"soname\",\"relro\",\"bind_now\",\"stack_protector\","
		 "\"exec_stack\",\n\"text_relocations\",\"constructors\",\"destructors\"},"
		 "\"unmappable\",\"pinned_by\",\n\"libraries\":[{\"name\",\"path\"}],\"undefined\":"
		 "[{\"name\",\"version\",\"library\",\"weak\"}],\n\"exported\":[...],\"findings\":"
		 "[{\"level\",\"rule\",\"text\"}]} and of a readable note\n\"id\",\"version\","
		 "\"about\",\"abi\",\"needs\",\"tasks\",\"executors\",\"resolvers\".",
	.examples = "taskhost plugin inspect ./arith.so\n"
		    "taskhost plugin inspect ./arith.so -o json",
};

struct report {
	const char *path;
	const char *verdict, *reason; /* reason NULL: loadable, or see the findings */
	struct inspection in;
	bool has_elf;
};

/* ---- JSON ------------------------------------------------------------------------------------ */

static void elf_json(const struct elf_info *elf, struct jw *w)
{
	_cleanup_(buf_done) struct buf id = BUF_INIT;

	for (size_t i = 0; i < elf->build_id.len; i++)
		buf_printf(&id, "%02x", (unsigned char)elf->build_id.ptr[i]);
	jw_keyz(w, "elf");
	jw_object_begin(w);
	jw_kv_strz(w, "build_id", id.data);
	jw_kv_str(w, "soname", elf->soname);
	jw_kv_bool(w, "relro", elf->relro);
	jw_kv_bool(w, "bind_now", elf->bind_now);
	jw_kv_bool(w, "stack_protector", elf->stack_protector);
	jw_kv_bool(w, "exec_stack", elf->exec_stack);
	jw_kv_bool(w, "text_relocations", elf->text_relocations);
	jw_kv_int(w, "constructors", (int64_t)elf->n_constructors);
	jw_kv_int(w, "destructors", (int64_t)elf->n_destructors);
	jw_object_end(w);
	jw_keyz(w, "undefined");
	jw_array_begin(w);
	for (size_t i = 0; i < elf->n_undefined; i++) {
		jw_object_begin(w);
		jw_kv_str(w, "name", elf->undefined[i].name);
		jw_kv_str(w, "version", elf->undefined[i].version);
		jw_kv_str(w, "library", elf->undefined[i].library);
		jw_kv_bool(w, "weak", elf->undefined[i].weak);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_keyz(w, "exported");
	jw_array_begin(w);
	for (size_t i = 0; i < elf->n_exported; i++)
		jw_str(w, elf->exported[i].name);
	jw_array_end(w);
}

static void report_json(const struct report *r, struct buf *out)
{
	struct jw w = JW_INIT(out, 2);

	jw_object_begin(&w);
	jw_kv_strz(&w, "file", r->path);
	jw_kv_strz(&w, "verdict", r->verdict);
	jw_kv_strz(&w, "reason", r->reason);
	if (r->in.is_plugin)
		print_note_json(&r->in.note, &w);
	if (r->has_elf) {
		jw_kv_bool(&w, "unmappable", r->in.unmappable);
		jw_kv_str(&w, "pinned_by", r->in.pinned_by);
		jw_keyz(&w, "libraries");
		jw_array_begin(&w);
		for (size_t i = 0; i < r->in.n_libraries; i++) {
			jw_object_begin(&w);
			jw_kv_str(&w, "name", r->in.libraries[i].name);
			jw_keyz(&w, "path");
			if (r->in.libraries[i].path.len > 0)
				jw_str(&w, r->in.libraries[i].path);
			else
				jw_null(&w);
			jw_object_end(&w);
		}
		jw_array_end(&w);
		elf_json(&r->in.elf, &w);
	}
	print_findings_json(&r->in, &w);
	jw_object_end(&w);
	buf_putc(out, '\n');
}

/* ---- text ------------------------------------------------------------------------------------ */

static void offer_text(const char *kind, const struct note_offer *o, bool task, struct buf *out)
{
	buf_printf(out, "%s ", kind);
	if (task)
		print_signature(o, out);
	else
		buf_printf(out, STR_FMT, STR_ARG(o->name));
	if (o->about.len > 0)
		buf_printf(out, "\n    " STR_FMT, STR_ARG(o->about));
	for (size_t i = 0; i < o->n_task_types; i++) {
		buf_printf(out, "\n    task type " STR_FMT, STR_ARG(o->task_types[i].type));
		if (o->task_types[i].version)
			buf_printf(out, " version %d", o->task_types[i].version);
		buf_puts(out, o->task_types[i].sync ? " (sync)" : "");
	}
	for (size_t i = 0; i < o->n_aliases; i++)
		buf_printf(out, "\n    alias " STR_FMT, STR_ARG(o->aliases[i]));
	buf_putc(out, '\n');
}

static void note_text(const struct note_plugin *note, struct buf *out)
{
	buf_printf(out, "plugin " STR_FMT " " STR_FMT ", ABI %u.%u\n", STR_ARG(note->id),
		   STR_ARG(note->version), note->abi_major, note->abi_minor);
	if (note->about.len > 0)
		buf_printf(out, "    " STR_FMT "\n", STR_ARG(note->about));
	for (size_t i = 0; i < note->n_tasks; i++)
		offer_text("task", &note->tasks[i], true, out);
	for (size_t i = 0; i < note->n_executors; i++)
		offer_text("executor", &note->executors[i], false, out);
	for (size_t i = 0; i < note->n_resolvers; i++)
		offer_text("resolver", &note->resolvers[i], false, out);
	if (note->n_needs > 0) {
		buf_puts(out, "needs ");
		print_names(note->needs, note->n_needs, out);
		buf_putc(out, '\n');
	}
}

static void symbols_text(const struct elf_info *elf, struct buf *out)
{
	for (size_t i = 0; i < elf->n_undefined; i++) {
		const struct elf_symbol *s = &elf->undefined[i];

		buf_printf(out, "takes " STR_FMT, STR_ARG(s->name));
		if (s->version.len > 0)
			buf_printf(out, "@" STR_FMT, STR_ARG(s->version));
		if (s->library.len > 0)
			buf_printf(out, " from " STR_FMT, STR_ARG(s->library));
		buf_puts(out, s->weak ? " (weak)\n" : "\n");
	}
	for (size_t i = 0; i < elf->n_exported; i++)
		buf_printf(out, "gives " STR_FMT "\n", STR_ARG(elf->exported[i].name));
}

static void elf_text(const struct inspection *in, bool all, struct buf *out)
{
	const struct elf_info *elf = &in->elf;

	buf_puts(out, "build-id ");
	for (size_t i = 0; i < elf->build_id.len; i++)
		buf_printf(out, "%02x", (unsigned char)elf->build_id.ptr[i]);
	buf_printf(out, "%s\nhardening: relro %s, bind-now %s, stack protector %s\n",
		   elf->build_id.len ? "" : "none", elf->relro ? "yes" : "no",
		   elf->bind_now ? "yes" : "no", elf->stack_protector ? "yes" : "no");
	for (size_t i = 0; i < in->n_libraries; i++)
		buf_printf(out, "library " STR_FMT " => " STR_FMT "\n",
			   STR_ARG(in->libraries[i].name),
			   STR_ARG(in->libraries[i].path.len ? in->libraries[i].path
							     : STR("not found")));
	buf_printf(out, "symbols: %zu taken from others, %zu given\n", elf->n_undefined,
		   elf->n_exported);
	if (all)
		symbols_text(elf, out);
	if (in->unmappable)
		buf_puts(out, "can be unmapped\n");
	else
		buf_printf(out, "stays mapped: " STR_FMT "\n", STR_ARG(in->pinned_by));
}

static void report_text(const struct report *r, bool all, struct buf *out)
{
	buf_printf(out, "%s: %s%s%s\n", r->path, r->verdict, r->reason ? ": " : "",
		   r->reason ? r->reason : "");
	if (r->in.is_plugin)
		note_text(&r->in.note, out);
	if (r->has_elf)
		elf_text(&r->in, all, out);
	if (r->in.n_findings > 0) {
		buf_puts(out, "findings:\n");
		print_findings(&r->in, all, out);
	}
}

/* ---- the verb -------------------------------------------------------------------------------- */

/* The bytes of a regular file, and in `reason` why the rules for files refuse it, if they do. */
static int read_plugin(const struct verify_policy *policy,
		       const char *path,
		       struct buf *out,
		       struct error *reason,
		       struct error *err)
{
	_cleanup_(freep) char *resolved = NULL;
	_cleanup_(closep) int fd = -1;
	struct stat st;
	int rc = verify_open(path, policy, &fd, &resolved, err);

	if (rc == 0)
		return file_read_fd(fd, path, ELF_FILE_MAX, out, err);
	if (rc != ERR_DENIED || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return rc;
	*reason = *err;
	return file_read(path, ELF_FILE_MAX, out, err);
}

static int inspect(const char *prog, struct options *o, const char *path)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct report r = {.path = path, .verdict = "loadable"};
	struct arena arena = ARENA_INIT;
	struct registry registry;
	struct error err = ERROR_INIT, denied = ERROR_INIT;
	int code;

	if (search_open(&o->search, &registry, &err) < 0)
		return output_error(prog, &err);
	if (read_plugin(&registry.policy, path, &bytes, &denied, &err) < 0 &&
	    err.code == ERR_NOT_FOUND) {
		registry_done(&registry);
		return output_error(prog, &err);
	}
	if (bytes.data && inspect_plugin(bytes.data, bytes.len, path, &arena, &r.in, &err) == 0) {
		r.has_elf = true;
		r.reason = denied.code ? denied.message : NULL;
		if (denied.code || r.in.refused)
			r.verdict = "refused";
	} else {
		r.in = (struct inspection){0};
		r.verdict = "not-a-plugin";
		r.reason = err.message;
	}
	if (streq(o->output, "json"))
		report_json(&r, &text);
	else
		report_text(&r, o->all, &text);
	code = output_text(&text);
	if (code == EXIT_DONE && !streq(r.verdict, "loadable"))
		code = EXIT_FAILED;
	registry_done(&registry);
	arena_done(&arena);
	return code;
}

int verb_plugin_inspect(const char *prog, int argc, char **argv)
{
	struct options o = {.output = "text"};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0)
		code = inspect(prog, &o, operands.items[0]);
	args_done(&command, &o, &operands);
	return code;
}
