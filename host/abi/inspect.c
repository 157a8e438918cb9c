#include "abi/findings.h"
#include "abi/libraries.h"

#include <taskhost/plugin-api.h>

#include <stdarg.h>
#include <stdio.h>

/* ---- the list -------------------------------------------------------------------------------- */

static bool make_room(struct findings *f)
{
	size_t cap = f->cap ? f->cap * 2 : 8;
	struct finding *more;

	if (f->failed || f->n < f->cap)
		return !f->failed;
	more = arena_array(f->arena, cap, sizeof(*more));
	if (!more) {
		f->failed = true;
		return false;
	}
	if (f->n)
		memcpy(more, f->items, f->n * sizeof(*more));
	f->items = more;
	f->cap = cap;
	return true;
}

void finding_add(
	struct findings *f, enum finding_level level, const char *rule, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL;
	char *copy = NULL;
	va_list ap;

	if (!make_room(f))
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text)
		copy = arena_strdup(f->arena, text);
	if (!copy) {
		f->failed = true;
		return;
	}
	f->items[f->n++] = (struct finding){level, rule, str_of(copy)};
}

void finding_name(struct buf *names, size_t *n, struct str name)
{
	if ((*n)++)
		buf_puts(names, ", ");
	buf_append(names, name.ptr, name.len);
}

/* ---- what the file is ------------------------------------------------------------------------ */

static void check_abi(struct findings *f, const struct note_plugin *n)
{
	if (TH_ABI_COMPATIBLE(TH_ABI_MAJOR, n->abi_major))
		return;
	finding_add(f, FINDING_REFUSE, "abi",
		    "built for plugin ABI %u.%u; this host speaks %u.%u: %s", n->abi_major,
		    n->abi_minor, TH_ABI_MAJOR, TH_ABI_MINOR,
		    n->abi_major > TH_ABI_MAJOR ? "update taskhost"
						: "rebuild the plugin with newer headers");
}

static const char *const extensions_1_0[] = {TH_EXT_LITERAL,
					     TH_EXT_MODEL,
					     TH_EXT_CONTEXT,
					     TH_EXT_SECRETS,
					     TH_EXT_LOG,
					     TH_EXT_DECK,
					     TH_EXT_CHECKPOINT,
					     TH_EXT_PROGRESS,
					     TH_EXT_CANCEL,
					     TH_EXT_DEADLINE,
					     NULL};
static const char *const *extensions = extensions_1_0;

void inspect_set_extensions(const char *const *ids)
{
	extensions = ids ? ids : extensions_1_0;
}

#define NOT_OFFERED                                                                                \
	"'" STR_FMT "' needs the extension '" STR_FMT                                              \
	"', which this host does not offer; update taskhost"

static bool offered(struct str need)
{
	for (size_t i = 0; extensions[i]; i++)
		if (str_is(need, extensions[i]))
			return true;
	return false;
}

static void check_need(struct findings *f, struct str need, struct str who)
{
	if (!offered(need))
		finding_add(f, FINDING_REFUSE, "extension", NOT_OFFERED, STR_ARG(who),
			    STR_ARG(need));
}

static void check_needs(struct findings *f, const struct note_plugin *n)
{
	for (size_t i = 0; i < n->n_needs; i++)
		check_need(f, n->needs[i], n->id);
	for (size_t i = 0; i < n->n_executors; i++)
		for (size_t k = 0; k < n->executors[i].n_needs; k++)
			check_need(f, n->executors[i].needs[k], n->executors[i].name);
	for (size_t i = 0; i < n->n_tasks; i++)
		for (size_t k = 0; k < n->tasks[i].n_needs; k++)
			check_need(f, n->tasks[i].needs[k], n->tasks[i].name);
}

static void check_file_name(struct findings *f, const struct note_plugin *n, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	struct str name = str_of(base);

	if (str_ends(name, ".so"))
		name.len -= 3;
	if (!str_eq(name, n->id))
		finding_add(f, FINDING_WARN, "file-name",
			    "the file is called '%s' but holds plugin '" STR_FMT
			    "'; rename it to '" STR_FMT ".so', so that it is found without a scan",
			    base, STR_ARG(n->id), STR_ARG(n->id));
}

/* ---- how it was built ------------------------------------------------------------------------ */

static bool may_export(const struct note_plugin *n, struct str name)
{
	static const char *const always[] = {"th_plugin_main", "_init", "_fini",
					     "_edata",         "_end",  "__bss_start"};

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		if (str_is(name, always[i]))
			return true;
	for (size_t i = 0; i < n->n_resolvers; i++)
		if (str_eq(name, n->resolvers[i].name))
			return true;
	return false;
}

