#include "runners/frames_elf.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"

#include <elfutils/libdwfl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct symbols {
	Dwfl *dwfl;
};

/* Names come from the file itself: nothing is looked up elsewhere, least of all on the network. */
static int find_no_elf(
	Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, char **file, Elf **elf)
{
	(void)module;
	(void)data;
	(void)name;
	(void)base;
	(void)file;
	(void)elf;
	return -1;
}

static int find_no_debuginfo(Dwfl_Module *module,
			     void **data,
			     const char *name,
			     Dwarf_Addr base,
			     const char *file,
			     const char *link,
			     GElf_Word crc,
			     char **found)
{
	(void)module;
	(void)data;
	(void)name;
	(void)base;
	(void)file;
	(void)link;
	(void)crc;
	(void)found;
	return -1;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_no_elf,
	.find_debuginfo = find_no_debuginfo,
};

struct symbols *symbols_new(void)
{
	struct symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	elf_version(EV_CURRENT);
	s->dwfl = dwfl_begin(&callbacks);
	if (!s->dwfl) {
		free(s);
		return NULL;
	}
	dwfl_report_begin(s->dwfl);
	return s;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	dwfl_end(s->dwfl);
	free(s);
}

/* How far the file was moved: address in memory minus address in the file. False when no segment of
 * the file can have been mapped there. */
static bool find_bias(int fd, const struct crash_module *m, uint64_t *ret)
{
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	bool found = false;
	size_t n = 0;

	if (!elf || elf_getphdrnum(elf, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n && !found; i++) {
		GElf_Phdr p;
		uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD)
			continue;
		if (m->offset < p.p_offset / page * page || m->offset >= p.p_offset + p.p_filesz ||
		    !(p.p_flags & PF_X))
			continue;
		*ret = m->start - m->offset + p.p_offset - p.p_vaddr;
		found = true;
	}
	elf_end(elf);
	return found;
}

void symbols_add(struct symbols *s, const struct crash_module *m, int fd)
{
	uint64_t bias;

	if (!find_bias(fd, m, &bias) || !dwfl_report_elf(s->dwfl, m->path, m->path, fd, bias, true))
		close(fd);
}

void symbols_ready(struct symbols *s)
{
	dwfl_report_end(s->dwfl, NULL, NULL);
}

static bool has_symbol_table(Dwfl_Module *module)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(module, &bias);
	Elf_Scn *section = NULL;

	while (elf && (section = elf_nextscn(elf, section))) {
		GElf_Shdr header;

		if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
			return true;
	}
	return false;
}

static void find_build_id(Dwfl_Module *module, struct symbol *ret)
{
	const unsigned char *bits;
	GElf_Addr where;
	int n = dwfl_module_build_id(module, &bits, &where);

	if (n > 0)
		hex_encode(bits, MIN((size_t)n, sizeof(ret->build_id) / 2), ret->build_id);
}

static void find_function(Dwfl_Module *module, uint64_t pc, struct symbol *ret)
{
	GElf_Off offset = 0;
	GElf_Sym sym;
	const char *name = dwfl_module_addrinfo(module, pc, &offset, &sym, NULL, NULL, NULL);

	/* The nearest name before the address is not its function when that has ended before; code
	 * written in assembler often does not say where it ends. */
	if (!name || (sym.st_size ? offset >= sym.st_size : ret->stripped))
		return;
	snprintf(ret->function, sizeof(ret->function), "%s", name);
	ret->offset = offset;
}

/* clang writes no table of addresses unless asked; then every compilation unit has to be asked. */
static const char *search_line(Dwfl_Module *module, uint64_t pc, int *ret_line)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = NULL;

	while ((unit = dwfl_module_nextcu(module, unit, &bias))) {
		Dwarf_Line *line = NULL;

		if (dwarf_haspc(unit, pc - bias) > 0)
			line = dwarf_getsrc_die(unit, pc - bias);
		if (line && dwarf_lineno(line, ret_line) == 0)
			return dwarf_linesrc(line, NULL, NULL);
	}
	return NULL;
}

static void find_line(Dwfl_Module *module, uint64_t pc, struct symbol *ret)
{
	Dwfl_Line *line = dwfl_module_getsrc(module, pc);
	const char *file = line ? dwfl_lineinfo(line, NULL, &ret->line, NULL, NULL, NULL)
				: search_line(module, pc, &ret->line);

	if (file && ret->line > 0)
		snprintf(ret->file, sizeof(ret->file), "%s", path_base(file));
}

bool symbols_find(struct symbols *s, const struct crash_frame *frame, struct symbol *ret)
{
	/* A call that never returns may be the last instruction of its function. */
	uint64_t pc = frame->exact ? frame->pc : frame->pc - 1;
	Dwfl_Module *module = dwfl_addrmodule(s->dwfl, pc);

	if (!module)
		return false;
	*ret = (struct symbol){.stripped = !has_symbol_table(module)};
	find_build_id(module, ret);
	find_function(module, pc, ret);
	ret->offset += frame->pc - pc;
	find_line(module, pc, ret);
	return true;
}
