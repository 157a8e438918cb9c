#include "abi/note_offer.h"

int note_copy(struct str s, struct arena *arena, struct str *ret, struct error *err)
{
	const char *copy = arena_strndup(arena, s.ptr ? s.ptr : "", s.len);

	if (!copy)
		return err_nomem(err, "the notes");
	*ret = (struct str){copy, s.len};
	return 0;
}

static struct str text_of(const json_t *string)
{
	return (struct str){json_string_value(string), json_string_length(string)};
}

int note_text(const json_t *object,
	      const char *key,
	      bool required,
	      struct arena *arena,
	      struct str *ret,
	      struct error *err)
{
	const json_t *v = json_object_get(object, key);

	if (!v && !required) {
		*ret = STR("");
		return 0;
	}
	if (!json_is_string(v))
		return err_set(err, ERR_INVALID, "member \"%s\" is %s", key,
			       v ? "not a string" : "missing");
	return note_copy(text_of(v), arena, ret, err);
}

int note_strings(const json_t *object,
		 const char *key,
		 struct arena *arena,
		 struct str **ret,
		 size_t *ret_n,
		 struct error *err)
{
	const json_t *list = json_object_get(object, key), *v;
	struct str *out;
	size_t i;
	int r;

	if (list && !json_is_array(list))
		return err_set(err, ERR_INVALID, "member \"%s\" is not a list", key);
	out = arena_array(arena, json_array_size(list), sizeof(*out));
	if (!out)
		return err_nomem(err, "the notes");
	json_array_foreach(list, i, v)
	{
		if (!json_is_string(v))
			return err_set(err, ERR_INVALID, "\"%s\" holds something not a string",
				       key);
		r = note_copy(text_of(v), arena, &out[i], err);
		if (r < 0)
			return r;
	}
	*ret = out;
	*ret_n = json_array_size(list);
	return 0;
}

/* ---- variables ------------------------------------------------------------------------------- */

static int
read_name(const json_t *v, struct arena *arena, struct note_variable *ret, struct error *err)
{
	static const struct {
		const char *key;
		int direction;
	} forms[] = {{"in", NOTE_IN}, {"opt", NOTE_OPT}, {"out", NOTE_OUT}};
	int found = 0, r;

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (!json_object_get(v, forms[i].key))
			continue;
		found++;
		ret->direction = forms[i].direction;
		r = note_text(v, forms[i].key, true, arena, &ret->name, err);
		if (r < 0)
			return r;
	}
	if (found != 1 || ret->name.len == 0)
		return err_set(err, ERR_INVALID,
			       "a variable needs a name under exactly one of \"in\", \"opt\", "
			       "\"out\"");
	return 0;
}

static int print_type(const json_t *type, struct arena *arena, struct str *ret, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct jw w = JW_INIT(&text, 0);
	int r;

	jw_json(&w, type);
	r = buf_check(&text, "the notes", err);
	return r < 0 ? r : note_copy((struct str){text.data, text.len}, arena, ret, err);
}

/* The type stands in the record, or, for types the macros have no word for, as a string after the
 * description. */
static int read_type(const json_t *v,
		     const json_t *about,
		     struct arena *arena,
		     struct note_variable *ret,
		     struct error *err)
{
	const json_t *type = json_object_get(v, "type");
	const json_t *text = json_array_get(about, 1);
	json_t *parsed = NULL;
	int r;

	if (json_is_object(type))
		return print_type(type, arena, &ret->type_json, err);
	if (type && !json_is_null(type))
		return err_set(err, ERR_INVALID,
			       "variable '" STR_FMT "': \"type\" is not an object",
			       STR_ARG(ret->name));
	if (!json_is_string(text))
		return err_set(err, ERR_INVALID,
			       "variable '" STR_FMT "' has no type: write the LiteralType as a "
			       "second string after the description",
			       STR_ARG(ret->name));
	r = json_parse(text_of(text), "type", &parsed, err);
	if (r < 0)
		return err_wrap(err, "variable '" STR_FMT "'", STR_ARG(ret->name));
	if (json_is_object(parsed))
		r = print_type(parsed, arena, &ret->type_json, err);
	else
		r = err_set(err, ERR_INVALID,
			    "variable '" STR_FMT "': its type is not a JSON object",
			    STR_ARG(ret->name));
	json_decref(parsed);
	return r;
}

