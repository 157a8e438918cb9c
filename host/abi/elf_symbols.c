#include "abi/elf_view.h"

#include <inttypes.h>

/* ---- all symbols ----------------------------------------------------------------------------- */

static bool visible(const Elf64_Sym *s)
{
	unsigned bind = ELF64_ST_BIND(s->st_info), seen = ELF64_ST_VISIBILITY(s->st_other);

	return bind != STB_LOCAL && (seen == STV_DEFAULT || seen == STV_PROTECTED);
}

static void count_visible(const struct elf_view *v, size_t *exported, size_t *undefined)
{
	Elf64_Sym s;

	for (uint64_t i = 1; i < v->dyn.n_symbols; i++) {
		elf_get(v, v->dyn.symbols + i * sizeof(s), &s, sizeof(s));
		if (visible(&s))
			++*(s.st_shndx == SHN_UNDEF ? undefined : exported);
	}
}

int elf_read_symbols(const struct elf_view *v,
		     struct arena *arena,
		     struct elf_info *info,
		     struct error *err)
{
	uint64_t names_left = elf_names_most(v);
	size_t exported = 0, undefined = 0;
	Elf64_Sym s;

	count_visible(v, &exported, &undefined);
	info->exported = arena_array(arena, exported, sizeof(*info->exported));
	info->undefined = arena_array(arena, undefined, sizeof(*info->undefined));
	if (!info->exported || !info->undefined)
		return err_nomem(err, "ELF symbols");
	for (uint64_t i = 1; i < v->dyn.n_symbols; i++) {
		struct elf_symbol sym = {.value = 0};
		struct elf_version version;
		bool undef;

		elf_get(v, v->dyn.symbols + i * sizeof(s), &s, sizeof(s));
		if (!visible(&s))
			continue;
		if (!elf_string_within(v, s.st_name, &names_left, &sym.name))
			return err_set(err, ERR_INVALID,
				       "broken symbol table: the name of symbol %" PRIu64
				       " is outside the string table or far too long",
				       i);
		undef = s.st_shndx == SHN_UNDEF;
		sym.weak = ELF64_ST_BIND(s.st_info) == STB_WEAK;
		sym.unique = ELF64_ST_BIND(s.st_info) == STB_GNU_UNIQUE;
		sym.function = ELF64_ST_TYPE(s.st_info) == STT_FUNC ||
			       ELF64_ST_TYPE(s.st_info) == STT_GNU_IFUNC;
		sym.value = s.st_value;
		version = elf_version_of(v, i);
		if (version.defined != undef) {
			sym.version = version.name;
			sym.library = version.library;
		}
		if (undef)
			info->undefined[info->n_undefined++] = sym;
		else if (s.st_shndx != SHN_ABS || sym.function) /* version names are absolute */
			info->exported[info->n_exported++] = sym;
	}
	return 0;
}

/* ---- one symbol by hash ---------------------------------------------------------------------- */

static bool
symbol_matches(const struct elf_view *v, uint64_t i, struct str name, struct str version)
{
	struct str own, own_version;
	Elf64_Sym s;

	if (i >= v->dyn.n_symbols || !elf_get(v, v->dyn.symbols + i * sizeof(s), &s, sizeof(s)) ||
	    s.st_shndx == SHN_UNDEF || !visible(&s) || !elf_string(v, s.st_name, &own) ||
	    !str_eq(own, name))
		return false;
	if (version.len == 0)
		return true;
	own_version = elf_version_of(v, i).name;
	return own_version.len == 0 || str_eq(own_version, version);
}

