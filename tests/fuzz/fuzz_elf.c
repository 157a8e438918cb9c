/* Any bytes as a plugin file: an inspection or a reason, every name that comes out is readable, and
 * nothing crashes. Bytes that do not start as ELF are taken as notes instead, one record on each
 * line: a digit for its type, then the JSON. */
#include "fuzz.h"

#include "abi/inspect.h"

#include <taskhost/note.h>

#define RECORDS_MAX 64

static volatile uint64_t sum; /* so that reading is not optimised away */

static void touch(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		sum += (unsigned char)s.ptr[i];
}

static void touch_offers(const struct note_offer *o, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		FUZZ_CHECK(note_name_valid(o[i].name));
		touch(o[i].about);
		touch(o[i].timeout);
		touch(o[i].cache);
		for (size_t k = 0; k < o[i].n_aliases; k++)
			touch(o[i].aliases[k]);
		for (size_t k = 0; k < o[i].n_needs; k++)
			touch(o[i].needs[k]);
		for (size_t k = 0; k < o[i].n_task_types; k++)
			touch(o[i].task_types[k].type);
		for (size_t k = 0; k < o[i].n_variables; k++) {
			touch(o[i].variables[k].name);
			touch(o[i].variables[k].about);
			FUZZ_CHECK(o[i].variables[k].type_json.len >= 2);
			touch(o[i].variables[k].type_json);
		}
	}
}

static void touch_note(const struct note_plugin *n)
{
	FUZZ_CHECK(plugin_id_valid(n->id));
	touch(n->version);
	touch(n->about);
	for (size_t i = 0; i < n->n_needs; i++)
		touch(n->needs[i]);
	touch_offers(n->tasks, n->n_tasks);
	touch_offers(n->executors, n->n_executors);
	touch_offers(n->resolvers, n->n_resolvers);
}

static void touch_symbols(const struct elf_symbol *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		touch(s[i].name);
		touch(s[i].version);
		touch(s[i].library);
	}
}

static void touch_elf(const struct elf_info *e)
{
	touch(e->build_id);
	touch(e->soname);
	touch(e->rpath);
	touch(e->runpath);
	for (size_t i = 0; i < e->n_needed; i++)
		touch(e->needed[i]);
	touch_symbols(e->exported, e->n_exported);
	touch_symbols(e->undefined, e->n_undefined);
	for (size_t i = 0; i < e->n_notes; i++) {
		touch(e->notes[i].owner);
		touch(e->notes[i].desc);
	}
}

static void as_file(const uint8_t *data, size_t size)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct inspection in;
	struct str name;
	uint64_t distance;
	int r;

	r = inspect_plugin_quick(data, size, "input", &arena, &in, &err);
	if (elf_symbolise(data, size, 0x1100, &name, &distance))
		touch(name);
	if (r < 0) {
		FUZZ_CHECK((r == ERR_INVALID || r == ERR_NOT_FOUND) && err.message[0]);
		return;
	}
	touch_elf(&in.elf);
	for (size_t i = 0; i < in.n_findings; i++)
		touch(in.findings[i].text);
	r = inspection_verdict(&in, &err);
	FUZZ_CHECK(in.refused == (r < 0));
	if (in.is_plugin)
		touch_note(&in.note);
	else
		FUZZ_CHECK(in.refused);
}

/* What is right is right also when it is read in two steps. */
static void as_quick_notes(const struct elf_info *elf, bool right, size_t n_tasks)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct note_plugin note;
	int r = note_read_quick(elf, &arena, &note, &err);

	FUZZ_CHECK(!right || (r == 0 && note.n_tasks == n_tasks));
	if (r < 0)
		return;
	for (size_t i = 0; i < note.n_tasks; i++) {
		r = note_complete(&note.tasks[i], &arena, &err);
		FUZZ_CHECK(!right || r == 0);
		FUZZ_CHECK((r == 0) == (note.tasks[i].unread.len == 0));
	}
	touch_note(&note);
}

static void as_notes(struct str text)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	struct elf_note notes[RECORDS_MAX];
	struct elf_info elf = {.notes = notes};
	struct error err = ERROR_INIT;
	struct note_plugin note;
	int r;

	while (text.len && elf.n_notes < RECORDS_MAX) {
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t n = end ? (size_t)(end - text.ptr) : text.len, step = n + (end != NULL);

		if (n > 0)
			notes[elf.n_notes++] = (struct elf_note){
				(uint32_t)(unsigned char)text.ptr[0] - '0',
				STR(TH_NOTE_OWNER),
				{text.ptr + 1, n - 1},
			};
		text = (struct str){text.ptr + step, text.len - step};
	}
	r = note_read(&elf, &arena, &note, &err);
	as_quick_notes(&elf, r == 0, r == 0 ? note.n_tasks : 0);
	if (r == 0)
		touch_note(&note);
	else
		FUZZ_CHECK((r == ERR_INVALID || r == ERR_NOT_FOUND || r == ERR_LIMIT) &&
			   err.message[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= 2 && data[0] == 0x7f && data[1] == 'E')
		as_file(data, size);
	else
		as_notes((struct str){(const char *)data, size});
	return 0;
}
