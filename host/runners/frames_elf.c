#include "runners/frames_elf.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"

#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* libdw alone, without libdwfl: that brings tables for the core files of every processor there is,
 * which each start of each program would have to relocate. */

/* One mapping of a file. */
struct mapped_file {
	struct mapped_file *next;
	uint64_t start, end;
	uint64_t bias; /* address in memory minus address in the file */
	int fd;
	Elf *elf;
	Dwarf *dwarf; /* NULL: no debugging information */
};

struct symbols {
	struct mapped_file *files;
};

struct symbols *symbols_new(void)
{
	elf_version(EV_CURRENT);
	return calloc(1, sizeof(struct symbols));
}

static void file_free(struct mapped_file *f)
{
	dwarf_end(f->dwarf);
	elf_end(f->elf);
	close(f->fd);
	free(f);
}

void symbols_free(struct symbols *s)
{
	struct mapped_file *f;

	if (!s)
		return;
	while ((f = s->files)) {
		s->files = f->next;
		file_free(f);
	}
	free(s);
}

/* How far the file was moved. False when no segment of the file can have been mapped there. */
static bool find_bias(Elf *elf, const struct crash_module *m, uint64_t *ret)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	size_t n = 0;

	if (elf_getphdrnum(elf, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD)
			continue;
		if (m->offset < p.p_offset / page * page || m->offset >= p.p_offset + p.p_filesz ||
		    !(p.p_flags & PF_X))
			continue;
		*ret = m->start - m->offset + p.p_offset - p.p_vaddr;
		return true;
	}
	return false;
}

void symbols_add(struct symbols *s, const struct crash_module *m, int fd)
{
	struct mapped_file *f = calloc(1, sizeof(*f));

	if (!f) {
		close(fd);
		return;
	}
	*f = (struct mapped_file){.start = m->start, .end = m->end, .fd = fd};
	f->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!f->elf || !find_bias(f->elf, m, &f->bias)) {
		file_free(f);
		return;
	}
	f->dwarf = dwarf_begin_elf(f->elf, DWARF_C_READ, NULL);
	f->next = s->files;
	s->files = f;
}

/* ---- functions ------------------------------------------------------------------------------- */

/* Symbols that may name an address, the best of them so far. */
struct candidate {
	uint64_t address;
	const char *name;
	GElf_Sym sym;
	uint64_t end_before; /* of the nearest function that has ended before the address */
};

