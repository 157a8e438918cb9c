/* Symbol versions: .gnu.version_d (defined here) and .gnu.version_r (needed from others), as one
 * table from version index to name. */
#include "abi/elf_view.h"

/* Indexes have 15 bits; a file that lists more records than that is not well-formed. */
#define RECORDS_MAX 0x8000

struct walk {
	const struct elf_view *view;
	struct elf_version *table; /* NULL: only find the highest index */
	size_t highest;
	size_t records; /* well-formed or not */
	uint64_t names_left;
};

/* One record, whose name stands at `name`; false when the walk is over: too many of them. A record
 * without a name is passed over. */
static bool put(struct walk *w, unsigned index, uint64_t name, struct elf_version version)
{
	index &= 0x7fff;
	if (elf_string_within(w->view, name, &w->names_left, &version.name)) {
		w->highest = MAX(w->highest, index);
		if (w->table)
			w->table[index] = version;
	}
	return ++w->records < RECORDS_MAX;
}

static void walk_defined(struct walk *w)
{
	const struct elf_view *v = w->view;
	uint64_t at = v->dyn.verdef;
	Elf64_Verdef def;
	Elf64_Verdaux aux;

	for (uint64_t i = 0; at && i < v->dyn.n_verdef && elf_get(v, at, &def, sizeof(def)); i++) {
		struct elf_version version = {.defined = true};

		if (!elf_get(v, at + def.vd_aux, &aux, sizeof(aux)) ||
		    !put(w, def.vd_ndx, aux.vda_name, version) || def.vd_next == 0)
			return;
		at += def.vd_next;
	}
}

static bool walk_needed_of(struct walk *w, uint64_t at, unsigned count, struct str library)
{
	Elf64_Vernaux aux;

	for (unsigned k = 0; k < count && elf_get(w->view, at, &aux, sizeof(aux)); k++) {
		struct elf_version version = {.library = library};

		if (!put(w, aux.vna_other, aux.vna_name, version))
			return false;
		if (aux.vna_next == 0)
			break;
		at += aux.vna_next;
	}
	return true;
}

static void walk_needed(struct walk *w)
{
	const struct elf_view *v = w->view;
	uint64_t at = v->dyn.verneed;
	Elf64_Verneed need;

	for (uint64_t i = 0; at && i < v->dyn.n_verneed && elf_get(v, at, &need, sizeof(need));
	     i++) {
		struct str library = STR_NULL;

		if (++w->records >= RECORDS_MAX ||
		    !elf_string_within(v, need.vn_file, &w->names_left, &library) ||
		    !walk_needed_of(w, at + need.vn_aux, need.vn_cnt, library) || need.vn_next == 0)
			return;
		at += need.vn_next;
	}
}

int elf_read_versions(struct elf_view *v, struct arena *arena, struct error *err)
{
	struct walk w = {.view = v, .names_left = elf_names_most(v)};

	walk_defined(&w);
	walk_needed(&w);
	if (w.records == 0)
		return 0;
	w.table = arena_zalloc(arena, (w.highest + 1) * sizeof(*w.table));
	if (!w.table)
		return err_nomem(err, "symbol versions");
	v->versions = w.table;
	v->n_versions = w.highest + 1;
	w.records = 0;
	w.names_left = elf_names_most(v);
	walk_defined(&w);
	walk_needed(&w);
	return 0;
}

struct elf_version elf_version_of(const struct elf_view *v, uint64_t symbol)
{
	uint16_t index;

	if (!v->dyn.versym || !elf_get(v, v->dyn.versym + symbol * 2, &index, sizeof(index)))
		return (struct elf_version){.defined = false};
	index &= 0x7fff;
	/* 0 and 1 mean local and global: no version. */
	if (index < 2 || index >= v->n_versions)
		return (struct elf_version){.defined = false};
	return v->versions[index];
}

/* "GLIBC_2.36" and "GLIBC_2.38", but not "GLIBC_PRIVATE". */
static bool same_family(struct str a, struct str b)
{
	const char *bar_a = memchr(a.ptr, '_', a.len), *bar_b = memchr(b.ptr, '_', b.len);

	if (!bar_a || !bar_b || bar_a - a.ptr != bar_b - b.ptr || str_ends(a, "_PRIVATE"))
		return false;
	return memcmp(a.ptr, b.ptr, (size_t)(bar_a - a.ptr)) == 0;
}

bool elf_defines_version(const struct elf_view *v, struct str version, struct str *ret_newest)
{
	struct str newest = STR_NULL;

	for (size_t i = 0; i < v->n_versions; i++) {
		struct str name = v->versions[i].name;

		if (!v->versions[i].defined || name.len == 0)
			continue;
		if (str_eq(name, version))
			return true;
		if (same_family(name, version))
			newest = name; /* definitions stand in ascending order */
	}
	if (ret_newest)
		*ret_newest = newest;
	return false;
}
