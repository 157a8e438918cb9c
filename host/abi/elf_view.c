#include "abi/elf_view.h"

#include <inttypes.h>
#include <stdio.h>

/* A file may claim any number of these; more than this is not a plugin. */
#define SEGMENTS_MAX 256
#define SYMBOLS_MAX  (1u << 20)

bool elf_inside(const struct elf_view *v, uint64_t offset, uint64_t size)
{
	return offset <= v->len && size <= v->len - offset;
}

bool elf_get(const struct elf_view *v, uint64_t offset, void *to, size_t size)
{
	if (!elf_inside(v, offset, size))
		return false;
	memcpy(to, v->data + offset, size);
	return true;
}

bool elf_offset_of(const struct elf_view *v, uint64_t address, uint64_t size, uint64_t *ret_offset)
{
	for (size_t i = 0; i < v->n_segments; i++) {
		const Elf64_Phdr *p = &v->segments[i];
		uint64_t delta = address - p->p_vaddr;

		if (p->p_type != PT_LOAD || address < p->p_vaddr || delta >= p->p_filesz)
			continue;
		if (size > p->p_filesz - delta)
			return false;
		*ret_offset = p->p_offset + delta;
		return true;
	}
	return false;
}

bool elf_string_within(const struct elf_view *v, uint64_t at, uint64_t *left, struct str *ret)
{
	const char *start, *end;
	uint64_t most;

	if (at >= v->dyn.strings_size)
		return false;
	start = (const char *)v->data + v->dyn.strings + at;
	most = MIN(v->dyn.strings_size - at, *left);
	end = memchr(start, '\0', most);
	*left -= end ? (uint64_t)(end - start) : most;
	if (!end)
		return false;
	*ret = (struct str){start, (size_t)(end - start)};
	return true;
}

bool elf_string(const struct elf_view *v, uint64_t at, struct str *ret)
{
	uint64_t left = UINT64_MAX;

	return elf_string_within(v, at, &left, ret);
}

uint64_t elf_names_most(const struct elf_view *v)
{
	return 4 * (uint64_t)v->len;
}

/* ---- what kind of file is it ----------------------------------------------------------------- */

static const char *machine_name(unsigned machine, char number[16])
{
	switch (machine) {
	case EM_X86_64:
		return "x86-64";
	case EM_AARCH64:
		return "aarch64";
	case EM_386:
		return "i386";
	case EM_ARM:
		return "arm";
	case EM_RISCV:
		return "riscv";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390";
	default:
		snprintf(number, 16, "number %u", machine);
		return number;
	}
}

static int check_ident(const struct elf_view *v, struct error *err)
{
	const unsigned char *id = v->data;

	if (v->len == 0)
		return err_set(err, ERR_INVALID, "the file is empty");
	if (v->len < SELFMAG || memcmp(id, ELFMAG, SELFMAG) != 0)
		return err_set(err, ERR_INVALID,
			       "not an ELF file (does not start with \\x7f\"ELF\"); a plugin is a "
			       "shared object made with `cc -shared -fPIC`");
	if (v->len < EI_NIDENT)
		return err_set(err, ERR_INVALID,
			       "truncated: %zu bytes, too short for an ELF header", v->len);
	if (id[EI_CLASS] == ELFCLASS32)
		return err_set(err, ERR_INVALID, "a 32-bit file; this host is 64-bit");
	if (id[EI_CLASS] != ELFCLASS64)
		return err_set(err, ERR_INVALID, "bad ELF class %u", id[EI_CLASS]);
	if (id[EI_DATA] == ELFDATA2MSB)
		return err_set(err, ERR_INVALID, "a big-endian file; this host is little-endian");
	if (id[EI_DATA] != ELFDATA2LSB)
		return err_set(err, ERR_INVALID, "bad ELF byte order %u", id[EI_DATA]);
	if (id[EI_VERSION] != EV_CURRENT)
		return err_set(err, ERR_INVALID, "ELF version %u is not known", id[EI_VERSION]);
	if (id[EI_OSABI] != ELFOSABI_NONE && id[EI_OSABI] != ELFOSABI_GNU)
		return err_set(err, ERR_INVALID, "made for another operating system (OS ABI %u)",
			       id[EI_OSABI]);
	if (v->len < sizeof(Elf64_Ehdr))
		return err_set(err, ERR_INVALID,
			       "truncated: %zu bytes, too short for an ELF header", v->len);
	return 0;
}

