#include "abi/note_offer.h"

#include <taskhost/note.h>

#include <inttypes.h>

#define ID_MAX         200
#define OFFER_NAME_MAX 200

static bool lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

bool plugin_id_valid(struct str id)
{
	bool start = true;

	if (id.len == 0 || id.len > ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];

		if (start ? !lower(c) : !(lower(c) || digit(c) || c == '_' || c == '.'))
			return false;
		start = c == '.';
	}
	return !start;
}

bool note_name_valid(struct str name)
{
	if (name.len == 0 || name.len > OFFER_NAME_MAX || digit(name.ptr[0]))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!lower(c) && !(c >= 'A' && c <= 'Z') && !digit(c) && c != '_')
			return false;
	}
	return true;
}

/* major.minor.patch, and after that anything that starts with - or + (as in semver). */
static bool version_valid(struct str s)
{
	size_t i = 0;

	for (int part = 0; part < 3; part++) {
		size_t start = i;

		while (i < s.len && digit(s.ptr[i]))
			i++;
		if (i == start)
			return false;
		if (part < 2 && (i >= s.len || s.ptr[i++] != '.'))
			return false;
	}
	return i == s.len || ((s.ptr[i] == '-' || s.ptr[i] == '+') && s.len <= 64);
}

static bool reserved(struct str id)
{
	static const char *const words[] = {"taskhost", "flytekit"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);

		if (str_starts(id, words[i]) && (id.len == n || id.ptr[n] == '.'))
			return true;
	}
	return false;
}

/* ---- the plugin's own record ----------------------------------------------------------------- */

static int read_abi(const json_t *record, struct note_plugin *ret, struct error *err)
{
	const json_t *abi = json_object_get(record, "abi");
	int64_t part[2];

	if (!json_is_array(abi) || json_array_size(abi) != 2)
		return err_set(err, ERR_INVALID, "\"abi\" is not a list of two numbers");
	for (size_t i = 0; i < 2; i++) {
		const json_t *v = json_array_get(abi, i);

		part[i] = json_integer_value(v);
		if (!json_is_integer(v) || part[i] < 0 || part[i] > UINT16_MAX)
			return err_set(err, ERR_INVALID,
				       "\"abi\" holds something not a number from 0 to 65535");
	}
	ret->abi_major = (uint32_t)part[0];
	ret->abi_minor = (uint32_t)part[1];
	return 0;
}

static int
read_plugin(const json_t *record, struct arena *arena, struct note_plugin *ret, struct error *err)
{
	const json_t *form = json_object_get(record, "note");
	int r;

	if (!json_is_integer(form) || json_integer_value(form) < 1)
		return err_set(err, ERR_INVALID, "member \"note\" (the version of the form) is %s",
			       form ? "not a positive number" : "missing");
	if (json_integer_value(form) > TH_NOTE_VERSION)
		return err_set(err, ERR_INVALID,
			       "note version %" JSON_INTEGER_FORMAT
			       " is newer than this host reads (%d); update the host",
			       json_integer_value(form), TH_NOTE_VERSION);
	r = read_abi(record, ret, err);
	if (r == 0)
		r = note_text(record, "id", true, arena, &ret->id, err);
	if (r == 0)
		r = note_text(record, "version", true, arena, &ret->version, err);
	if (r == 0)
		r = note_text(record, "about", false, arena, &ret->about, err);
	if (r == 0)
		r = note_strings(record, "needs", arena, &ret->needs, &ret->n_needs, err);
	if (r < 0)
		return r;
	if (!plugin_id_valid(ret->id))
		return err_set(err, ERR_INVALID,
			       "the id '" STR_FMT "' is not dotted lower-case words "
			       "([a-z][a-z0-9_]*, joined by dots, at most %d)",
			       STR_ARG(ret->id), ID_MAX);
	if (reserved(ret->id))
		return err_set(err, ERR_INVALID,
			       "the id '" STR_FMT "' is reserved; choose another first word",
			       STR_ARG(ret->id));
	if (!version_valid(ret->version))
		return err_set(err, ERR_INVALID,
			       "the version '" STR_FMT "' is not major.minor.patch",
			       STR_ARG(ret->version));
	return 0;
}

/* ---- all records ----------------------------------------------------------------------------- */

struct reader {
	struct arena *arena;
	struct note_plugin note;
	bool have_plugin;
	bool quick;
};

static bool ours(const struct elf_note *n)
{
	return str_is(n->owner, TH_NOTE_OWNER);
}

static int read_record(struct reader *rd, uint32_t type, const json_t *record, struct error *err)
{
	struct note_plugin *n = &rd->note;
	int r;

	switch (type) {
	case TH_NOTE_PLUGIN:
		if (rd->have_plugin)
			return err_set(err, ERR_INVALID,
				       "a second record about the plugin; only one file may say "
				       "TH_PLUGIN");
		rd->have_plugin = true;
		return read_plugin(record, rd->arena, n, err);
	case TH_NOTE_TASK:
		r = note_offer_read(record, "task", rd->arena, &n->tasks[n->n_tasks], err);
		n->n_tasks += r == 0;
		return r;
	case TH_NOTE_EXECUTOR:
		r = note_offer_read(record, "executor", rd->arena, &n->executors[n->n_executors],
				    err);
		n->n_executors += r == 0;
		return r;
	case TH_NOTE_RESOLVER:
		r = note_offer_read(record, "resolver", rd->arena, &n->resolvers[n->n_resolvers],
				    err);
		n->n_resolvers += r == 0;
		return r;
	default:
		return err_set(err, ERR_INVALID, "record type %u is not known", type);
	}
}