static int check_exports(struct findings *f, const struct inspection *in, struct error *err)
{
	_cleanup_(buf_done) struct buf names = BUF_INIT;
	bool entry = false;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < in->elf.n_exported; i++) {
		const struct elf_symbol *s = &in->elf.exported[i];

		entry = entry || (s->function && str_is(s->name, "th_plugin_main"));
		if (!may_export(&in->note, s->name))
			finding_name(&names, &n, s->name);
	}
	r = buf_check(&names, "the names of exports", err);
	if (r < 0)
		return r;
	if (!entry)
		finding_add(f, FINDING_REFUSE, "no-entry",
			    "does not export the function th_plugin_main; one file must say "
			    "TH_PLUGIN(...) and no version script may hide it");
	if (n)
		finding_add(f, FINDING_WARN, "extra-export",
			    "exports more than th_plugin_main, which other plugins could clash "
			    "with: %s; build with -fvisibility=hidden -Wl,--exclude-libs,ALL",
			    names.data);
	return 0;
}

static void check_paths(struct findings *f, const struct elf_info *elf)
{
	if (elf->rpath.len)
		finding_add(f, FINDING_REFUSE, "rpath",
			    "has an RPATH ('" STR_FMT "'), which would load libraries from a place "
			    "of the builder's choice; link without -rpath",
			    STR_ARG(elf->rpath));
	if (elf->runpath.len)
		finding_add(f, FINDING_REFUSE, "rpath",
			    "has a RUNPATH ('" STR_FMT "'), which would load libraries from a "
			    "place of the builder's choice ($ORIGIN does not help either: a plugin "
			    "is loaded from a private copy); link without -rpath, private "
			    "libraries statically",
			    STR_ARG(elf->runpath));
	for (size_t i = 0; i < elf->n_needed; i++)
		if (elf->needed[i].len == 0 || memchr(elf->needed[i].ptr, '/', elf->needed[i].len))
			finding_add(f, FINDING_REFUSE, "needed-path",
				    "needs the library '" STR_FMT
				    "' by path; give that library a soname and link with -l",
				    STR_ARG(elf->needed[i]));
}

static void check_hardening(struct findings *f, const struct elf_info *elf)
{
	char text[512];
	int n;

	if (elf->exec_stack)
		finding_add(f, FINDING_REFUSE, "exec-stack",
			    "asks for an executable stack; link with -Wl,-z,noexecstack (assembly "
			    "needs a .note.GNU-stack section, nested functions are not possible)");
	if (elf->text_relocations)
		finding_add(f, FINDING_REFUSE, "text-relocations",
			    "has text relocations, so its code would have to be writable; compile "
			    "with -fPIC and link with -Wl,-z,text");
	if (elf->relro && elf->bind_now && elf->stack_protector)
		return;
	n = snprintf(text, sizeof(text), "%s%s%s", elf->relro ? "" : " no RELRO (-Wl,-z,relro),",
		     elf->bind_now ? "" : " lazy binding (-Wl,-z,now),",
		     elf->stack_protector ? "" : " no stack protector (-fstack-protector-strong),");
	if (n > 0)
		text[n - 1] = '\0';
	finding_add(f, FINDING_WARN, "weak-hardening", "could be built safer:%s", text);
}

static void check_constructors(struct findings *f, const struct inspection *in)
{
	/* One of the compiler's own; the macros' ones put tasks and tables into lists. */
	size_t usual = 1 + 2 * in->note.n_tasks + in->note.n_executors + in->note.n_resolvers;

	if (in->elf.n_constructors > usual)
		finding_add(f, FINDING_INFO, "constructors",
			    "runs %zu constructors of its own when it is loaded",
			    in->elf.n_constructors - usual);
}

static void predict_unmapping(struct findings *f, struct inspection *in)
{
	const struct elf_info *elf = &in->elf;

	if (elf->nodelete)
		in->pinned_by = STR("it was linked with -z nodelete");
	for (size_t i = 0; i < elf->n_undefined && elf->has_tls && !in->pinned_by.len; i++)
		if (str_starts(elf->undefined[i].name, "__cxa_thread_atexit"))
			in->pinned_by = STR("it has thread-local variables with destructors");
	for (size_t i = 0; i < elf->n_exported && !in->pinned_by.len; i++) {
		char *text;

		if (!elf->exported[i].unique)
			continue;
		text = arena_printf(f->arena, "of the unique symbol " STR_FMT " (-fno-gnu-unique)",
				    STR_ARG(elf->exported[i].name));
		f->failed = f->failed || !text;
		in->pinned_by = str_of(text);
	}
	in->unmappable = in->pinned_by.len == 0;
	if (!in->unmappable)
		finding_add(f, FINDING_INFO, "pinned", "cannot be unmapped, because " STR_FMT,
			    STR_ARG(in->pinned_by));
}

