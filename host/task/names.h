/* Short names for the parts of literals and types that an execution looks into. */
#pragma once

#include "base/str.h"
#include "flyte/literal.h"

#define LIT_(c)    FLYTEIDL__CORE__LITERAL__VALUE_##c
#define SCAL_(c)   FLYTEIDL__CORE__SCALAR__VALUE_##c
#define PRIM_(c)   FLYTEIDL__CORE__PRIMITIVE__VALUE_##c
#define LTYPE_(c)  FLYTEIDL__CORE__LITERAL_TYPE__TYPE_##c
#define SIMPLE_(c) FLYTEIDL__CORE__SIMPLE_TYPE__##c

typedef Flyteidl__Core__LiteralMap__LiteralsEntry LiteralEntry;

/* The scalar of a literal if it is of this kind; NULL otherwise. */
static inline Flyteidl__Core__Scalar *scalar_of(const Literal *lit,
						Flyteidl__Core__Scalar__ValueCase kind)
{
	if (!lit || lit->value_case != LIT_(SCALAR) || !lit->scalar ||
	    lit->scalar->value_case != kind)
		return NULL;
	return lit->scalar;
}

/* Looks through unions; NULL for a union without a value. */
static inline const Literal *literal_inner(const Literal *lit)
{
	const Flyteidl__Core__Scalar *s;

	while ((s = scalar_of(lit, SCAL_(UNION))))
		lit = s->union_ ? s->union_->value : NULL;
	return lit;
}

static inline bool type_simple_is(const LiteralType *t, Flyteidl__Core__SimpleType simple)
{
	return t && t->type_case == LTYPE_(SIMPLE) && t->simple == simple;
}

/* structure.tag, or "". */
static inline const char *type_tag_of(const LiteralType *t)
{
	return t && t->structure && t->structure->tag ? t->structure->tag : "";
}

static inline size_t variables_len(const VariableMap *vars)
{
	return vars ? vars->n_variables : 0;
}
