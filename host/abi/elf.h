/* Reading ELF shared objects as data: nothing is executed and every offset is checked, for the file
 * may be anything. */
#pragma once

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

#define ELF_FILE_MAX (64u << 20)

struct elf_note {
	uint32_t type;
	struct str owner; /* without the NUL */
	struct str desc;
};

struct elf_symbol {
	struct str name;
	struct str version; /* "GLIBC_2.34"; empty: none */
	struct str library; /* undefined ones: the file the version comes from; empty: not known */
	bool weak;
	bool function;
	bool unique; /* STB_GNU_UNIQUE */
	uint64_t value;
};

/* Everything below lives in the arena or points into the file's bytes. */
struct elf_info {
	struct str build_id; /* raw bytes; empty: none */
	struct str soname;
	struct str *needed;
	size_t n_needed;
	struct str rpath, runpath;
	struct elf_symbol *exported, *undefined;
	size_t n_exported, n_undefined;
	struct elf_note *notes;
	size_t n_notes;
	bool exec_stack, text_relocations, relro, bind_now, nodelete, has_tls, stack_protector;
	size_t n_constructors, n_destructors; /* entries of .init_array and .fini_array */
};

/* ERR_INVALID with what is wrong and where: not ELF, truncated ("section table ends at 5120, the
 * file at 4096"), 32-bit, another machine, big-endian, not a shared object, broken tables. */
int elf_read(
	const void *data, size_t len, struct arena *arena, struct elf_info *ret, struct error *err);

/* The name of the exported or local symbol that covers `offset` (a virtual address of the file),
 * for back-traces; false when there is none or the file is stripped. Reads .symtab, then
 * .dynsym. */
bool elf_symbolise(const void *data,
		   size_t len,
		   uint64_t offset,
		   struct str *ret_name,
		   uint64_t *ret_distance);
