#include "cli/inputs_absolute.h"

#include "data/data.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct walk {
	struct arena *arena;
	char *directory;
	struct error *err;
};

static int fix_uri(struct walk *w, char **uri)
{
	char *absolute;

	if (!*uri || **uri == '\0' || **uri == '/' || data_scheme(*uri).len > 0)
		return 0;
	absolute = arena_printf(w->arena, "%s/%s", w->directory,
				strncmp(*uri, "./", 2) == 0 ? *uri + 2 : *uri);
	if (!absolute)
		return err_nomem(w->err, "the inputs");
	*uri = absolute;
	return 0;
}

static int fix_literal(struct walk *w, Literal *lit);

static int fix_scalar(struct walk *w, Flyteidl__Core__Scalar *s)
{
	switch (s->value_case) {
	case FLYTEIDL__CORE__SCALAR__VALUE_BLOB:
		return fix_uri(w, &s->blob->uri);
	case FLYTEIDL__CORE__SCALAR__VALUE_SCHEMA:
		return fix_uri(w, &s->schema->uri);
	case FLYTEIDL__CORE__SCALAR__VALUE_STRUCTURED_DATASET:
		return fix_uri(w, &s->structured_dataset->uri);
	case FLYTEIDL__CORE__SCALAR__VALUE_UNION:
		return fix_literal(w, s->union_->value);
	default:
		return 0;
	}
}

/* As deep as the inputs are, which the reading of them has bounded. */
static int fix_literal(struct walk *w, Literal *lit)
{
	int rc = 0;

	if (!lit)
		return 0;
	switch (lit->value_case) {
	case FLYTEIDL__CORE__LITERAL__VALUE_SCALAR:
		return fix_scalar(w, lit->scalar);
	case FLYTEIDL__CORE__LITERAL__VALUE_COLLECTION:
		for (size_t i = 0; rc == 0 && i < lit->collection->n_literals; i++)
			rc = fix_literal(w, lit->collection->literals[i]);
		return rc;
	case FLYTEIDL__CORE__LITERAL__VALUE_MAP:
		for (size_t i = 0; rc == 0 && i < lit->map->n_literals; i++)
			rc = fix_literal(w, lit->map->literals[i]->value);
		return rc;
	default:
		return 0;
	}
}

int inputs_make_absolute(LiteralMap *map, struct arena *arena, struct error *err)
{
	_cleanup_(freep) char *directory = getcwd(NULL, 0);
	struct walk w = {.arena = arena, .directory = directory, .err = err};
	int rc = 0;

	if (!directory)
		return err_set_errno(err, err_from_errno(errno), errno, "the working directory");
	for (size_t i = 0; rc == 0 && i < map->n_literals; i++)
		rc = fix_literal(&w, map->literals[i]->value);
	return rc;
}
