#include "flyte/human_read.h"

#include "base/digest.h"

#include <strings.h>

static int made(struct reading *r, Literal *lit, Literal **ret)
{
	if (!lit)
		return convert_nomem(&r->c);
	*ret = lit;
	return 0;
}

/* ---- members --------------------------------------------------------------------------------- */

static int
check_keys(struct reading *r, const struct place *at, const json_t *j, const char *const names[])
{
	json_t *object = (json_t *)j; /* iterating changes nothing */
	size_t n = 0;

	while (names[n])
		n++;
	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
		const char *key = json_object_iter_key(i), *meant;
		bool known = false;

		for (size_t k = 0; k < n; k++)
			known = known || streq(key, names[k]);
		if (known)
			continue;
		meant = r->c.err ? suggest(key, names, n) : NULL;
		return convert_mismatch(&r->c, at, "unknown key \"%s\"; %s \"%s\"%s",
					shown(str_of(key)).text,
					meant ? "did you mean" : "the first known one is",
					meant ? meant : names[0], meant ? "?" : "");
	}
	return 0;
}

/* A text member; absent ones leave *ret as it is unless `required`. */
static int get_text(struct reading *r,
		    const struct place *at,
		    const json_t *j,
		    const char *key,
		    bool required,
		    struct str *ret)
{
	const json_t *member = json_object_get(j, key);
	struct place here = place_key(at, str_of(key));

	if (!member)
		return required ? convert_mismatch(&r->c, at, "the key \"%s\" is missing", key) : 0;
	if (!json_is_string(member))
		return read_expected(r, &here, "text", NULL, member);
	if (strlen(json_string_value(member)) != json_string_length(member))
		return convert_mismatch(&r->c, &here, "text with U+0000 is not supported");
	*ret = json_text(member);
	return 0;
}

static int get_uri(struct reading *r,
		   const struct place *at,
		   const json_t *j,
		   struct str *ret_uri,
		   struct str *ret_format)
{
	static const char *const keys[] = {"uri", "format", NULL};
	int result = check_keys(r, at, j, keys);