static int read_one(struct reader *rd, const struct elf_note *raw, struct error *err)
{
	struct str text = raw->desc;
	json_t *record = NULL;
	int r;

	if (text.len > TH_NOTE_MAX)
		return err_set(err, ERR_INVALID, "%zu bytes, over %d", text.len, TH_NOTE_MAX);
	while (text.len && text.ptr[text.len - 1] == '\0')
		text.len--;
	if (rd->quick && raw->type == TH_NOTE_TASK) {
		r = note_offer_peek(text, rd->arena, &rd->note.tasks[rd->note.n_tasks], err);
		rd->note.n_tasks += r > 0;
		if (r != 0)
			return MIN(r, 0);
	}
	r = json_parse(text, "not JSON", &record, err);
	if (r < 0)
		return r;
	r = json_is_object(record) ? read_record(rd, raw->type, record, err)
				   : err_set(err, ERR_INVALID, "not a JSON object");
	json_decref(record);
	return r;
}

static int by_index(const void *a, const void *b)
{
	const struct note_offer *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return str_cmp(x->name, y->name);
}

static int check_names(const struct note_offer *a,
		       size_t n_a,
		       const struct note_offer *b,
		       size_t n_b,
		       const char *what,
		       struct error *err)
{
	for (size_t i = 0; i < n_a; i++)
		for (size_t k = a == b ? i + 1 : 0; k < n_b; k++)
			if (str_eq(a[i].name, b[k].name))
				return err_set(err, ERR_INVALID, "two %s are called '" STR_FMT "'",
					       what, STR_ARG(a[i].name));
	return 0;
}

/* Every task makes an executor of its name, so the two share their names. */
static int finish(struct note_plugin *n, struct error *err)
{
	int r;

	qsort(n->tasks, n->n_tasks, sizeof(*n->tasks), by_index);
	qsort(n->executors, n->n_executors, sizeof(*n->executors), by_index);
	qsort(n->resolvers, n->n_resolvers, sizeof(*n->resolvers), by_index);
	r = check_names(n->tasks, n->n_tasks, n->tasks, n->n_tasks, "tasks", err);
	if (r == 0)
		r = check_names(n->executors, n->n_executors, n->executors, n->n_executors,
				"executors", err);
	if (r == 0)
		r = check_names(n->tasks, n->n_tasks, n->executors, n->n_executors,
				"tasks or executors", err);
	if (r == 0)
		r = check_names(n->resolvers, n->n_resolvers, n->resolvers, n->n_resolvers,
				"resolvers", err);
	return r;
}

#define RECORDS_MAX 4096

static int read_all(const struct elf_info *elf,
		    bool quick,
		    struct arena *arena,
		    struct note_plugin *ret,
		    struct error *err)
{
	struct reader rd = {.arena = arena, .quick = quick};
	size_t n = 0, number = 0;
	int r;

	for (size_t i = 0; i < elf->n_notes; i++)
		n += ours(&elf->notes[i]);
	if (n == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "no taskhost note: not a plugin (a plugin's source says "
			       "TH_PLUGIN(...))");
	if (n > RECORDS_MAX)
		return err_set(err, ERR_INVALID, "%zu note records, over %d", n, RECORDS_MAX);
	rd.note.tasks = arena_array(arena, n, sizeof(*rd.note.tasks));
	rd.note.executors = arena_array(arena, n, sizeof(*rd.note.executors));
	rd.note.resolvers = arena_array(arena, n, sizeof(*rd.note.resolvers));
	if (!rd.note.tasks || !rd.note.executors || !rd.note.resolvers)
		return err_nomem(err, "the notes");
	for (size_t i = 0; i < elf->n_notes; i++) {
		if (!ours(&elf->notes[i]))
			continue;
		number++;
		r = read_one(&rd, &elf->notes[i], err);
		if (r < 0)
			return err_wrap(err, "note record %zu", number);
	}
	if (!rd.have_plugin)
		return err_set(err, ERR_INVALID,
			       "no note record about the plugin itself; one file must say "
			       "TH_PLUGIN(id, version, about)");
	r = finish(&rd.note, err);
	if (r < 0)
		return r;
	*ret = rd.note;
	return 0;
}

int note_read(const struct elf_info *elf,
	      struct arena *arena,
	      struct note_plugin *ret,
	      struct error *err)
{
	return read_all(elf, false, arena, ret, err);
}

int note_read_quick(const struct elf_info *elf,
		    struct arena *arena,
		    struct note_plugin *ret,
		    struct error *err)
{
	return read_all(elf, true, arena, ret, err);
}

int note_complete(struct note_offer *task, struct arena *arena, struct error *err)
{
	json_t *record = NULL;
	int r;

	if (task->unread.len == 0)
		return 0;
	r = json_parse(task->unread, "not JSON", &record, err);
	if (r == 0)
		r = note_offer_read(record, "task", arena, task, err);
	json_decref(record);
	return r < 0 ? err_wrap(err, "the note of task '" STR_FMT "'", STR_ARG(task->name)) : 0;
}
