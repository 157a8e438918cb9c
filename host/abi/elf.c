#include "abi/elf_view.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- notes ----------------------------------------------------------------------------------- */

static uint64_t round_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) / align * align;
}

/* One record at *at of `end`; false at the end or when the record does not fit. */
static bool next_note(
	const struct elf_view *v, uint64_t *at, uint64_t end, uint64_t align, struct elf_note *ret)
{
	uint64_t name, desc, next;
	Elf64_Nhdr h;

	if (end - *at < sizeof(h) || !elf_get(v, *at, &h, sizeof(h)))
		return false;
	name = *at + sizeof(h);
	desc = round_up(name + h.n_namesz, align);
	next = round_up(desc + h.n_descsz, align);
	if (desc + h.n_descsz > end)
		return false;
	ret->type = h.n_type;
	ret->owner = (struct str){(const char *)v->data + name, h.n_namesz};
	if (h.n_namesz && v->data[name + h.n_namesz - 1] == '\0')
		ret->owner.len--;
	ret->desc = (struct str){(const char *)v->data + desc, h.n_descsz};
	*at = MIN(next, end);
	return true;
}

/* Counts the notes of a segment, and stores them unless `to` is NULL. */
static size_t walk_notes(const struct elf_view *v, const Elf64_Phdr *p, struct elf_note *to)
{
	uint64_t at = p->p_offset, end = p->p_offset + p->p_filesz;
	uint64_t align = p->p_align == 8 ? 8 : 4;
	struct elf_note note;
	size_t n = 0;

	while (next_note(v, &at, end, align, &note)) {
		if (to)
			to[n] = note;
		n++;
	}
	return n;
}

static int
read_notes(const struct elf_view *v, struct arena *arena, struct elf_info *info, struct error *err)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n_segments; i++)
		if (v->segments[i].p_type == PT_NOTE)
			n += walk_notes(v, &v->segments[i], NULL);
	info->notes = arena_array(arena, n, sizeof(*info->notes));
	if (!info->notes)
		return err_nomem(err, "ELF notes");
	for (size_t i = 0; i < v->n_segments; i++)
		if (v->segments[i].p_type == PT_NOTE)
			info->n_notes +=
				walk_notes(v, &v->segments[i], info->notes + info->n_notes);
	for (size_t i = 0; i < info->n_notes; i++)
		if (info->notes[i].type == NT_GNU_BUILD_ID && str_is(info->notes[i].owner, "GNU"))
			info->build_id = info->notes[i].desc;
	return 0;
}

/* ---- segments and dynamic section ------------------------------------------------------------ */

static void read_segments(const struct elf_view *v, struct elf_info *info)
{
	/* Without PT_GNU_STACK the loader makes the stack executable on amd64. */
	info->exec_stack = true;
	for (size_t i = 0; i < v->n_segments; i++) {
		const Elf64_Phdr *p = &v->segments[i];

		if (p->p_type == PT_GNU_STACK)
			info->exec_stack = (p->p_flags & PF_X) != 0;
		else if (p->p_type == PT_GNU_RELRO)
			info->relro = true;
		else if (p->p_type == PT_TLS)
			info->has_tls = true;
	}
}

static int dynamic_string(const struct elf_view *v,
			  const char *what,
			  uint64_t at_plus_one,
			  struct str *ret,
			  struct error *err)
{
	if (at_plus_one && !elf_string(v, at_plus_one - 1, ret))
		return err_set(err, ERR_INVALID,
			       "broken dynamic section: %s is outside the string table", what);
	return 0;
}

static int
read_needed(const struct elf_view *v, struct arena *arena, struct elf_info *info, struct error *err)
{
	size_t n = 0;
	int r;

	for (uint64_t i = 0; elf_dynamic_at(v, i).d_tag != DT_NULL; i++)
		n += elf_dynamic_at(v, i).d_tag == DT_NEEDED;
	info->needed = arena_array(arena, n, sizeof(*info->needed));
	if (!info->needed)
		return err_nomem(err, "needed libraries");
	for (uint64_t i = 0; elf_dynamic_at(v, i).d_tag != DT_NULL; i++) {
		Elf64_Dyn e = elf_dynamic_at(v, i);

		if (e.d_tag != DT_NEEDED)
			continue;
		info->needed[info->n_needed] = STR_NULL;
		r = dynamic_string(v, "the name of a needed library", e.d_un.d_val + 1,
				   &info->needed[info->n_needed], err);
		if (r < 0)
			return r;
		info->n_needed++;
	}
	return 0;
}

static int read_dynamic_info(const struct elf_view *v,
			     struct arena *arena,
			     struct elf_info *info,
			     struct error *err)
{
	const struct elf_dynamic *d = &v->dyn;
	int r;

	if (d->flags_1 & DF_1_PIE)
		return err_set(err, ERR_INVALID,
			       "a program (position independent), not a shared object; link with "
			       "`-shared`");
	info->text_relocations = d->has_textrel || (d->flags & DF_TEXTREL);
	info->bind_now = d->bind_now || (d->flags & DF_BIND_NOW) || (d->flags_1 & DF_1_NOW);
	info->nodelete = (d->flags_1 & DF_1_NODELETE) != 0;
	info->n_constructors = d->init_array_size / 8;
	info->n_destructors = d->fini_array_size / 8;
	r = dynamic_string(v, "DT_SONAME", d->soname, &info->soname, err);
	if (r == 0)
		r = dynamic_string(v, "DT_RPATH", d->rpath, &info->rpath, err);
	if (r == 0)
		r = dynamic_string(v, "DT_RUNPATH", d->runpath, &info->runpath, err);
	return r < 0 ? r : read_needed(v, arena, info, err);
}

int elf_read(
	const void *data, size_t len, struct arena *arena, struct elf_info *ret, struct error *err)
{
	struct elf_info info = {.notes = NULL};
	struct elf_view v;
	int r;

	r = elf_view_open(data, len, arena, &v, err);
	if (r < 0)
		return r;
	read_segments(&v, &info);
	r = read_dynamic_info(&v, arena, &info, err);
	if (r == 0)
		r = read_notes(&v, arena, &info, err);
	if (r == 0)
		r = elf_read_symbols(&v, arena, &info, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < info.n_undefined; i++)
		if (str_is(info.undefined[i].name, "__stack_chk_fail"))
			info.stack_protector = true;
	*ret = info;
	return 0;
}
