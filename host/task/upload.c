#include "task/upload.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "data/data.h"
#include "task/names.h"

static const char *without_scheme(const char *uri)
{
	return str_starts(str_of(uri), "file://") ? uri + strlen("file://") : uri;
}

/* ---- did it come with the inputs? ------------------------------------------------------------ */

static bool holds_uri(const Literal *lit, const char *path);

static bool map_holds_uri(const LiteralMap *map, const char *path)
{
	for (size_t i = 0; map && i < map->n_literals; i++)
		if (holds_uri(map->literals[i]->value, path))
			return true;
	return false;
}

static bool list_holds_uri(const Flyteidl__Core__LiteralCollection *list, const char *path)
{
	for (size_t i = 0; list && i < list->n_literals; i++)
		if (holds_uri(list->literals[i], path))
			return true;
	return false;
}

static bool holds_uri(const Literal *outer, const char *path)
{
	const Literal *lit = literal_inner(outer);
	const Flyteidl__Core__Scalar *blob = scalar_of(lit, SCAL_(BLOB));
	const Flyteidl__Core__Scalar *schema = scalar_of(lit, SCAL_(SCHEMA));
	const Flyteidl__Core__Scalar *dataset = scalar_of(lit, SCAL_(STRUCTURED_DATASET));

	if (blob && blob->blob)
		return streq(without_scheme(blob->blob->uri), path);
	if (schema && schema->schema)
		return streq(without_scheme(schema->schema->uri), path);
	if (dataset && dataset->structured_dataset)
		return streq(without_scheme(dataset->structured_dataset->uri), path);
	if (lit && lit->value_case == LIT_(COLLECTION))
		return list_holds_uri(lit->collection, path);
	if (lit && lit->value_case == LIT_(MAP))
		return map_holds_uri(lit->map, path);
	return false;
}

const char *upload_input_uri(struct exec *e, const char *place)
{
	const char *path = without_scheme(place);

	for (const struct local_copy *l = e->locals; l; l = l->next)
		if (streq(l->path, path))
			return l->uri;
	return map_holds_uri(&e->input_map, path) ? place : NULL;
}

/* ---- new places ------------------------------------------------------------------------------ */

static int check_kind(const char *place, bool multipart, struct error *err)
{
	int kind = data_kind(place, err);

	if (kind == ERR_NOT_FOUND)
		return err_set(err, ERR_INVALID,
			       "%s does not exist; an output has to be a file that is there, or a "
			       "URI with a scheme",
			       place);
	if (kind < 0)
		return kind;
	if (kind == 1 && !multipart)
		return err_set(err, ERR_INVALID, "%s is a directory, but a file is meant", place);
	if (kind == 0 && multipart)
		return err_set(err, ERR_INVALID, "%s is a file, but a directory is meant", place);
	return 0;
}

/* "<raw>/<32 hex>" for a directory, "<raw>/<32 hex>/<name>" for a file. */
static char *new_place(struct exec *e, const char *path, bool multipart, struct error *err)
{
	uint8_t random[16];
	char hex[33];
	char *uri;

	if (random_bytes(random, sizeof(random), err) < 0)
		return NULL;
	hex_encode(random, sizeof(random), hex);
	uri = arena_printf(&e->home.arena, STR_FMT "%s%s%s", STR_ARG(e->raw_prefix), hex,
			   multipart ? "" : "/", multipart ? "" : path_base(path));
	if (!uri)
		err_nomem(err, "a place under the raw output prefix");
	return uri;
}

static bool under_raw_prefix(const struct exec *e, const char *place)
{
	struct str prefix = e->raw_prefix;

	if (str_starts(prefix, "file://")) {
		prefix.ptr += strlen("file://");
		prefix.len -= strlen("file://");
	}
	return prefix.len && strncmp(without_scheme(place), prefix.ptr, prefix.len) == 0;
}

static int note_upload(
	struct exec *e, const char *place, bool multipart, struct str *ret_uri, struct error *err)
{
	_cleanup_(freep) char *path = NULL;
	struct upload *u;
	int r;

	if (e->raw_prefix.len == 0)
		return err_set(err, ERR_INVALID,
			       "%s cannot be uploaded: there is no raw output prefix", place);
	r = data_local(place, NULL, &path, err);
	if (r < 0)
		return r;
	u = arena_zalloc(&e->home.arena, sizeof(*u));
	if (u)
		u->path = arena_strdup(&e->home.arena, path);
	if (!u || !u->path)
		return err_nomem(err, "an upload");
	u->uri = new_place(e, u->path, multipart, err);
	if (!u->uri)
		return err->code;
	u->next = e->uploads;
	e->uploads = u;
	*ret_uri = str_of(u->uri);
	return 0;
}

static const struct upload *find_passed_on(const struct exec *e, const char *uri)
{
	for (const struct upload *u = e->uploads; u; u = u->next)
		if (u->from && streq(u->from, uri))
			return u;
	return NULL;
}

int upload_input_file(void *exec, const char *uri, struct str *ret_uri, struct error *err)
{
	struct error unknown = ERROR_INIT;
	struct exec *e = exec;
	const struct upload *u;
	int r;

	*ret_uri = str_of(uri);
	if (data_is_remote(uri) || e->raw_prefix.len == 0 ||
	    !data_backend_for(e->raw_prefix.ptr, &unknown))
		return 0;
	u = find_passed_on(e, uri);
	if (u) {
		*ret_uri = str_of(u->uri);
		return 0;
	}
	r = check_kind(uri, false, err);
	if (r == 0)
		r = note_upload(e, uri, false, ret_uri, err);
	if (r == 0)
		e->uploads->from = uri;
	return r;
}

int upload_place(
	struct exec *e, const char *place, bool multipart, struct str *ret_uri, struct error *err)
{
	const char *from_input;
	int r;

	if (data_is_remote(place)) {
		*ret_uri = str_of(place);
		return 0;
	}
	from_input = upload_input_uri(e, place);
	if (from_input && multipart) {
		*ret_uri = str_of(from_input);
		return 0;
	}
	if (from_input)
		return upload_input_file(e, from_input, ret_uri, err);
	r = check_kind(place, multipart, err);
	if (r < 0)
		return r;
	if (under_raw_prefix(e, place)) {
		*ret_uri = str_of(place);
		return 0;
	}
	return note_upload(e, place, multipart, ret_uri, err);
}

int upload_all(struct exec *e, struct error *err)
{
	for (const struct upload *u = e->uploads; u; u = u->next) {
		int r = data_put_path(u->path, u->uri, e->ctx->durable, err);

		if (r < 0)
			return err_wrap(err, "upload of %s", u->path);
		log_debug("uploaded %s to %s", u->path, u->uri);
	}
	return 0;
}
