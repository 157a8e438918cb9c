#include "task/offload.h"

#include "base/digest.h"
#include "base/json.h"
#include "data/data.h"
#include "desc_table.h"
#include "flyte/document.h"
#include "flyte/message.h"
#include "flyte/pbjson.h"
#include "task/names.h"

#include <stdio.h>

#define OFFLOADED_MAX ((size_t)2 << 30) /* bytes of one file */
#define CHAIN_MAX     4                 /* an offloaded literal that is offloaded again */
#define FILE_SUFFIX   "_offloaded_metadata.pb"

/* ---- reading --------------------------------------------------------------------------------- */

static int fetch_one(Literal **lit, struct arena *arena, struct error *err)
{
	const char *uri = (*lit)->offloaded_metadata ? (*lit)->offloaded_metadata->uri : "";
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	Literal *inner;
	char *copy;
	int r = data_get(uri, "offloaded literal", OFFLOADED_MAX, &bytes, err);

	if (r < 0)
		return r == ERR_INVALID ? err_set(err, ERR_IO, "offloaded literal %s", uri) : r;
	copy = arena_memdup(arena, bytes.len ? bytes.data : "", bytes.len);
	if (!copy)
		return err_nomem(err, "an offloaded literal");
	r = literal_decode((struct str){copy, bytes.len}, uri, arena, &inner, err);
	if (r < 0)
		return r;
	*lit = inner;
	return 0;
}

static int fetch_literal(Literal **lit, struct arena *arena, struct error *err);

static int
fetch_list(Flyteidl__Core__LiteralCollection *list, struct arena *arena, struct error *err)
{
	int r = 0;

	for (size_t i = 0; list && i < list->n_literals && r == 0; i++)
		r = fetch_literal(&list->literals[i], arena, err);
	return r;
}

/* Nesting is bounded by what decoding accepts. */
static int fetch_literal(Literal **lit, struct arena *arena, struct error *err)
{
	int chain = 0;
	int r = 0;

	while (*lit && (*lit)->value_case == LIT_(OFFLOADED_METADATA)) {
		if (++chain > CHAIN_MAX)
			return err_set(err, ERR_INVALID,
				       "an offloaded literal is offloaded over and over");
		r = fetch_one(lit, arena, err);
		if (r < 0)
			return r;
	}
	if (!*lit)
		return 0;
	if ((*lit)->value_case == LIT_(COLLECTION))
		return fetch_list((*lit)->collection, arena, err);
	if ((*lit)->value_case == LIT_(MAP) && (*lit)->map)
		return offload_fetch((*lit)->map, arena, err);
	if (scalar_of(*lit, SCAL_(UNION)) && (*lit)->scalar->union_)
		return fetch_literal(&(*lit)->scalar->union_->value, arena, err);
	return 0;
}

int offload_fetch(LiteralMap *map, struct arena *arena, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < map->n_literals && r == 0; i++)
		r = fetch_literal(&map->literals[i]->value, arena, err);
	return r;
}

/* ---- flytekit's hash ------------------------------------------------------------------------- */

