/* Reading the human form: shared by the files that do it. */
#pragma once

#include "flyte/human.h"
#include "flyte/literal_convert.h"

struct reading {
	struct conversion c; /* arena, error, name, trials */
	const struct human_paths *paths;
	bool exact;     /* 1.0 is no integer now */
	bool ambiguous; /* the value was refused because several variants take it */
};

/* 0, ERR_MISMATCH, ERR_NOMEM or ERR_LIMIT, as literal_convert's parts. */
int read_value(struct reading *r,
	       const struct place *at,
	       const json_t *j,
	       const LiteralType *type,
	       Literal **ret);
int read_union(struct reading *r,
	       const struct place *at,
	       const json_t *j,
	       const LiteralType *type,
	       Literal **ret);
/* Blobs, schemas, structured datasets, binaries, errors: objects with fixed keys. */
int read_object_form(struct reading *r,
		     const struct place *at,
		     const json_t *j,
		     const LiteralType *type,
		     Literal **ret);

/* "expected <want>, got <value>"; want NULL: the type in words. */
int read_expected(struct reading *r,
		  const struct place *at,
		  const char *want,
		  const LiteralType *type,
		  const json_t *got);
/* "string \"x\"", "list of 3" */
void json_describe(const json_t *j, struct buf *out);

static inline struct str json_text(const json_t *j)
{
	return (struct str){json_string_value(j), json_string_length(j)};
}