	if (result == 0)
		result = get_text(r, at, j, "uri", true, ret_uri);
	if (result == 0)
		result = get_text(r, at, j, "format", false, ret_format);
	return result;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool is_remote(const char *path)
{
	return strstr(path, "://") && !str_starts(str_of(path), "file://");
}

/* Is what lies at the path what the type wants? */
static int
check_path(struct reading *r, const struct place *at, const char *path, const BlobType *type)
{
	bool directory = type->dimensionality == MULTIPART;
	const char *local = str_starts(str_of(path), "file://") ? path + strlen("file://") : path;
	struct error e = ERROR_INIT;
	int kind;

	if (*path == '\0')
		return convert_mismatch(&r->c, at, "expected the path of a %s, got none",
					directory ? "directory" : "file");
	if (is_remote(path) || !r->paths || !r->paths->kind)
		return 0;
	kind = r->paths->kind(r->paths->ctx, local, &e);
	if (kind == ERR_NOMEM)
		return convert_nomem(&r->c);
	if (kind < 0)
		return convert_mismatch(&r->c, at, "%s", e.message);
	if ((kind == 1) != directory)
		return convert_mismatch(&r->c, at, "expected a %s, but \"%s\" is a %s",
					directory ? "directory" : "file", path,
					kind == 1 ? "directory" : "file");
	return 0;
}

static int read_blob(struct reading *r,
		     const struct place *at,
		     const json_t *j,
		     const LiteralType *type,
		     Literal **ret)
{
	const BlobType *t = type->blob;
	struct str uri = STR_NULL, format = str_of(t->format);
	int result;

	if (json_is_string(j)) {
		uri = json_text(j);
		result = strlen(uri.ptr) == uri.len
				 ? check_path(r, at, uri.ptr, t)
				 : convert_mismatch(&r->c, at, "text with U+0000 is not supported");
	} else if (json_is_object(j)) {
		result = get_uri(r, at, j, &uri, &format);
		if (result == 0 && *t->format && format.len > 0 && !str_is(format, t->format))
			result =
				convert_mismatch(&r->c, at, "expected format \"%s\", got \"%s\"",
						 shown(str_of(t->format)).text, shown(format).text);
	} else {
		return read_expected(r, at,
				     t->dimensionality == MULTIPART
					     ? "the path of a directory or {\"uri\":…}"
					     : "the path of a file or {\"uri\":…}",
				     type, j);
	}
	if (result < 0)
		return result;
	return made(r,
		    literal_new_blob(r->c.arena, uri, format.len > 0 ? format : str_of(t->format),
				     t->dimensionality == MULTIPART),
		    ret);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static int read_schema(struct reading *r,
		       const struct place *at,
		       const json_t *j,
		       const LiteralType *type,
		       Literal **ret)
{
	struct str uri = STR_NULL, format = STR_NULL;
	int result;

	if (!json_is_object(j))
		return read_expected(r, at, "schema like {\"uri\":…}", type, j);
	result = get_uri(r, at, j, &uri, &format);
	if (result < 0)
		return result;
	if (format.len > 0 && strcasecmp(format.ptr, "parquet") != 0)
		return convert_mismatch(&r->c, at,
					"a schema is always in format parquet, not \"%s\"",
					shown(format).text);
	return made(r, literal_new_schema(r->c.arena, uri, type->schema), ret);
}

static int read_dataset(struct reading *r,
			const struct place *at,
			const json_t *j,
			const LiteralType *type,
			Literal **ret)
{
	const DatasetType *want = type->structured_dataset_type;
	struct str uri = STR_NULL, format = str_of(want->format);
	DatasetType *t;
	int result;

	if (!json_is_object(j))
		return read_expected(r, at, "structured dataset like {\"uri\":…,\"format\":…}",
				     type, j);
	result = get_uri(r, at, j, &uri, &format);
	if (result < 0)
		return result;
	if (*want->format && format.len > 0 && strcasecmp(format.ptr, want->format) != 0)
		return convert_mismatch(&r->c, at, "expected format \"%s\", got \"%s\"",
					shown(str_of(want->format)).text, shown(format).text);
	t = arena_memdup(r->c.arena, want, sizeof(*want));
	if (!t)
		return convert_nomem(&r->c);
	if (format.len > 0)
		t->format = arena_strndup(r->c.arena, format.ptr, format.len);
	if (!t->format)
		return convert_nomem(&r->c);
	return made(r, literal_new_dataset(r->c.arena, uri, t), ret);
}

/* ---- binary and error ------------------------------------------------------------------------ */

static int read_binary(struct reading *r,
		       const struct place *at,
		       const json_t *j,
		       const LiteralType *type,
		       Literal **ret)
{
	static const char *const keys[] = {"base64", "tag", NULL};
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	struct str text = STR_NULL, tag = STR_NULL;
	int result;

	if (!json_is_object(j))
		return read_expected(r, at, "binary like {\"tag\":…,\"base64\":…}", type, j);
	result = check_keys(r, at, j, keys);
	if (result == 0)
		result = get_text(r, at, j, "base64", true, &text);
	if (result == 0)
		result = get_text(r, at, j, "tag", false, &tag);
	if (result < 0)
		return result;
	if (!base64_decode(text, &bytes))
		return bytes.failed ? convert_nomem(&r->c)
				    : convert_mismatch(&r->c, at, "\"base64\" is not base64 text");
	return made(r, literal_new_binary(r->c.arena, (struct str){bytes.data, bytes.len}, tag),
		    ret);
}

static int read_error(struct reading *r,
		      const struct place *at,
		      const json_t *j,
		      const LiteralType *type,
		      Literal **ret)
{
	static const char *const keys[] = {"message", "failed_node_id", NULL};
	struct str message = STR_NULL, node = STR_NULL;
	int result;

	if (!json_is_object(j))
		return read_expected(r, at, "error like {\"message\":…}", type, j);
	result = check_keys(r, at, j, keys);
	if (result == 0)
		result = get_text(r, at, j, "message", true, &message);
	if (result == 0)
		result = get_text(r, at, j, "failed_node_id", false, &node);
	return result < 0 ? result : made(r, literal_new_error(r->c.arena, node, message), ret);
}

int read_object_form(struct reading *r,
		     const struct place *at,
		     const json_t *j,
		     const LiteralType *type,
		     Literal **ret)
{
	switch (type->type_case) {
	case TYPE_(BLOB):
		return read_blob(r, at, j, type, ret);
	case TYPE_(SCHEMA):
		return read_schema(r, at, j, type, ret);
	case TYPE_(STRUCTURED_DATASET_TYPE):
		return read_dataset(r, at, j, type, ret);
	default:
		return type_is_simple(type, SIMPLE_(ERROR)) ? read_error(r, at, j, type, ret)
							    : read_binary(r, at, j, type, ret);
	}
}
