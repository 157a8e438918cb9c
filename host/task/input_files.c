/* Local files among the inputs, before anybody reads them: flytekit refuses what is not there while
 * it converts the inputs, so the error is one of the system and not of the task. */
#include "task/inputs.h"

#include "data/data.h"
#include "task/names.h"

static int check_list(const Flyteidl__Core__LiteralCollection *list, struct error *err)
{
	int r = 0;

	for (size_t i = 0; list && i < list->n_literals && r == 0; i++)
		r = input_files_check(list->literals[i], err);
	return r;
}

static int check_map(const LiteralMap *map, struct error *err)
{
	int r = 0;

	for (size_t i = 0; map && i < map->n_literals && r == 0; i++)
		r = input_files_check(map->literals[i]->value, err);
	return r;
}

static bool is_pickle(const Flyteidl__Core__Blob *blob)
{
	return streq(blob->metadata->type->format, "PythonPickle");
}

static int check_blob(const Flyteidl__Core__Blob *blob, struct error *err)
{
	bool directory;
	int kind;

	if (!blob || !blob->metadata || !blob->metadata->type || is_pickle(blob) ||
	    data_is_remote(blob->uri))
		return 0;
	directory = blob->metadata->type->dimensionality ==
		    FLYTEIDL__CORE__BLOB_TYPE__BLOB_DIMENSIONALITY__MULTIPART;
	kind = data_kind(blob->uri, NULL);
	if (kind == (directory ? 1 : 0))
		return 0;
	return err_set(err, ERR_MISMATCH, "Expected a %s, but %s is not a %s",
		       directory ? "directory" : "file", blob->uri,
		       directory ? "directory" : "file");
}

/* As deep as what was decoded, so bounded. */
int input_files_check(const Literal *literal, struct error *err)
{
	const Flyteidl__Core__Scalar *s;

	if (!literal)
		return 0;
	switch (literal->value_case) {
	case LIT_(COLLECTION):
		return check_list(literal->collection, err);
	case LIT_(MAP):
		return check_map(literal->map, err);
	case LIT_(SCALAR):
		break;
	default:
		return 0;
	}
	s = literal->scalar;
	if (s && s->value_case == SCAL_(UNION) && s->union_)
		return input_files_check(s->union_->value, err);
	return s && s->value_case == SCAL_(BLOB) ? check_blob(s->blob, err) : 0;
}