static int check_header(const struct elf_view *v, struct error *err)
{
	const Elf64_Ehdr *h = &v->header;
	char a[16], b[16];

	if (h->e_machine != ELF_MACHINE)
		return err_set(err, ERR_INVALID, "built for machine %s; this host is %s",
			       machine_name(h->e_machine, a), machine_name(ELF_MACHINE, b));
	switch (h->e_type) {
	case ET_DYN:
		break;
	case ET_EXEC:
		return err_set(err, ERR_INVALID,
			       "a program, not a shared object; link with `-shared`");
	case ET_REL:
		return err_set(err, ERR_INVALID,
			       "an object file, not a shared object; link with `-shared`");
	case ET_CORE:
		return err_set(err, ERR_INVALID, "a core dump, not a shared object");
	default:
		return err_set(err, ERR_INVALID, "ELF type %u is not a shared object", h->e_type);
	}
	if (h->e_phnum == 0 || h->e_phentsize != sizeof(Elf64_Phdr))
		return err_set(err, ERR_INVALID, "no usable program headers (%u of %u bytes each)",
			       h->e_phnum, h->e_phentsize);
	if (h->e_phnum > SEGMENTS_MAX)
		return err_set(err, ERR_INVALID, "%u program headers, over %d", h->e_phnum,
			       SEGMENTS_MAX);
	return 0;
}

/* ---- is all of it there ---------------------------------------------------------------------- */

static int check_inside(const struct elf_view *v,
			const char *what,
			uint64_t offset,
			uint64_t size,
			struct error *err)
{
	uint64_t end;

	if (elf_inside(v, offset, size))
		return 0;
	if (__builtin_add_overflow(offset, size, &end))
		return err_set(err, ERR_INVALID, "the %s has an impossible size or position", what);
	return err_set(err, ERR_INVALID,
		       "truncated: the %s ends at byte %" PRIu64 ", the file at %zu; copy it again",
		       what, end, v->len);
}

static int check_sections(struct elf_view *v, struct error *err)
{
	const Elf64_Ehdr *h = &v->header;
	Elf64_Shdr first;

	if (h->e_shoff == 0)
		return 0; /* a file without section headers can be loaded */
	if (h->e_shentsize != sizeof(Elf64_Shdr))
		return err_set(err, ERR_INVALID, "section headers of %u bytes, not %zu",
			       h->e_shentsize, sizeof(Elf64_Shdr));
	v->n_sections = h->e_shnum;
	if (h->e_shnum == 0) {
		if (!elf_get(v, h->e_shoff, &first, sizeof(first)))
			return check_inside(v, "section table", h->e_shoff, sizeof(first), err);
		v->n_sections = first.sh_size;
	}
	if (v->n_sections > v->len / sizeof(Elf64_Shdr) + 1)
		return check_inside(v, "section table", h->e_shoff,
				    MIN(v->n_sections, UINT32_MAX) * sizeof(Elf64_Shdr), err);
	return check_inside(v, "section table", h->e_shoff, v->n_sections * sizeof(Elf64_Shdr),
			    err);
}

bool elf_section(const struct elf_view *v, uint64_t i, Elf64_Shdr *ret)
{
	return i < v->n_sections &&
	       elf_get(v, v->header.e_shoff + i * sizeof(*ret), ret, sizeof(*ret));
}

static int check_segments(struct elf_view *v, struct arena *arena, struct error *err)
{
	const Elf64_Ehdr *h = &v->header;
	uint64_t size = (uint64_t)h->e_phnum * sizeof(Elf64_Phdr);
	char what[48];
	int r;

	r = check_inside(v, "program header table", h->e_phoff, size, err);
	if (r < 0)
		return r;
	v->segments = arena_memdup(arena, v->data + h->e_phoff, size);
	if (!v->segments)
		return err_nomem(err, "program headers");
	v->n_segments = h->e_phnum;
	for (size_t i = 0; i < v->n_segments; i++) {
		const Elf64_Phdr *p = &v->segments[i];

		snprintf(what, sizeof(what), "segment %zu", i);
		r = check_inside(v, what, p->p_offset, p->p_filesz, err);
		if (r < 0)
			return r;
		if (p->p_type == PT_DYNAMIC) {
			v->dynamic_offset = p->p_offset;
			v->n_dynamic = p->p_filesz / sizeof(Elf64_Dyn);
		}
	}
	return 0;
}

/* ---- the dynamic section --------------------------------------------------------------------- */

Elf64_Dyn elf_dynamic_at(const struct elf_view *v, uint64_t i)
{
	Elf64_Dyn d = {.d_tag = DT_NULL};

	if (i < v->n_dynamic)
		elf_get(v, v->dynamic_offset + i * sizeof(d), &d, sizeof(d));
	return d;
}

/* The entries whose value is an address in the file. */
static uint64_t *address_entry(struct elf_dynamic *d, int64_t tag)
{
	switch (tag) {
	case DT_STRTAB:
		return &d->strings;
	case DT_SYMTAB:
		return &d->symbols;
	case DT_GNU_HASH:
		return &d->gnu_hash;
	case DT_HASH:
		return &d->hash;
	case DT_VERSYM:
		return &d->versym;
	case DT_VERNEED:
		return &d->verneed;
	case DT_VERDEF:
		return &d->verdef;
	default:
		return NULL;
	}
}

