#include "flyte/human_read.h"

#include <math.h>

/* A text that is no JSON, as a JSON string. */
static int
read_as_string(struct reading *r, struct str text, const LiteralType *type, Literal **ret)
{
	json_t *j = json_stringn_nocheck(text.len > 0 ? text.ptr : "", text.len);
	int result;

	if (!j)
		return convert_nomem(&r->c);
	result = read_value(r, NULL, j, type, ret);
	json_decref(j);
	return result;
}

static int read_as_json(struct reading *r, struct str text, const LiteralType *type, Literal **ret)
{
	const char *name = r->c.name ? r->c.name : "value";
	struct error e = ERROR_INIT;
	json_t *j;
	int result = json_parse(text, name, &j, &e);

	if (result == ERR_NOMEM)
		return convert_nomem(&r->c);
	if (result < 0)
		return err_set(r->c.err, ERR_INVALID, "%s", e.message);
	result = read_value(r, NULL, j, type, ret);
	json_decref(j);
	return result;
}

/* Numbers, true, false, null: what is no JSON cannot be one of them. */
static int read_word(struct reading *r, struct str text, const LiteralType *type, Literal **ret)
{
	json_t *j;
	int64_t i;
	double d;
	int result;

	if (type_is_simple(type, SIMPLE_(INTEGER)) && parse_i64(text, &i)) {
		*ret = literal_new_integer(r->c.arena, i);
		return *ret ? 0 : convert_nomem(&r->c);
	}
	result = json_parse(text, "value", &j, NULL);
	if (result == 0) {
		result = read_value(r, NULL, j, type, ret);
		json_decref(j);
		return result;
	}
	if (result == ERR_NOMEM)
		return convert_nomem(&r->c);
	if (type_is_simple(type, SIMPLE_(INTEGER)) && parse_double(text, &d) && isfinite(d))
		return convert_mismatch(&r->c, NULL,
					"integer outside -9223372036854775808 to "
					"9223372036854775807");
	return read_as_string(r, text, type, ret);
}

/* JSON when it is that and some variant takes it, else text. */
static int
read_for_union(struct reading *r, struct str text, const LiteralType *type, Literal **ret)
{
	struct error *err = r->c.err;
	Literal *made = NULL;
	int result, as_text;

	r->c.err = NULL;
	result = read_as_json(r, text, type, &made);
	if (result == ERR_MISMATCH && !r->ambiguous) {
		as_text = read_as_string(r, text, type, &made);
		result = as_text == ERR_MISMATCH && !r->ambiguous ? result : as_text;
	} else if (result == ERR_INVALID) {
		r->c.err = err;
		return read_as_string(r, text, type, ret);
	}
	r->c.err = err;
	if (result == 0)
		*ret = made;
	else if (result == ERR_MISMATCH)
		return read_as_json(r, text, type, ret); /* again, for the sentence */
	return result;
}

static bool is_word_type(const LiteralType *t)
{
	return type_is_simple(t, SIMPLE_(NONE)) || type_is_simple(t, SIMPLE_(INTEGER)) ||
	       type_is_simple(t, SIMPLE_(FLOAT)) || type_is_simple(t, SIMPLE_(BOOLEAN));
}

static bool is_text_type(const LiteralType *t, struct str text)
{
	if (t->type_case == TYPE_(BLOB))
		return text.len == 0 || text.ptr[0] != '{';
	return t->type_case == TYPE_(ENUM_TYPE) || type_is_simple(t, SIMPLE_(STRING)) ||
	       type_is_simple(t, SIMPLE_(DATETIME)) || type_is_simple(t, SIMPLE_(DURATION));
}

static int read_text(struct reading *r, struct str text, const LiteralType *type, Literal **ret)
{
	if (!type || type->type_case == TYPE_(_NOT_SET))
		return convert_mismatch(&r->c, NULL,
					"the interface declares no type for this value");
	if (!utf8_valid(text.ptr, text.len, NULL))
		return convert_mismatch(&r->c, NULL, "the text is not valid UTF-8");
	if (type->type_case == TYPE_(UNION_TYPE))
		return read_for_union(r, text, type, ret);
	if (is_text_type(type, text))
		return read_as_string(r, text, type, ret);
	return is_word_type(type) ? read_word(r, text, type, ret)
				  : read_as_json(r, text, type, ret);
}

int human_text_to_literal(struct str text,
			  const LiteralType *type,
			  const char *name,
			  const struct human_paths *paths,
			  struct arena *arena,
			  Literal **ret,
			  struct error *err)
{
	struct reading r = {.c = {.arena = arena,
				  .err = err,
				  .name = name,
				  .write = true,
				  .by_hand = true,
				  .particular = true},
			    .paths = paths};

	return convert_told(err, read_text(&r, text, type, ret));
}