static int
read_variable(const json_t *v, struct arena *arena, struct note_variable *ret, struct error *err)
{
	const json_t *about = json_object_get(v, "about"), *words = json_array_get(about, 0);
	int r;

	r = read_name(v, arena, ret, err);
	if (r < 0)
		return r;
	if (about && (!json_is_array(about) || (words && !json_is_string(words))))
		return err_set(err, ERR_INVALID,
			       "variable '" STR_FMT "': \"about\" is not a list of strings",
			       STR_ARG(ret->name));
	r = note_copy(words ? text_of(words) : STR(""), arena, &ret->about, err);
	return r < 0 ? r : read_type(v, about, arena, ret, err);
}

static int check_twice(const struct note_offer *o, struct error *err)
{
	for (size_t i = 0; i < o->n_variables; i++)
		for (size_t k = 0; k < i; k++)
			if (str_eq(o->variables[i].name, o->variables[k].name) &&
			    (o->variables[i].direction == NOTE_OUT) ==
				    (o->variables[k].direction == NOTE_OUT))
				return err_set(err, ERR_INVALID,
					       "variable '" STR_FMT "' is declared twice",
					       STR_ARG(o->variables[i].name));
	return 0;
}

static int
read_variables(const json_t *record, struct arena *arena, struct note_offer *o, struct error *err)
{
	const json_t *list = json_object_get(record, "variables"), *v;
	size_t i;
	int r;

	if (list && !json_is_array(list))
		return err_set(err, ERR_INVALID, "member \"variables\" is not a list");
	o->variables = arena_zalloc(arena, json_array_size(list) * sizeof(*o->variables));
	if (!o->variables)
		return err_nomem(err, "the notes");
	json_array_foreach(list, i, v)
	{
		if (!json_is_object(v))
			return err_set(err, ERR_INVALID, "a variable is not an object");
		if (json_object_size(v) == 0) /* the end mark */
			continue;
		r = read_variable(v, arena, &o->variables[o->n_variables], err);
		if (r < 0)
			return r;
		o->n_variables++;
	}
	return check_twice(o, err);
}

/* ---- options --------------------------------------------------------------------------------- */

/* Adds the string member `key` of an option to a list that has room; absent is fine. */
static int add_string(const json_t *option,
		      const char *key,
		      struct arena *arena,
		      struct str *list,
		      size_t *n,
		      struct error *err)
{
	int r;

	if (!json_object_get(option, key))
		return 0;
	r = note_text(option, key, true, arena, &list[*n], err);
	if (r < 0)
		return r;
	if (list[*n].len == 0)
		return err_set(err, ERR_INVALID, "option \"%s\" is empty", key);
	++*n;
	return 0;
}

/* Absent is fine: 0. */
static int read_type_version(const json_t *option, int32_t *ret, struct error *err)
{
	const json_t *version = json_object_get(option, "version");

	if (version && (!json_is_integer(version) || json_integer_value(version) < 0 ||
			json_integer_value(version) > INT32_MAX))
		return err_set(err, ERR_INVALID,
			       "a task type's \"version\" is not a number from 0 to 2147483647");
	*ret = (int32_t)json_integer_value(version);
	return 0;
}

static int
read_task_type(const json_t *option, struct arena *arena, struct note_offer *o, struct error *err)
{
	struct note_option_type *t = &o->task_types[o->n_task_types];
	size_t n = 0;
	int r;

	t->sync = json_is_true(json_object_get(option, "sync"));
	r = add_string(option, "task_type", arena, &t->type, &n, err);
	if (r == 0 && n > 0)
		r = read_type_version(option, &t->version, err);
	o->n_task_types += n;
	return r;
}

static int
read_timeout(const json_t *option, struct arena *arena, struct note_offer *o, struct error *err)
{
	int64_t ns;
	int r;

	if (!json_object_get(option, "timeout"))
		return 0;
	r = note_text(option, "timeout", true, arena, &o->timeout, err);
	if (r < 0)
		return r;
	if (!parse_duration(o->timeout, &ns) || ns <= 0)
		return err_set(err, ERR_INVALID,
			       "option \"timeout\" is \"" STR_FMT
			       "\", not a duration such as \"90s\"",
			       STR_ARG(o->timeout));
	return 0;
}

