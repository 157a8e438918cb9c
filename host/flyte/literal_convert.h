/* One literal_convert under way, shared by the files that do it. All functions return 0,
 * ERR_MISMATCH, ERR_NOMEM or ERR_LIMIT. */
#pragma once

#include "flyte/literal_parts.h"
#include "flyte/literal_place.h"
#include "flyte/value.h"

struct conversion {
	struct arena *arena;
	struct error *err; /* NULL while variants are tried: nobody reads those sentences */
	const char *name;  /* leads the sentences, before the path; NULL when there is none */
	bool write;
	bool exact;      /* inside containers too, an integer is no float and the reverse */
	bool by_hand;    /* typed by a person: only what is certain to be meant passes */
	bool particular; /* to tell variants apart, also what decoders read over counts */
	const struct literal_renewal *renewal; /* what is written came from an input; or NULL */
	unsigned trying;                       /* unions tried inside each other, right now */
	size_t steps;                          /* values looked at while trying */
};

/* To literals of the declared type. *ret is `lit` when nothing has to change. */
int convert_literal(struct conversion *c,
		    const struct place *at,
		    const Literal *lit,
		    const LiteralType *type,
		    Literal **ret);
/* From inside a Struct or msgpack. `exact`: an integer is no float and the reverse. */
int convert_value(struct conversion *c,
		  const struct place *at,
		  struct value v,
		  const LiteralType *type,
		  bool exact,
		  Literal **ret);

/* The parts, by declared type. */
int convert_simple(struct conversion *c,
		   const struct place *at,
		   const Literal *lit,
		   const LiteralType *type,
		   Literal **ret);
int convert_enum(struct conversion *c,
		 const struct place *at,
		 const Literal *lit,
		 const LiteralType *type,
		 Literal **ret);
int convert_blob(struct conversion *c,
		 const struct place *at,
		 const Literal *lit,
		 const LiteralType *type,
		 Literal **ret);
int convert_schema(struct conversion *c,
		   const struct place *at,
		   const Literal *lit,
		   const LiteralType *type,
		   Literal **ret);
int convert_dataset(struct conversion *c,
		    const struct place *at,
		    const Literal *lit,
		    const LiteralType *type,
		    Literal **ret);
int convert_to_union(struct conversion *c,
		     const struct place *at,
		     const Literal *lit,
		     const LiteralType *type,
		     Literal **ret);
int convert_value_to_union(struct conversion *c,
			   const struct place *at,
			   struct value v,
			   const LiteralType *type,
			   Literal **ret);

/* Does the content of a struct, opened, have the fields that the type declares? */
int check_structured(struct conversion *c,
		     const struct place *at,
		     struct value v,
		     const LiteralType *type);
/* The same for a literal's whole content, which without any description has to be a map. */
int check_document(struct conversion *c,
		   const struct place *at,
		   struct value v,
		   const LiteralType *type);

/* Where a file that is passed on will be. */
int renew_place(struct conversion *c, const struct place *at, const char *uri, struct str *ret);
/* As flytekit writes a document, opened, that it has read from an input. */
int renew_document(struct conversion *c,
		   const struct place *at,
		   const Literal *lit,
		   struct value v,
		   const LiteralType *type,
		   Literal **ret);

/* Opens msgpack; malformed documents are a mismatch with the reason. */
int convert_open(struct conversion *c,
		 const struct place *at,
		 const Literal *lit,
		 struct value *ret);

int convert_mismatch(struct conversion *c, const struct place *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* "expected <type>, got <value>" */
int convert_expected(struct conversion *c,
		     const struct place *at,
		     const LiteralType *type,
		     struct value got);
int convert_nomem(struct conversion *c);
/* Gives a result that is neither 0 nor ERR_MISMATCH its sentence; returns `r`. */
int convert_told(struct error *err, int r);
/* ERR_LIMIT when trying variants has become too much work. */
int convert_step(struct conversion *c);

/* `made` with hash and metadata of `from`; NULL stays NULL. */
Literal *keep_annotations(const Literal *from, Literal *made);

/* The tag of a union's variant: as declared, else the one flytekit gives this type. */
const char *variant_tag(const LiteralType *variant);
/* The variant as a union literal stores it, with its tag; NULL when out of memory. */
const LiteralType *variant_tagged(struct arena *a, const LiteralType *variant);

bool enum_has(const EnumType *e, struct str value);
bool literal_is_annotated(const Literal *lit);
/* ISO 8601 as Python writes it: with an offset, without one (UTC is meant), or a date. */
bool iso_time_parse(struct str s, int64_t *ret_seconds, int32_t *ret_nanos);
/* "P1DT2H30.5S" as pydantic writes it. Like the next one within the bounds of Python's timedelta,
 * which are wider than protobuf's. */
bool iso_duration_parse(struct str s, int64_t *ret_seconds, int32_t *ret_nanos);
/* A number of seconds as a duration; false when it is not finite or too big. */
bool seconds_to_duration(double v, int64_t *ret_seconds, int32_t *ret_nanos);
/* In words, as literal_describe. */
void value_describe(struct value v, struct buf *out);
