#include "fixtures.h"

#include <elf.h>

static int read_bytes(const void *data, size_t len, struct error *err)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	struct elf_info info;

	return elf_read(data, len, &arena, &info, err);
}

/* The good plugin with its header changed by `change`. */
static int read_changed(void (*change)(Elf64_Ehdr *), struct error *err)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	Elf64_Ehdr h;

	fixture_read(fixture_path("good"), &b);
	memcpy(&h, b.data, sizeof(h));
	change(&h);
	memcpy(b.data, &h, sizeof(h));
	return read_bytes(b.data, b.len, err);
}

static bool has(const struct elf_symbol *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(list[i].name, name))
			return true;
	return false;
}

TEST(reads_a_plugin)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct elf_info info;
	size_t ours = 0;

	fixture_read(fixture_path("good"), &b);
	CHECK_OK(elf_read(b.data, b.len, &arena, &info, &err), err);
	CHECK(info.build_id.len == 20);
	CHECK(info.n_needed >= 1 && str_is(info.needed[0], "libc.so.6"));
	CHECK(has(info.exported, info.n_exported, "th_plugin_main"));
	CHECK(has(info.exported, info.n_exported, "good_resolver"));
	CHECK(has(info.undefined, info.n_undefined, "vsnprintf"));
	CHECK(!info.exec_stack && !info.text_relocations && info.relro && !info.nodelete);
	CHECK(info.n_constructors >= 6);
	for (size_t i = 0; i < info.n_notes; i++)
		ours += str_is(info.notes[i].owner, "taskhost");
	CHECK_INT(ours, 5);
}

TEST(symbols_have_versions)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct elf_info info;
	bool seen = false;

	fixture_read(fixture_path("good"), &b);
	CHECK_OK(elf_read(b.data, b.len, &arena, &info, &err), err);
	for (size_t i = 0; i < info.n_undefined; i++) {
		if (!str_is(info.undefined[i].name, "vsnprintf"))
			continue;
		seen = true;
		CHECK(str_starts(info.undefined[i].version, "GLIBC_2."));
		CHECK(str_is(info.undefined[i].library, "libc.so.6"));
	}
	CHECK(seen);
}

TEST(hardened_file_shows)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct elf_info info;

	fixture_read(fixture_path("good_hard"), &b);
	CHECK_OK(elf_read(b.data, b.len, &arena, &info, &err), err);
	CHECK(info.stack_protector && info.bind_now && info.relro);
}

TEST(not_elf)
{
	struct error err = ERROR_INIT;

	CHECK_ERR(read_bytes("", 0, &err), ERR_INVALID, err, "the file is empty");
	CHECK_ERR(read_bytes("#!/bin/sh\n", 10, &err), ERR_INVALID, err, "not an ELF file");
	CHECK_ERR(read_bytes("\x7f"
			     "EL",
			     3, &err),
		  ERR_INVALID, err, "not an ELF file");
}

static void make_32bit(Elf64_Ehdr *h)
{
	h->e_ident[EI_CLASS] = ELFCLASS32;
}

static void make_big_endian(Elf64_Ehdr *h)
{
	h->e_ident[EI_DATA] = ELFDATA2MSB;
}

static void make_riscv(Elf64_Ehdr *h)
{
	h->e_machine = EM_RISCV;
}

static void make_program(Elf64_Ehdr *h)
{
	h->e_type = ET_EXEC;
}

static void make_object(Elf64_Ehdr *h)
{
	h->e_type = ET_REL;
}

static void make_freebsd(Elf64_Ehdr *h)
{
	h->e_ident[EI_OSABI] = ELFOSABI_FREEBSD;
}

static void make_far_sections(Elf64_Ehdr *h)
{
	h->e_shoff = UINT64_MAX - 10;
}

static void make_many_segments(Elf64_Ehdr *h)
{
	h->e_phnum = 60000;
}

TEST(wrong_kind_of_elf)
{
	struct error err = ERROR_INIT;

	CHECK_ERR(read_changed(make_32bit, &err), ERR_INVALID, err, "a 32-bit file");
	CHECK_ERR(read_changed(make_big_endian, &err), ERR_INVALID, err, "big-endian");
	CHECK_ERR(read_changed(make_riscv, &err), ERR_INVALID, err, "built for machine riscv");
	CHECK_ERR(read_changed(make_program, &err), ERR_INVALID, err, "a program");
	CHECK_ERR(read_changed(make_object, &err), ERR_INVALID, err, "an object file");
	CHECK_ERR(read_changed(make_freebsd, &err), ERR_INVALID, err, "another operating system");
	CHECK_ERR(read_changed(make_far_sections, &err), ERR_INVALID, err, "section table");
	CHECK_ERR(read_changed(make_many_segments, &err), ERR_INVALID, err,
		  "60000 program headers");
}

TEST(a_program_is_refused)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	fixture_read("/proc/self/exe", &b);
	CHECK_ERR(read_bytes(b.data, b.len, &err), ERR_INVALID, err, "a program");
}

/* Whatever is cut off, the file is refused and the message says truncated. */
TEST(truncated_anywhere)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	fixture_read(fixture_path("good"), &b);
	for (size_t n = 0; n < b.len; n++) {
		char *part = malloc(n ? n : 1);
		int r;

		CHECK(part);
		memcpy(part, b.data, n);
		r = read_bytes(part, n, &err);
		free(part);
		CHECK_INT(r, ERR_INVALID);
		CHECK(n < 16 || strstr(err.message, "truncated"));
	}
}

