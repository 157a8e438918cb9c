/* An ELF file as checked spans; what elf.c, elf_symbols.c and libraries.c read through. Inside the
 * layer only. */
#pragma once

#include "abi/elf.h"

#include <elf.h>

#if defined(__x86_64__)
#define ELF_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define ELF_MACHINE EM_AARCH64
#else
/* cppcheck-suppress preprocessorErrorDirective */
#error "taskhost knows amd64 and arm64 only"
#endif

/* The dynamic section: offsets in the file, 0 when absent. */
struct elf_dynamic {
	uint64_t strings, strings_size;
	uint64_t symbols, n_symbols;
	uint64_t gnu_hash, hash;
	uint64_t versym, verneed, verdef;
	uint64_t n_verneed, n_verdef;
	uint64_t flags, flags_1;
	uint64_t init_array_size, fini_array_size;
	bool has_textrel, bind_now;
	uint64_t soname, rpath, runpath; /* offsets into the strings + 1; 0: none */
};

struct elf_version {
	struct str name;    /* "GLIBC_2.34" */
	struct str library; /* needed ones: the file it is expected in */
	bool defined;       /* by this file */
};

struct elf_view {
	const unsigned char *data;
	size_t len;
	Elf64_Ehdr header;
	Elf64_Phdr *segments; /* in the arena */
	size_t n_segments;
	uint64_t n_sections;
	uint64_t dynamic_offset, n_dynamic; /* entries */
	struct elf_dynamic dyn;
	struct elf_version *versions; /* by index; in the arena */
	size_t n_versions;
};

/* Checks header, program headers, section table and dynamic section. */
int elf_view_open(
	const void *data, size_t len, struct arena *arena, struct elf_view *ret, struct error *err);

bool elf_inside(const struct elf_view *v, uint64_t offset, uint64_t size);
/* Where the `size` bytes at a virtual address stand in the file. */
bool elf_offset_of(const struct elf_view *v, uint64_t address, uint64_t size, uint64_t *ret_offset);
/* Copies a record out, as nothing in the file need be aligned; false when it is not inside. */
bool elf_get(const struct elf_view *v, uint64_t offset, void *to, size_t size);
/* String of the dynamic string table. */
bool elf_string(const struct elf_view *v, uint64_t at, struct str *ret);
/* The same for those who read many: names may overlap, and a file can hold millions that each are
 * as long as all of it. *left starts as elf_names_most and ends up as what is left of it; false when
 * that is not enough. */
bool elf_string_within(const struct elf_view *v, uint64_t at, uint64_t *left, struct str *ret);
uint64_t elf_names_most(const struct elf_view *v);
Elf64_Dyn elf_dynamic_at(const struct elf_view *v, uint64_t i);
bool elf_section(const struct elf_view *v, uint64_t i, Elf64_Shdr *ret);

int elf_read_versions(struct elf_view *v, struct arena *arena, struct error *err);
struct elf_version elf_version_of(const struct elf_view *v, uint64_t symbol);

/* Fills exported and undefined symbols. */
int elf_read_symbols(const struct elf_view *v,
		     struct arena *arena,
		     struct elf_info *info,
		     struct error *err);

/* Does the file define `name` (in `version`, unless that is empty), as the loader would look it
 * up? Uses the hash table only. */
bool elf_defines(const struct elf_view *v, struct str name, struct str version);

/* Does the file define version `version` at all? *ret_newest, when given, is the last version of
 * the same family ("GLIBC_2.36" for "GLIBC_2.38"); empty when there is none. */
bool elf_defines_version(const struct elf_view *v, struct str version, struct str *ret_newest);
