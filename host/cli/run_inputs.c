#include "cli/run_inputs.h"

#include "base/file.h"
#include "base/mem.h"
#include "data/data.h"
#include "flyte/human.h"
#include "flyte/message.h"

#include <stdio.h>
#include <unistd.h>

#define INPUT_FILE_MAX ((size_t)1 << 30)

typedef Flyteidl__Core__LiteralMap__LiteralsEntry LiteralEntry;

struct builder {
	const struct run_inputs *in;
	struct arena arena;
	LiteralMap map;
	LiteralEntry *entries; /* room for every declared input */
};

static const VariableMap *inputs_of(const TaskTemplate *t)
{
	return t->interface ? t->interface->inputs : NULL;
}

static size_t n_inputs(const TaskTemplate *t)
{
	const VariableMap *vars = inputs_of(t);

	return vars ? vars->n_variables : 0;
}

static int path_kind(void *ctx, const char *path, struct error *err)
{
	(void)ctx;
	return data_kind(path, err);
}

static const struct human_paths paths = {.kind = path_kind};

/* ---- names ----------------------------------------------------------------------------------- */

bool run_input_optional(const struct note_offer *note, struct str name)
{
	for (size_t i = 0; note && i < note->n_variables; i++)
		if (note->variables[i].direction == NOTE_OPT &&
		    str_eq(note->variables[i].name, name))
			return true;
	return false;
}

static int unknown_input(const struct builder *b, struct str name, struct error *err)
{
	const VariableMap *vars = inputs_of(b->in->template);
	size_t n = n_inputs(b->in->template);
	_cleanup_(freep) const char **names = reallocarray(NULL, n + 1, sizeof(*names));
	_cleanup_(buf_done) struct buf list = BUF_INIT;
	const char *close;
	char typed[128];

	if (!names)
		return err_nomem(err, "the inputs");
	for (size_t i = 0; i < n; i++) {
		names[i] = vars->variables[i]->key;
		buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
	}
	snprintf(typed, sizeof(typed), STR_FMT, STR_ARG(name));
	close = suggest(typed, names, n);
	if (close)
		return err_set(err, ERR_INVALID, "the task has no input '%s'; did you mean '%s'?",
			       typed, close);
	return err_set(err, ERR_INVALID, "the task has no input '%s'; it has %s", typed,
		       list.len ? list.data : "none");
}

static LiteralEntry *find_entry(struct builder *b, struct str name)
{
	for (size_t i = 0; i < b->map.n_literals; i++)
		if (str_is(name, b->entries[i].key))
			return &b->entries[i];
	return NULL;
}

/* A later value takes the place of an earlier one. `variable` is the declared input. */
static int put(struct builder *b, struct str name, Literal *value, struct error *err)
{
	LiteralEntry *e = find_entry(b, name);

	if (!e) {
		e = &b->entries[b->map.n_literals];
		flyteidl__core__literal_map__literals_entry__init(e);
		e->key = arena_strndup(&b->arena, name.ptr, name.len);
		if (!e->key)
			return err_nomem(err, "the inputs");
		b->map.literals[b->map.n_literals++] = e;
	}
	e->value = value;
	return 0;
}

static int check_complete(struct builder *b, struct error *err)
{
	const VariableMap *vars = inputs_of(b->in->template);
	_cleanup_(buf_done) struct buf missing = BUF_INIT;
	size_t n = 0;

	/* What a template from outside can do without is for the task layer to say. */
	for (size_t i = 0; b->in->note && i < n_inputs(b->in->template); i++) {
		const struct str name = str_of(vars->variables[i]->key);

		if (find_entry(b, name) || run_input_optional(b->in->note, name))
			continue;
		buf_printf(&missing, "%s" STR_FMT, n++ ? ", " : "", STR_ARG(name));
	}
	if (n == 0)
		return 0;
	return err_set(err, ERR_INVALID, "missing input%s %s; give each as -i NAME=VALUE",
		       n > 1 ? "s" : "", missing.data ? missing.data : "");
}

/* ---- values ---------------------------------------------------------------------------------- */

static int add_json(struct builder *b, const char *path, struct buf *text, struct error *err)
{
	json_t *doc = NULL, *value;
	const char *name;
	int rc = json_parse((struct str){text->data, text->len}, path, &doc, err);

	if (rc < 0)
		return rc;
	if (!json_is_object(doc))
		rc = err_set(err, ERR_INVALID,
			     "%s: the inputs must be one JSON object of names and values", path);
	json_object_foreach(doc, name, value)
	{
		const Variable *v;
		Literal *lit;
		char label[160];

		if (rc < 0)
			break;
		v = interface_find(inputs_of(b->in->template), str_of(name));
		if (!v) {
			rc = unknown_input(b, str_of(name), err);
			break;
		}
		snprintf(label, sizeof(label), "input '%s'", name);
		rc = human_to_literal(value, v->type, label, &paths, &b->arena, &lit, err);
		if (rc == 0)
			rc = put(b, str_of(name), lit, err);
	}
	json_decref(doc);
	return rc;
}