static bool names_code(const GElf_Sym *sym)
{
	int type = GELF_ST_TYPE(sym->st_info);

	return sym->st_shndx != SHN_UNDEF && sym->st_shndx != SHN_ABS &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

/* Of two names for one place the more public one is known to more people. */
static int publicity(const GElf_Sym *sym)
{
	int binding = GELF_ST_BIND(sym->st_info);

	return binding == STB_GLOBAL ? 2 : binding == STB_WEAK ? 1 : 0;
}

static bool covers(const GElf_Sym *sym, uint64_t address)
{
	return address - sym->st_value < sym->st_size;
}

/* One that says it covers the address, before one that does not say where it ends; then the
 * nearest. */
static bool is_better(const struct candidate *c, const GElf_Sym *sym)
{
	if (!c->name || (sym->st_size != 0) != (c->sym.st_size != 0))
		return !c->name || sym->st_size != 0;
	if (sym->st_value != c->sym.st_value)
		return sym->st_value > c->sym.st_value;
	return publicity(sym) > publicity(&c->sym);
}

static void consider(struct candidate *c, const GElf_Sym *sym, const char *name)
{
	if (!name || !name[0] || !names_code(sym) || sym->st_value > c->address)
		return;
	if (sym->st_size != 0 && !covers(sym, c->address))
		c->end_before = MAX(c->end_before, sym->st_value + sym->st_size);
	else if (is_better(c, sym)) {
		c->name = name;
		c->sym = *sym;
	}
}

/* All symbols of the sections of that type; false when there is none. */
static bool search_symbols(Elf *elf, GElf_Word type, struct candidate *c)
{
	Elf_Scn *section = NULL;
	bool found = false;

	while ((section = elf_nextscn(elf, section))) {
		Elf_Data *data;
		GElf_Shdr header;
		GElf_Sym sym;

		if (!gelf_getshdr(section, &header) || header.sh_type != type)
			continue;
		found = true;
		data = elf_getdata(section, NULL);
		for (int i = 1; data && gelf_getsym(data, i, &sym); i++)
			consider(c, &sym, elf_strptr(elf, header.sh_link, sym.st_name));
	}
	return found;
}

static void find_function(Elf *elf, uint64_t address, struct symbol *ret)
{
	struct candidate c = {.address = address};

	ret->stripped = !search_symbols(elf, SHT_SYMTAB, &c);
	if (!c.name)
		search_symbols(elf, SHT_DYNSYM, &c);
	/* The nearest name before the address is not its function when another one has ended in
	 * between; code written in assembler often does not say where it ends. */
	if (!c.name || (c.sym.st_size == 0 && (ret->stripped || c.sym.st_value < c.end_before)))
		return;
	snprintf(ret->function, sizeof(ret->function), "%s", c.name);
	ret->offset = address - c.sym.st_value;
}

/* ---- build id -------------------------------------------------------------------------------- */

static bool build_id_in(Elf_Data *notes, struct symbol *ret)
{
	size_t at = 0, name, bits;
	GElf_Nhdr note;

	while ((at = gelf_getnote(notes, at, &note, &name, &bits)) > 0) {
		const char *base = notes->d_buf;

		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
		    memcmp(base + name, "GNU", sizeof("GNU")) != 0)
			continue;
		hex_encode(base + bits, MIN(note.n_descsz, sizeof(ret->build_id) / 2),
			   ret->build_id);
		return true;
	}
	return false;
}

static void find_build_id(Elf *elf, struct symbol *ret)
{
	size_t n = 0;

	if (elf_getphdrnum(elf, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		Elf_Data *notes;
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_NOTE)
			continue;
		notes = elf_getdata_rawchunk(elf, (int64_t)p.p_offset, p.p_filesz,
					     p.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
		if (notes && build_id_in(notes, ret))
			return;
	}
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* clang writes no table of addresses unless asked; then every compilation unit has to be asked. */
static bool find_unit(Dwarf *dwarf, uint64_t address, Dwarf_Die *ret)
{
	Dwarf_Off at = 0, next;
	size_t header;

	if (dwarf_addrdie(dwarf, address, ret))
		return true;
	for (; dwarf_nextcu(dwarf, at, &next, &header, NULL, NULL, NULL) == 0; at = next)
		if (dwarf_offdie(dwarf, at + header, ret) && dwarf_haspc(ret, address) > 0)
			return true;
	return false;
}

static void find_line(Dwarf *dwarf, uint64_t address, struct symbol *ret)
{
	Dwarf_Line *line = NULL;
	const char *file;
	Dwarf_Die unit;

	if (dwarf && find_unit(dwarf, address, &unit))
		line = dwarf_getsrc_die(&unit, address);
	file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
	if (file && dwarf_lineno(line, &ret->line) == 0 && ret->line > 0)
		snprintf(ret->file, sizeof(ret->file), "%s", path_base(file));
}

bool symbols_find(struct symbols *s, const struct crash_frame *frame, struct symbol *ret)
{
	/* A call that never returns may be the last instruction of its function. */
	uint64_t pc = frame->exact ? frame->pc : frame->pc - 1;
	struct mapped_file *f = s->files;

	while (f && (pc < f->start || pc >= f->end))
		f = f->next;
	if (!f)
		return false;
	*ret = (struct symbol){.stripped = false};
	find_build_id(f->elf, ret);
	find_function(f->elf, pc - f->bias, ret);
	ret->offset += frame->pc - pc;
	find_line(f->dwarf, pc - f->bias, ret);
	return true;
}