/* As Python's json.dumps: ASCII only, \u with lower-case digits, pairs beyond U+FFFF. */
static void put_escaped(unsigned c, struct buf *out)
{
	if (c > 0xffff) {
		c -= 0x10000;
		buf_printf(out, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
	} else {
		buf_printf(out, "\\u%04x", c);
	}
}

static unsigned decode_char(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;

	switch (n) {
	case 2:
		return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
	case 3:
		return (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	case 4:
		return (u[0] & 0x07u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 |
		       (u[3] & 0x3fu);
	default:
		return u[0];
	}
}

static void put_string(struct str s, struct buf *out)
{
	static const char short_forms[] = "\"\"\\\\\nn\rr\tt\bb\ff";

	buf_putc(out, '"');
	for (size_t i = 0; i < s.len;) {
		size_t n = utf8_char(s.ptr + i, s.len - i);
		unsigned c = decode_char(s.ptr + i, n);
		const char *found = NULL;

		for (size_t k = 0; n == 1 && k + 1 < sizeof(short_forms) - 1; k += 2)
			if ((unsigned char)short_forms[k] == c)
				found = &short_forms[k + 1];
		if (found)
			buf_printf(out, "\\%c", *found);
		else if (c < 0x20 || c > 0x7e)
			put_escaped(c, out);
		else
			buf_putc(out, (char)c);
		i += n ? n : 1;
	}
	buf_putc(out, '"');
}

/* As Python's repr of a float: format_double's text, but never without a point or an exponent. */
static void put_number(double v, struct buf *out)
{
	char text[32];

	format_double(v, text);
	buf_puts(out, text);
	if (!strpbrk(text, ".e"))
		buf_puts(out, ".0");
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_sorted(const json_t *j, struct buf *out);

static void put_object(const json_t *j, struct buf *out)
{
	size_t n = json_object_size(j), i = 0;
	_cleanup_(freep) const char **names = calloc(n ? n : 1, sizeof(*names));
	const char *key;
	json_t *value;

	if (!names) {
		out->failed = ERR_NOMEM;
		return;
	}
	json_object_foreach((json_t *)j, key, value) names[i++] = key;
	qsort(names, n, sizeof(*names), compare_names);
	buf_putc(out, '{');
	for (i = 0; i < n; i++) {
		if (i)
			buf_putc(out, ',');
		put_string(str_of(names[i]), out);
		buf_putc(out, ':');
		put_sorted(json_object_get(j, names[i]), out);
	}
	buf_putc(out, '}');
}

/* All numbers in a literal's JSON are doubles; 64-bit integers are strings there. */
static void put_sorted(const json_t *j, struct buf *out)
{
	size_t n = json_array_size(j);

	switch (json_typeof(j)) {
	case JSON_OBJECT:
		put_object(j, out);
		break;
	case JSON_ARRAY:
		buf_putc(out, '[');
		for (size_t i = 0; i < n; i++) {
			if (i)
				buf_putc(out, ',');
			put_sorted(json_array_get(j, i), out);
		}
		buf_putc(out, ']');
		break;
	case JSON_STRING:
		put_string((struct str){json_string_value(j), json_string_length(j)}, out);
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		put_number(json_number_value(j), out);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		buf_puts(out, json_is_true(j) ? "true" : "false");
		break;
	case JSON_NULL:
	default:
		buf_puts(out, "null");
		break;
	}
}

int offload_hash(const Literal *lit, struct buf *out, struct error *err)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT, text = BUF_INIT, sorted = BUF_INIT;
	const struct message_desc *type = MESSAGE_DESC(flyteidl__core__literal);
	uint8_t digest[SHA256_SIZE];
	json_t *j = NULL;
	int r = message_encode(&lit->base, &wire, err);

	if (r == 0)
		r = pbjson_print(type, (struct str){wire.data, wire.len}, 0, &text, err);
	if (r == 0)
		r = json_parse((struct str){text.data, text.len}, "literal", &j, err);
	if (r != 0)
		return r;
	put_sorted(j, &sorted);
	json_decref(j);
	r = buf_check(&sorted, "the hash of a literal", err);
	if (r < 0)
		return r;
	sha256(sorted.data, sorted.len, digest);
	base64_encode(digest, sizeof(digest), out);
	return buf_check(out, "the hash of a literal", err);
}

/* ---- writing --------------------------------------------------------------------------------- */

static int add_file(struct task_result *r, const char *name, struct buf *bytes, struct error *err)
{
	struct task_offloaded *files =
		realloc(r->offloaded, (r->n_offloaded + 1) * sizeof(*r->offloaded));
	char *file;

	if (!files)
		return err_nomem(err, "an offloaded output");
	r->offloaded = files;
	file = malloc(strlen(name) + sizeof(FILE_SUFFIX));
	if (!file)
		return err_nomem(err, "an offloaded output");
	sprintf(file, "%s" FILE_SUFFIX, name);
	r->offloaded[r->n_offloaded++] = (struct task_offloaded){.file = file, .bytes = *bytes};
	*bytes = (struct buf)BUF_INIT;
	return 0;
}

static Literal *
reference(struct exec *e, const char *name, const Literal *lit, size_t size, struct error *err)
{
	struct arena *arena = &e->home.arena;
	const Variable *declared = interface_find(
		e->params->template->interface ? e->params->template->interface->outputs : NULL,
		str_of(name));
	const LiteralType *type = declared ? declared->type : literal_type_of(lit, arena);
	_cleanup_(buf_done) struct buf hash = BUF_INIT;
	_cleanup_(freep) char *prefix = NULL, *uri = NULL;
	_cleanup_(buf_done) struct buf file = BUF_INIT;
	Literal *ref;

	buf_printf(&file, "%s" FILE_SUFFIX, name);
	prefix = strndup(e->ctx->items[TH_CTX_OUTPUT_PREFIX].ptr
				 ? e->ctx->items[TH_CTX_OUTPUT_PREFIX].ptr
				 : "",
			 e->ctx->items[TH_CTX_OUTPUT_PREFIX].len);
	if (prefix && !file.failed)
		uri = data_join(prefix, file.data);
	ref = uri ? literal_new_offloaded(arena, str_of(uri), size, type) : NULL;
	if (!ref) {
		err_nomem(err, "an offloaded output");
		return NULL;
	}
	if (lit->hash && *lit->hash) {
		ref->hash = lit->hash;
		return ref;
	}
	if (offload_hash(lit, &hash, err) < 0)
		return NULL;
	ref->hash = arena_strndup(arena, hash.data, hash.len);
	return ref->hash ? ref : (err_nomem(err, "an offloaded output"), NULL);
}

int offload_outputs(struct exec *e, LiteralMap *map, struct task_result *r, struct error *err)
{
	const struct task_context *ctx = e->ctx;

	for (size_t i = 0; ctx->offload_min_bytes > 0 && i < map->n_literals; i++) {
		_cleanup_(buf_done) struct buf bytes = BUF_INIT;
		LiteralEntry *entry = map->literals[i];
		Literal *ref;
		int n = message_encode(&entry->value->base, &bytes, err);

		if (n < 0)
			return n;
		if ((int64_t)bytes.len >= ctx->offload_max_bytes)
			return err_set(err, ERR_LIMIT,
				       "output '%s' is %zu bytes; literals of %lld bytes and more "
				       "are not allowed (_F_L_MAX_SIZE_MB). Write a file instead",
				       entry->key, bytes.len, (long long)ctx->offload_max_bytes);
		if ((int64_t)bytes.len < ctx->offload_min_bytes)
			continue;
		if (strchr(entry->key, '/'))
			return err_set(
				err, ERR_LIMIT,
				"output '%s' has to be offloaded, but its name is no file name",
				entry->key);
		ref = reference(e, entry->key, entry->value, bytes.len, err);
		if (!ref)
			return err->code;
		n = add_file(r, entry->key, &bytes, err);
		if (n < 0)
			return n;
		entry->value = ref;
	}
	return 0;
}
