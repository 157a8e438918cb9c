/* The JSON that people type and read (`run`, `task submit`): plain values, guided by the declared
 * types. integer, float, string, boolean as JSON; datetime RFC 3339; duration "90.5s"; none null;
 * enum its string; list, map, struct, msgpack as JSON; union the value itself, or
 * {"type":"int","value":3} to choose a variant; blob {"uri":…,"format":…} or a bare path; schema
 * and structured dataset {"uri":…,"format":…}; binary {"tag":…,"base64":…}; error {"message":…}. */
#pragma once

#include "base/json.h"
#include "flyte/literal.h"

/* Facts about paths that only the caller can know. NULL: bare paths are taken as files. */
struct human_paths {
	/* 1 a directory, 0 a file, negative: does not exist (an error in the caller's words). */
	int (*kind)(void *ctx, const char *path, struct error *err);
	void *ctx;
};

/* Integers may be written 1.0 or 1e3 when they are exact; floats also as "NaN", "Infinity" and
 * "-Infinity". In a union 1.0 is a float if there is one. A struct becomes msgpack, its fields as
 * its type declares them; fields that are not declared are refused where its schema says so.
 *
 * `name` leads the error messages: "input 'xs'[2]: expected integer, got string". An ambiguous
 * union value is an error that names the variants that would take it. */
int human_to_literal(const json_t *j,
		     const LiteralType *type,
		     const char *name,
		     const struct human_paths *paths,
		     struct arena *arena,
		     Literal **ret,
		     struct error *err);

/* The same from one command line value: JSON where the type wants JSON, else the bare text (a
 * string needs no quotes; true/false; numbers; times; a list or struct as JSON). For a union the
 * text is JSON if it is that and some variant takes it, else a string. Text that is no JSON where
 * JSON is wanted: ERR_INVALID. */
int human_text_to_literal(struct str text,
			  const LiteralType *type,
			  const char *name,
			  const struct human_paths *paths,
			  struct arena *arena,
			  Literal **ret,
			  struct error *err);

/* Prints a literal in that form; `type` may be NULL. Map keys are sorted. ERR_INVALID for times
 * that RFC 3339 cannot say; what has been printed by then stays in the buffer. */
int human_print(const Literal *lit, const LiteralType *type, struct jw *out, struct error *err);