static void take_value(struct elf_dynamic *d, const Elf64_Dyn *e)
{
	switch (e->d_tag) {
	case DT_STRSZ:
		d->strings_size = e->d_un.d_val;
		break;
	case DT_VERNEEDNUM:
		d->n_verneed = e->d_un.d_val;
		break;
	case DT_VERDEFNUM:
		d->n_verdef = e->d_un.d_val;
		break;
	case DT_FLAGS:
		d->flags = e->d_un.d_val;
		break;
	case DT_FLAGS_1:
		d->flags_1 = e->d_un.d_val;
		break;
	case DT_INIT_ARRAYSZ:
		d->init_array_size = e->d_un.d_val;
		break;
	case DT_FINI_ARRAYSZ:
		d->fini_array_size = e->d_un.d_val;
		break;
	case DT_TEXTREL:
		d->has_textrel = true;
		break;
	case DT_BIND_NOW:
		d->bind_now = true;
		break;
	case DT_SONAME:
		d->soname = e->d_un.d_val + 1;
		break;
	case DT_RPATH:
		d->rpath = e->d_un.d_val + 1;
		break;
	case DT_RUNPATH:
		d->runpath = e->d_un.d_val + 1;
		break;
	default:
		break;
	}
}

/* Symbols reachable through the GNU hash table: one past the end of the longest chain. */
static uint64_t count_gnu_hash(const struct elf_view *v)
{
	uint32_t head[4], bucket, last = 0, link;
	uint64_t buckets, chains;

	if (!elf_get(v, v->dyn.gnu_hash, head, sizeof(head)))
		return 0;
	buckets = v->dyn.gnu_hash + sizeof(head) + (uint64_t)head[2] * 8;
	chains = buckets + (uint64_t)head[0] * 4;
	for (uint64_t i = 0; i < head[0]; i++) {
		if (!elf_get(v, buckets + i * 4, &bucket, sizeof(bucket)))
			return 0;
		last = MAX(last, bucket);
	}
	if (last < head[1])
		return head[1];
	do {
		if (!elf_get(v, chains + (uint64_t)(last - head[1]) * 4, &link, sizeof(link)))
			return 0;
	} while (++last && !(link & 1));
	return last;
}

static uint64_t count_symbols(const struct elf_view *v)
{
	uint32_t hash[2];
	Elf64_Shdr s;

	for (uint64_t i = 0; elf_section(v, i, &s); i++)
		if (s.sh_type == SHT_DYNSYM && s.sh_offset == v->dyn.symbols)
			return s.sh_size / sizeof(Elf64_Sym);
	if (v->dyn.hash && elf_get(v, v->dyn.hash, hash, sizeof(hash)))
		return hash[1];
	return v->dyn.gnu_hash ? count_gnu_hash(v) : 0;
}

static int read_dynamic(struct elf_view *v, struct error *err)
{
	struct elf_dynamic *d = &v->dyn;

	if (v->n_dynamic == 0)
		return err_set(err, ERR_INVALID,
			       "no dynamic section: not a shared object that can be loaded");
	for (uint64_t i = 0; i < v->n_dynamic; i++) {
		Elf64_Dyn e = elf_dynamic_at(v, i);
		uint64_t *entry = address_entry(d, e.d_tag);

		if (e.d_tag == DT_NULL)
			break;
		if (entry && !elf_offset_of(v, e.d_un.d_ptr, 1, entry))
			return err_set(err, ERR_INVALID,
				       "broken dynamic section: entry %" PRIu64
				       " points outside the file",
				       i);
		take_value(d, &e);
	}
	if (d->strings_size && (!d->strings || !elf_inside(v, d->strings, d->strings_size)))
		return err_set(err, ERR_INVALID,
			       "broken dynamic section: the string table is outside the file");
	d->n_symbols = d->symbols ? count_symbols(v) : 0;
	if (d->n_symbols > SYMBOLS_MAX)
		return err_set(err, ERR_INVALID, "%" PRIu64 " dynamic symbols, over %u",
			       d->n_symbols, SYMBOLS_MAX);
	if (d->n_symbols > v->len / sizeof(Elf64_Sym) ||
	    !elf_inside(v, d->symbols, d->n_symbols * sizeof(Elf64_Sym)))
		return err_set(err, ERR_INVALID,
			       "broken dynamic section: the symbol table is outside the file");
	return 0;
}

int elf_view_open(
	const void *data, size_t len, struct arena *arena, struct elf_view *ret, struct error *err)
{
	struct elf_view v = {.data = data, .len = len};
	int r;

	r = check_ident(&v, err);
	if (r < 0)
		return r;
	elf_get(&v, 0, &v.header, sizeof(v.header));
	r = check_header(&v, err);
	if (r == 0)
		r = check_segments(&v, arena, err);
	if (r == 0)
		r = check_sections(&v, err);
	if (r == 0)
		r = read_dynamic(&v, err);
	if (r == 0)
		r = elf_read_versions(&v, arena, err);
	if (r < 0)
		return r;
	*ret = v;
	return 0;
}