/* ---- verdict --------------------------------------------------------------------------------- */

static int inspect(const void *data,
		   size_t len,
		   const char *path,
		   struct library_cache *cache, /* NULL: quick */
		   struct arena *arena,
		   struct inspection *ret,
		   struct error *err)
{
	struct inspection in = {.is_plugin = false};
	struct findings f = {.arena = arena};
	struct error note_error = ERROR_INIT;
	int r;

	r = elf_read(data, len, arena, &in.elf, err);
	if (r < 0)
		return err_wrap(err, "%s", path);
	r = (cache ? note_read : note_read_quick)(&in.elf, arena, &in.note, &note_error);
	if (r == ERR_NOT_FOUND || r == ERR_NOMEM)
		return err_set(err, r, "%s: %s", path, note_error.message);
	in.is_plugin = r == 0;
	if (r < 0) {
		finding_add(&f, FINDING_REFUSE, "note", "%s", note_error.message);
	} else {
		check_abi(&f, &in.note);
		check_needs(&f, &in.note);
		r = check_exports(&f, &in, err);
		if (r < 0)
			return r;
		check_file_name(&f, &in.note, path);
	}
	check_paths(&f, &in.elf);
	check_hardening(&f, &in.elf);
	if (cache) {
		r = findings_of_libraries(&f, &in, path, cache, err);
		if (r < 0)
			return err_wrap(err, "%s", path);
	}
	check_constructors(&f, &in);
	predict_unmapping(&f, &in);
	if (f.failed)
		return err_nomem(err, "the findings of an inspection");
	in.findings = f.items;
	in.n_findings = f.n;
	for (size_t i = 0; i < f.n; i++)
		in.refused = in.refused || f.items[i].level == FINDING_REFUSE;
	*ret = in;
	return 0;
}

int inspect_plugin(const void *data,
		   size_t len,
		   const char *path,
		   struct arena *arena,
		   struct inspection *ret,
		   struct error *err)
{
	_cleanup_(library_cache_done) struct library_cache cache = {.n = 0};

	return inspect(data, len, path, &cache, arena, ret, err);
}

int inspect_plugin_quick(const void *data,
			 size_t len,
			 const char *path,
			 struct arena *arena,
			 struct inspection *ret,
			 struct error *err)
{
	return inspect(data, len, path, NULL, arena, ret, err);
}

int inspect_plugin_cached(const void *data,
			  size_t len,
			  const char *path,
			  struct library_cache *cache,
			  struct arena *arena,
			  struct inspection *ret,
			  struct error *err)
{
	return inspect(data, len, path, cache, arena, ret, err);
}

static int complete(struct note_offer *task, struct arena *arena, struct error *err)
{
	int r = note_complete(task, arena, err);

	for (size_t i = 0; r == 0 && i < task->n_needs; i++)
		if (!offered(task->needs[i]))
			r = err_set(err, ERR_INVALID, NOT_OFFERED, STR_ARG(task->name),
				    STR_ARG(task->needs[i]));
	return r;
}

int inspection_task(const struct inspection *i,
		    struct str name,
		    struct arena *arena,
		    const struct note_offer **ret,
		    struct error *err)
{
	for (size_t k = 0; k < i->note.n_tasks; k++) {
		struct note_offer *task = &i->note.tasks[k];
		int r;

		if (!str_eq(task->name, name))
			continue;
		r = complete(task, arena, err);
		if (r == 0)
			*ret = task;
		return r;
	}
	*ret = NULL;
	return 0;
}

int inspection_verdict(const struct inspection *i, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	int r;

	if (!i->refused)
		return 0;
	for (size_t k = 0; k < i->n_findings; k++)
		if (i->findings[k].level == FINDING_REFUSE) {
			if (text.len)
				buf_puts(&text, "; also: ");
			buf_append(&text, i->findings[k].text.ptr, i->findings[k].text.len);
		}
	r = buf_check(&text, "the reasons of a refusal", err);
	return r < 0 ? r : err_set(err, ERR_INVALID, "%s", text.data);
}
