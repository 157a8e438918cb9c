#include "flyte/pbjson_number.h"

#include "base/mem.h"
#include "base/whole.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_SHOWN 100
#define EXACT      9007199254740992.0 /* 2^53: up to here a double holds every integer */

static const char *kind_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_NULL:
		return "null";
	default:
		return "a boolean";
	}
}

int pbjson_unexpected(const struct path_frame *f,
		      const char *wanted,
		      const json_t *v,
		      struct error *err)
{
	if (json_is_string(v)) {
		struct str shown = path_cut(pbjson_text(v), TEXT_SHOWN);

		return path_err(f, err, ERR_INVALID, "expected %s, not the string \"" STR_FMT "\"",
				wanted, STR_ARG(shown));
	}
	return path_err(f, err, ERR_INVALID, "expected %s, not %s", wanted, kind_of(v));
}

static int
parse_floating(const struct path_frame *f, const json_t *v, double *ret, struct error *err)
{
	if (json_is_number(v))
		*ret = json_number_value(v);
	else if (!json_is_string(v) || !parse_double(pbjson_text(v), ret))
		return pbjson_unexpected(f, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"", v,
					 err);
	return 0;
}

/* Integers that jansson read as real, or that are written as text. */
static int
exact_integer(const struct path_frame *f, const json_t *v, int64_t *ret, struct error *err)
{
	double d = json_real_value(v);

	if (json_is_string(v) && !parse_double(pbjson_text(v), &d))
		return pbjson_unexpected(f, "an integer", v, err);
	if (!is_whole(d))
		return path_err(f, err, ERR_INVALID, "expected an integer, not %.17g", d);
	if (fabs(d) > EXACT)
		return path_err(f, err, ERR_INVALID,
				"%.17g is too large to be read exactly here; write it as a string "
				"of digits",
				d);
	*ret = (int64_t)d;
	return 0;
}

static int parse_unsigned(
	const struct path_frame *f, const json_t *v, uint64_t max, uint64_t *ret, struct error *err)
{
	int64_t i = 0;
	uint64_t u;
	int r = 0;

	if (json_is_string(v) && parse_u64(pbjson_text(v), &u)) {
		if (u > max)
			goto range;
		*ret = u;
		return 0;
	}
	if (json_is_integer(v))
		i = json_integer_value(v);
	else if (json_is_real(v) || json_is_string(v))
		r = exact_integer(f, v, &i, err);
	else
		r = pbjson_unexpected(f, "an integer", v, err);
	if (r < 0)
		return r;
	if (i < 0 || (uint64_t)i > max)
		goto range;
	*ret = (uint64_t)i;
	return 0;

range:
	return path_err(f, err, ERR_INVALID, "out of range; expected 0 to %" PRIu64, max);
}

static int parse_signed(const struct path_frame *f,
			const json_t *v,
			int64_t min,
			int64_t max,
			int64_t *ret,
			struct error *err)
{
	int64_t i = 0;
	int r = 0;

	if (json_is_integer(v))
		i = json_integer_value(v);
	else if (json_is_string(v) && parse_i64(pbjson_text(v), &i))
		r = 0;
	else if (json_is_real(v) || json_is_string(v))
		r = exact_integer(f, v, &i, err);
	else
		r = pbjson_unexpected(f, "an integer", v, err);
	if (r < 0)
		return r;
	if (i < min || i > max)
		return path_err(f, err, ERR_INVALID,
				"out of range; expected %" PRId64 " to %" PRId64, min, max);
	*ret = i;
	return 0;
}

static int parse_enum(const struct path_frame *f, const json_t *v, int64_t *ret, struct error *err)
{
	const struct enum_desc *e = f->field->enumeration;
	_cleanup_(freep) const char **names = NULL;
	const struct enum_value *found;
	struct str shown;
	const char *close;

	if (json_is_null(v)) { /* only NullValue gets here with null */
		*ret = 0;
		return 0;
	}
	if (!json_is_string(v) || parse_i64(pbjson_text(v), ret))
		return parse_signed(f, v, INT32_MIN, INT32_MAX, ret, err);
	found = enum_value_named(e, pbjson_text(v));
	if (found) {
		*ret = found->number;
		return 0;
	}
	shown = path_cut(pbjson_text(v), TEXT_SHOWN);
	names = calloc(e->n_values, sizeof(*names));
	for (size_t i = 0; names && i < e->n_values; i++)
		names[i] = e->values[i].name;
	close = names ? suggest(json_string_value(v), names, e->n_values) : NULL;
	return path_err(f, err, ERR_INVALID, "%s has no value \"" STR_FMT "\"%s%s%s", e->name,
			STR_ARG(shown), close ? "; did you mean \"" : "", close ? close : "",
			close ? "\"?" : "");
}

