/* What the plugin needs from other files and does not get. */
#include "abi/findings.h"
#include "abi/libraries.h"

static void missing_libraries(struct findings *f, const struct library_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct library *lib = &set->items[i];

		if (memchr(lib->name.ptr, '/', lib->name.len))
			continue; /* refused by name already */
		if (!lib->path)
			finding_add(f, FINDING_REFUSE, "missing-library",
				    "needed library '" STR_FMT "' was not found (wanted by %s; "
				    "looked in LD_LIBRARY_PATH, ld.so.cache and the default "
				    "directories); install it or link it statically",
				    STR_ARG(lib->name), lib->wanted_by);
	}
}

static bool is_missing(const struct library_set *set, const struct elf_symbol *s)
{
	return !s->weak && !library_set_defines(set, s->name, s->version);
}

/* The missing symbols that are expected in `lib` with version `version`, in one finding. */
static int report_versioned(struct findings *f,
			    const struct library_set *set,
			    const struct inspection *in,
			    const struct elf_symbol *first,
			    struct error *err)
{
	_cleanup_(buf_done) struct buf names = BUF_INIT;
	const struct library *lib = library_set_get(set, first->library);
	struct str newest = STR_NULL;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < in->elf.n_undefined; i++) {
		const struct elf_symbol *s = &in->elf.undefined[i];

		if (str_eq(s->library, first->library) && str_eq(s->version, first->version) &&
		    is_missing(set, s))
			finding_name(&names, &n, s->name);
	}
	r = buf_check(&names, "the names of missing symbols", err);
	if (r < 0)
		return r;
	if (!lib || !lib->path)
		finding_add(f, FINDING_REFUSE, "missing-symbol",
			    "missing %s expected in " STR_FMT " (version " STR_FMT
			    "), which was not found: %s",
			    n == 1 ? "symbol" : "symbols", STR_ARG(first->library),
			    STR_ARG(first->version), names.data);
	else if (elf_defines_version(&lib->view, first->version, &newest))
		finding_add(f, FINDING_REFUSE, "missing-symbol",
			    "missing %s expected in %s (version " STR_FMT "): %s",
			    n == 1 ? "symbol" : "symbols", lib->path, STR_ARG(first->version),
			    names.data);
	else
		finding_add(f, FINDING_REFUSE, "missing-symbol",
			    "needs " STR_FMT " of %s, which has at most " STR_FMT
			    " (for: %s); build the plugin on an older system or update this one",
			    STR_ARG(first->version), lib->path,
			    STR_ARG(newest.len ? newest : STR("no versions")), names.data);
	return 0;
}

static bool seen_before(const struct inspection *in, const struct library_set *set, size_t at)
{
	const struct elf_symbol *s = &in->elf.undefined[at];

	for (size_t i = 0; i < at; i++) {
		const struct elf_symbol *t = &in->elf.undefined[i];

		if (str_eq(s->library, t->library) && str_eq(s->version, t->version) &&
		    is_missing(set, t))
			return true;
	}
	return false;
}

static int report_plain(struct findings *f,
			const struct library_set *set,
			const struct inspection *in,
			struct error *err)
{
	_cleanup_(buf_done) struct buf names = BUF_INIT, libs = BUF_INIT;
	size_t n = 0, n_libs = 0;
	int r;

	for (size_t i = 0; i < in->elf.n_undefined; i++) {
		const struct elf_symbol *s = &in->elf.undefined[i];

		if (s->version.len == 0 && is_missing(set, s))
			finding_name(&names, &n, s->name);
	}
	if (n == 0)
		return 0;
	for (size_t i = 0; i < in->elf.n_needed; i++)
		finding_name(&libs, &n_libs, in->elf.needed[i]);
	r = buf_check(&names, "the names of missing symbols", err);
	if (r == 0)
		r = buf_check(&libs, "the names of libraries", err);
	if (r < 0)
		return r;
	finding_add(f, FINDING_REFUSE, "missing-symbol",
		    "undefined %s: %s; expected in one of the needed libraries (%s), none of which "
		    "has %s; link the library that does (-l...) or define %s in the plugin",
		    n == 1 ? "symbol" : "symbols", names.data, n_libs ? libs.data : "none named",
		    n == 1 ? "it" : "them", n == 1 ? "it" : "them");
	return 0;
}

static int missing_symbols(struct findings *f,
			   const struct library_set *set,
			   const struct inspection *in,
			   struct error *err)
{
	int r = report_plain(f, set, in, err);

	for (size_t i = 0; r == 0 && i < in->elf.n_undefined; i++) {
		const struct elf_symbol *s = &in->elf.undefined[i];

		if (s->version.len && is_missing(set, s) && !seen_before(in, set, i))
			r = report_versioned(f, set, in, s, err);
	}
	return r;
}

static int list_libraries(struct inspection *in,
			  const struct library_set *set,
			  struct arena *arena,
			  struct error *err)
{
	in->libraries = arena_array(arena, in->elf.n_needed, sizeof(*in->libraries));
	if (!in->libraries)
		return err_nomem(err, "needed libraries");
	for (size_t i = 0; i < in->elf.n_needed; i++) {
		const struct library *lib = library_set_get(set, in->elf.needed[i]);
		const char *path = arena_strdup(arena, lib && lib->path ? lib->path : "");

		if (!path)
			return err_nomem(err, "needed libraries");
		in->libraries[i] = (struct needed_library){in->elf.needed[i], str_of(path)};
	}
	in->n_libraries = in->elf.n_needed;
	return 0;
}

int findings_of_libraries(struct findings *f,
			  struct inspection *i,
			  const char *path,
			  struct library_cache *cache,
			  struct error *err)
{
	struct library_set set;
	int r = library_set_open(&set, cache, f->arena, &i->elf, path, err);

	if (r < 0)
		return r;
	missing_libraries(f, &set);
	r = missing_symbols(f, &set, i, err);
	return r < 0 ? r : list_libraries(i, &set, f->arena, err);
}