static int add_wire(struct builder *b, const char *path, const struct buf *wire, struct error *err)
{
	LiteralMap *map;
	int rc =
		literal_map_decode((struct str){wire->data, wire->len}, path, &b->arena, &map, err);

	for (size_t i = 0; rc == 0 && i < map->n_literals; i++) {
		struct str name = str_of(map->literals[i]->key);

		if (!interface_find(inputs_of(b->in->template), name))
			rc = unknown_input(b, name, err);
		else
			rc = put(b, name, map->literals[i]->value, err);
	}
	return rc;
}

static int add_file(struct builder *b, const char *path, struct error *err)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	bool json = str_ends(str_of(path), ".json");
	int rc;

	if (!json && !str_ends(str_of(path), ".pb"))
		return err_set(err, ERR_INVALID,
			       "--inputs takes a .json file (values as typed) or a .pb file "
			       "(LiteralMap), not %s",
			       path);
	rc = file_read(path, INPUT_FILE_MAX, &bytes, err);
	if (rc < 0)
		return rc;
	return json ? add_json(b, path, &bytes, err) : add_wire(b, path, &bytes, err);
}

/* The text behind "name=": itself, a file's or standard input's. A string is taken to the last
 * byte; elsewhere a file's final newline is no part of the value. */
static int
value_text(const char *value, const LiteralType *type, struct buf *out, struct error *err)
{
	bool string = type->type_case == FLYTEIDL__CORE__LITERAL_TYPE__TYPE_SIMPLE &&
		      type->simple == FLYTEIDL__CORE__SIMPLE_TYPE__STRING;
	int rc = 0;

	if (value[0] == '@')
		rc = file_read(value + 1, INPUT_FILE_MAX, out, err);
	else if (streq(value, "-"))
		rc = file_read_fd(STDIN_FILENO, "standard input", INPUT_FILE_MAX, out, err);
	else {
		buf_puts(out, value);
		return buf_check(out, "an input", err);
	}
	if (rc == 0 && !string && out->len > 0 && out->data[out->len - 1] == '\n')
		out->data[--out->len] = '\0';
	return rc;
}

static int add_value(struct builder *b, const char *word, size_t index, struct error *err)
{
	const char *equals = strchr(word, '=');
	struct str name = {word, equals ? (size_t)(equals - word) : strlen(word)};
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	const Variable *v;
	Literal *lit;
	char label[160];
	int rc;

	if (!equals || name.len == 0)
		return err_set(err, ERR_INVALID, "-i takes NAME=VALUE, not '%s'", word);
	v = interface_find(inputs_of(b->in->template), name);
	if (!v)
		return unknown_input(b, name, err);
	for (size_t i = 0; i < index; i++)
		if (strncmp(b->in->values->items[i], word, name.len + 1) == 0)
			return err_set(err, ERR_INVALID, "the input '" STR_FMT "' is given twice",
				       STR_ARG(name));
	rc = value_text(equals + 1, v->type, &text, err);
	if (rc < 0)
		return err_wrap(err, "input '" STR_FMT "'", STR_ARG(name));
	snprintf(label, sizeof(label), "input '" STR_FMT "'", STR_ARG(name));
	rc = human_text_to_literal((struct str){text.data, text.len}, v->type, label, &paths,
				   &b->arena, &lit, err);
	return rc < 0 ? rc : put(b, name, lit, err);
}

int run_inputs_build(const struct run_inputs *in, struct buf *out, struct error *err)
{
	struct builder b = {.in = in};
	size_t room = n_inputs(in->template);
	int rc = 0;

	flyteidl__core__literal_map__init(&b.map);
	b.entries = arena_array(&b.arena, room, sizeof(*b.entries));
	b.map.literals = arena_array(&b.arena, room, sizeof(LiteralEntry *));
	if (!b.entries || !b.map.literals)
		rc = err_nomem(err, "the inputs");
	if (rc == 0 && in->file)
		rc = add_file(&b, in->file, err);
	for (size_t i = 0; rc == 0 && i < in->values->n; i++)
		rc = add_value(&b, in->values->items[i], i, err);
	if (rc == 0)
		rc = check_complete(&b, err);
	if (rc == 0)
		rc = message_encode(&b.map.base, out, err);
	arena_done(&b.arena);
	return rc;
}