int pbjson_number(const struct path_frame *f, const json_t *v, uint64_t *ret, struct error *err)
{
	double d = 0;
	float narrow;
	uint32_t bits;
	int64_t i = 0;
	int r;

	switch (f->field->type) {
	case FIELD_DOUBLE:
		r = parse_floating(f, v, &d, err);
		memcpy(ret, &d, sizeof(d));
		return r;
	case FIELD_FLOAT:
		r = parse_floating(f, v, &d, err);
		narrow = (float)d;
		if (r == 0 && isinf(narrow) && !isinf(d))
			return path_err(f, err, ERR_INVALID, "%.17g does not fit a float", d);
		memcpy(&bits, &narrow, sizeof(bits));
		*ret = bits;
		return r;
	case FIELD_UINT64:
		return parse_unsigned(f, v, UINT64_MAX, ret, err);
	case FIELD_UINT32:
		return parse_unsigned(f, v, UINT32_MAX, ret, err);
	case FIELD_BOOL:
		*ret = json_is_true(v);
		return json_is_boolean(v) ? 0 : pbjson_unexpected(f, "true or false", v, err);
	case FIELD_ENUM:
		r = parse_enum(f, v, &i, err);
		break;
	case FIELD_INT32:
		r = parse_signed(f, v, INT32_MIN, INT32_MAX, &i, err);
		break;
	default:
		r = parse_signed(f, v, INT64_MIN, INT64_MAX, &i, err);
		break;
	}
	*ret = (uint64_t)i;
	return r;
}

/* ---- the text -------------------------------------------------------------------------------- */

static bool needs_exponent(struct str token)
{
	size_t digits = 0;
	int64_t v;

	for (size_t i = 0; i < token.len; i++) {
		if (token.ptr[i] == '.' || token.ptr[i] == 'e' || token.ptr[i] == 'E')
			return false;
		digits += token.ptr[i] >= '0' && token.ptr[i] <= '9';
	}
	return str_is(token, "-0") || (digits >= 19 && !parse_i64(token, &v));
}

static size_t skip_string(struct str text, size_t i)
{
	for (i++; i < text.len && text.ptr[i] != '"'; i++)
		if (text.ptr[i] == '\\')
			i++;
	return MIN(i + 1, text.len);
}

static size_t token_end(struct str text, size_t i)
{
	while (i < text.len && text.ptr[i] != '\0' && strchr("+-.eE0123456789", text.ptr[i]))
		i++;
	return i;
}

void pbjson_rewrite_numbers(struct str text, struct buf *out)
{
	size_t done = 0;

	for (size_t i = 0; i < text.len;) {
		size_t start = i;
		char c = text.ptr[i];

		if (c == '"') {
			i = skip_string(text, i);
			continue;
		}
		i = c == '-' || (c >= '0' && c <= '9') ? token_end(text, i) : i + 1;
		if (i - start < 2 || !needs_exponent((struct str){text.ptr + start, i - start}))
			continue;
		buf_append(out, text.ptr + done, i - done);
		buf_puts(out, "e0");
		done = i;
	}
	if (done > 0)
		buf_append(out, text.ptr + done, text.len - done);
}

/* ---- printing -------------------------------------------------------------------------------- */

void pbjson_put_wide(struct jw *w, uint64_t bits, bool is_signed)
{
	char text[24];
	int n;

	if (is_signed)
		n = snprintf(text, sizeof(text), "%" PRId64, (int64_t)bits);
	else
		n = snprintf(text, sizeof(text), "%" PRIu64, bits);
	jw_str(w, (struct str){text, (size_t)n});
}

/* The shortest text of a float is also the shortest text of the double it names. */
void pbjson_put_float(struct jw *w, uint32_t bits)
{
	char text[32];
	float v;

	memcpy(&v, &bits, sizeof(v));
	if (!isfinite(v)) {
		jw_float(w, (double)v);
		return;
	}
	for (int digits = 1; digits <= 9; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, (double)v);
		if (strtof(text, NULL) == v)
			break;
	}
	jw_float(w, strtod(text, NULL));
}

void pbjson_put_double(struct jw *w, uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	jw_float(w, v);
}