static bool gnu_lookup(const struct elf_view *v, struct str name, struct str version)
{
	uint32_t head[4], hash = 5381, bucket, link;
	uint64_t buckets, chains;

	for (size_t i = 0; i < name.len; i++)
		hash = hash * 33 + (unsigned char)name.ptr[i];
	if (!elf_get(v, v->dyn.gnu_hash, head, sizeof(head)) || head[0] == 0)
		return false;
	buckets = v->dyn.gnu_hash + sizeof(head) + (uint64_t)head[2] * 8;
	chains = buckets + (uint64_t)head[0] * 4;
	if (!elf_get(v, buckets + (uint64_t)(hash % head[0]) * 4, &bucket, 4) || bucket < head[1])
		return false;
	for (uint64_t i = bucket;; i++) {
		if (!elf_get(v, chains + (i - head[1]) * 4, &link, 4))
			return false;
		if ((link | 1) == (hash | 1) && symbol_matches(v, i, name, version))
			return true;
		if (link & 1)
			return false;
	}
}

static bool sysv_lookup(const struct elf_view *v, struct str name, struct str version)
{
	uint32_t head[2], hash = 0, i;
	uint64_t table = v->dyn.hash + sizeof(head);

	for (size_t k = 0; k < name.len; k++) {
		hash = (hash << 4) + (unsigned char)name.ptr[k];
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	if (!elf_get(v, v->dyn.hash, head, sizeof(head)) || head[0] == 0 ||
	    !elf_get(v, table + (uint64_t)(hash % head[0]) * 4, &i, 4))
		return false;
	/* A chain can be at most as long as the table; a longer one goes in circles. */
	for (uint32_t steps = 0; i != 0 && steps <= head[1]; steps++) {
		if (symbol_matches(v, i, name, version))
			return true;
		if (!elf_get(v, table + ((uint64_t)head[0] + i) * 4, &i, 4))
			return false;
	}
	return false;
}

bool elf_defines(const struct elf_view *v, struct str name, struct str version)
{
	if (v->dyn.gnu_hash)
		return gnu_lookup(v, name, version);
	return v->dyn.hash && sysv_lookup(v, name, version);
}

/* ---- address to name ------------------------------------------------------------------------- */

struct nearest {
	struct str name;
	uint64_t distance;
	bool found;
};

static void
look_in(const struct elf_view *v, const Elf64_Shdr *table, uint64_t address, struct nearest *best)
{
	Elf64_Shdr names;
	Elf64_Sym s;

	if (!elf_section(v, table->sh_link, &names) ||
	    !elf_inside(v, names.sh_offset, names.sh_size))
		return;
	for (uint64_t i = 1; i < table->sh_size / sizeof(s); i++) {
		const char *name, *end;

		if (!elf_get(v, table->sh_offset + i * sizeof(s), &s, sizeof(s)))
			return;
		if (s.st_shndx == SHN_UNDEF || s.st_shndx >= SHN_LORESERVE ||
		    ELF64_ST_TYPE(s.st_info) > STT_FUNC || s.st_name >= names.sh_size ||
		    address < s.st_value || address - s.st_value >= MAX(s.st_size, (uint64_t)1) ||
		    (best->found && address - s.st_value >= best->distance))
			continue;
		name = (const char *)v->data + names.sh_offset + s.st_name;
		end = memchr(name, '\0', names.sh_size - s.st_name);
		if (!end || end == name)
			continue;
		*best = (struct nearest){{name, (size_t)(end - name)}, address - s.st_value, true};
	}
}

bool elf_symbolise(
	const void *data, size_t len, uint64_t offset, struct str *ret_name, uint64_t *ret_distance)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	struct nearest best = {.found = false};
	const uint32_t kinds[] = {SHT_SYMTAB, SHT_DYNSYM};
	struct elf_view v;
	Elf64_Shdr s;

	if (elf_view_open(data, len, &arena, &v, NULL) < 0)
		return false;
	for (size_t k = 0; k < ARRAY_LEN(kinds) && !best.found; k++)
		for (uint64_t i = 0; elf_section(&v, i, &s); i++)
			if (s.sh_type == kinds[k]) {
				look_in(&v, &s, offset, &best);
				break; /* a file has one of each */
			}
	if (!best.found)
		return false;
	*ret_name = best.name;
	*ret_distance = best.distance;
	return true;
}