TEST(truncation_names_both_ends)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	char words[64];

	fixture_read(fixture_path("good"), &b);
	snprintf(words, sizeof(words), "ends at byte %zu, the file at %zu", b.len, b.len - 1);
	CHECK_ERR(read_bytes(b.data, b.len - 1, &err), ERR_INVALID, err, words);
}

/* A byte changed anywhere: an answer, whichever, and no crash. */
TEST(any_byte_changed)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct elf_info info;
	struct error err;

	fixture_read(fixture_path("good"), &b);
	for (size_t i = 0; i < b.len; i += i < 4096 ? 1 : 7) {
		char saved = b.data[i];

		b.data[i] = (char)(saved ^ (1 << (i % 8)));
		err.code = 0;
		if (elf_read(b.data, b.len, &arena, &info, &err) < 0)
			CHECK(err.code == ERR_INVALID && err.message[0]);
		b.data[i] = saved;
		arena_clear(&arena);
	}
}

/* How many addresses near `at` have a name other than the entry's? */
static size_t statics_around(const struct buf *b, uint64_t at)
{
	uint64_t distance;
	struct str name;
	size_t n = 0;

	for (uint64_t i = at - 256; i < at + 256; i++)
		n += elf_symbolise(b->data, b->len, i, &name, &distance) &&
		     !str_is(name, "th_plugin_main");
	return n;
}

TEST(symbolise_names_static_functions)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf b = BUF_INIT, stripped = BUF_INIT;
	struct error err = ERROR_INIT;
	struct elf_info info;
	uint64_t distance, at = 0;
	struct str name;

	fixture_read(fixture_path("kit"), &b);
	CHECK_OK(elf_read(b.data, b.len, &arena, &info, &err), err);
	for (size_t i = 0; i < info.n_exported; i++)
		if (str_is(info.exported[i].name, "th_plugin_main"))
			at = info.exported[i].value;
	CHECK(at);
	CHECK(elf_symbolise(b.data, b.len, at + 3, &name, &distance));
	CHECK(str_is(name, "th_plugin_main"));
	CHECK_INT(distance, 3);
	CHECK(!elf_symbolise(b.data, b.len, UINT64_MAX, &name, &distance));
	CHECK(!elf_symbolise("junk", 4, 0, &name, &distance));

	/* Static ones are in .symtab only, which a stripped file has not. */
	fixture_read(fixture_path("kit_stripped"), &stripped);
	CHECK(statics_around(&b, at) > 0);
	CHECK_INT(statics_around(&stripped, at), 0);
}

/* ---- names that are as long as the file ------------------------------------------------------ */

#define NAMES_SIZE (20u << 20)
#define N_RECORDS  0x8000u

/* Makes the last segment reach to the file's end; *ret_delta is address minus offset in it. */
static void stretch_last_segment(char *data, size_t len, uint64_t *ret_delta)
{
	Elf64_Phdr last = {.p_type = PT_NULL}, p;
	Elf64_Ehdr h;
	size_t at = 0;

	memcpy(&h, data, sizeof(h));
	for (size_t i = 0; i < h.e_phnum; i++) {
		memcpy(&p, data + h.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type != PT_LOAD)
			continue;
		last = p;
		at = h.e_phoff + i * sizeof(p);
	}
	last.p_filesz = last.p_memsz = len - last.p_offset;
	memcpy(data + at, &last, sizeof(last));
	*ret_delta = last.p_vaddr - last.p_offset;
}

static void set_dynamic(char *data, Elf64_Sxword tag, uint64_t value)
{
	Elf64_Ehdr h;
	Elf64_Phdr p;
	Elf64_Dyn d;

	memcpy(&h, data, sizeof(h));
	for (size_t i = 0; i < h.e_phnum; i++) {
		memcpy(&p, data + h.e_phoff + i * sizeof(p), sizeof(p));
		for (uint64_t at = 0; p.p_type == PT_DYNAMIC && at < p.p_filesz; at += sizeof(d)) {
			memcpy(&d, data + p.p_offset + at, sizeof(d));
			if (d.d_tag != tag)
				continue;
			d.d_un.d_val = value;
			memcpy(data + p.p_offset + at, &d, sizeof(d));
			return;
		}
	}
	test_fail(__FILE__, __LINE__, "no dynamic entry %lld", (long long)tag);
}

/* Each of thousands of records names a string of 20 MiB, and each record stands for a library and
 * for a version of one. To read all of them would take minutes. */
TEST(names_may_not_add_up)
{
	const Elf64_Verneed record = {.vn_version = 1,
				      .vn_cnt = 0xffff,
				      .vn_aux = sizeof(record),
				      .vn_next = sizeof(record)};
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	uint64_t delta;
	size_t records, names;

	fixture_read(fixture_path("good"), &b);
	records = (b.len + 15) / 16 * 16;
	names = records + N_RECORDS * sizeof(record);
	while (b.len < records)
		buf_append(&b, "", 1);
	for (size_t i = 0; i < N_RECORDS; i++)
		buf_append(&b, &record, sizeof(record));
	while (b.len < names + NAMES_SIZE)
		buf_puts(&b, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	buf_append(&b, "", 1);
	CHECK(!b.failed);
	stretch_last_segment(b.data, b.len, &delta);
	set_dynamic(b.data, DT_STRTAB, names + delta);
	set_dynamic(b.data, DT_STRSZ, b.len - names);
	set_dynamic(b.data, DT_VERNEED, records + delta);
	set_dynamic(b.data, DT_VERNEEDNUM, N_RECORDS);
	CHECK_ERR(read_bytes(b.data, b.len, &err), ERR_INVALID, err, "far too long");
}