static int
read_task_option(const json_t *option, struct arena *arena, struct note_offer *o, struct error *err)
{
	const json_t *retries = json_object_get(option, "retries");

	if (retries) {
		if (!json_is_integer(retries) || json_integer_value(retries) < 0 ||
		    json_integer_value(retries) > UINT32_MAX)
			return err_set(err, ERR_INVALID,
				       "option \"retries\" is not a number from 0 to 4294967295");
		o->retries = json_integer_value(retries);
	}
	o->deck = o->deck || json_is_true(json_object_get(option, "deck"));
	if (json_object_get(option, "cache")) {
		int r = note_text(option, "cache", true, arena, &o->cache, err);

		if (r < 0)
			return r;
	}
	return read_timeout(option, arena, o, err);
}

static int
read_options(const json_t *record, struct arena *arena, struct note_offer *o, struct error *err)
{
	const json_t *list = json_object_get(record, "options"), *option;
	size_t i, n = json_array_size(list);
	int r;

	if (list && !json_is_array(list))
		return err_set(err, ERR_INVALID, "member \"options\" is not a list");
	o->task_types = arena_array(arena, n, sizeof(*o->task_types));
	o->aliases = arena_array(arena, n, sizeof(*o->aliases));
	o->needs = arena_array(arena, n, sizeof(*o->needs));
	if (!o->task_types || !o->aliases || !o->needs)
		return err_nomem(err, "the notes");
	json_array_foreach(list, i, option)
	{
		if (!json_is_object(option))
			return err_set(err, ERR_INVALID, "an option is not an object");
		r = read_task_type(option, arena, o, err);
		if (r == 0)
			r = add_string(option, "alias", arena, o->aliases, &o->n_aliases, err);
		if (r == 0)
			r = add_string(option, "needs", arena, o->needs, &o->n_needs, err);
		if (r == 0)
			r = read_task_option(option, arena, o, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the record ------------------------------------------------------------------------------ */

static bool skip(struct str *s, const char *word)
{
	size_t n = strlen(word);

	if (!str_starts(*s, word))
		return false;
	*s = (struct str){s->ptr + n, s->len - n};
	return true;
}

/* What stands before the next `end`, which is skipped with it. */
static bool take_until(struct str *s, char end, struct str *ret)
{
	const char *at = memchr(s->ptr, end, s->len);

	if (!at)
		return false;
	*ret = (struct str){s->ptr, (size_t)(at - s->ptr)};
	*s = (struct str){at + 1, s->len - ret->len - 1};
	return true;
}

int note_offer_peek(struct str record,
		    struct arena *arena,
		    struct note_offer *ret,
		    struct error *err)
{
	struct str rest = record, name, index;
	int64_t number;
	int r;

	if (!skip(&rest, "{\"task\":\"") || !take_until(&rest, '"', &name) ||
	    !skip(&rest, ",\"index\":") || !take_until(&rest, ',', &index) ||
	    !note_name_valid(name) || !parse_i64(index, &number))
		return 0;
	r = note_copy(name, arena, &name, err);
	if (r < 0)
		return r;
	*ret = (struct note_offer){.name = name, .index = number, .unread = record};
	return 1;
}

int note_offer_read(const json_t *record,
		    const char *kind,
		    struct arena *arena,
		    struct note_offer *ret,
		    struct error *err)
{
	const json_t *index = json_object_get(record, "index");
	struct note_offer o = {.name = STR_NULL, .timeout = STR(""), .cache = STR("")};
	int r;

	r = note_text(record, kind, true, arena, &o.name, err);
	if (r == 0)
		r = note_text(record, "about", false, arena, &o.about, err);
	if (r < 0)
		return r;
	if (!note_name_valid(o.name))
		return err_set(err, ERR_INVALID,
			       "the name '" STR_FMT "' is not letters, digits and underscores "
			       "(no dot, at most 200)",
			       STR_ARG(o.name));
	if (index && !json_is_integer(index))
		return err_set(err, ERR_INVALID, "'" STR_FMT "': \"index\" is not a number",
			       STR_ARG(o.name));
	o.index = json_integer_value(index);
	r = read_options(record, arena, &o, err);
	if (r == 0)
		r = read_variables(record, arena, &o, err);
	if (r < 0)
		return err_wrap(err, "'" STR_FMT "'", STR_ARG(o.name));
	*ret = o;
	return 0;
}
