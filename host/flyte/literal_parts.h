/* Short names for the generated messages that make up literals and types, for the files of the
 * type engine only. */
#pragma once

#include "flyte/literal.h"

#include "base/str.h"
#include "base/whole.h"

#include <math.h>

typedef Flyteidl__Core__Scalar Scalar;
typedef Flyteidl__Core__Primitive Primitive;
typedef Flyteidl__Core__Union Union;
typedef Flyteidl__Core__Blob Blob;
typedef Flyteidl__Core__BlobType BlobType;
typedef Flyteidl__Core__SchemaType SchemaType;
typedef Flyteidl__Core__StructuredDatasetType DatasetType;
typedef Flyteidl__Core__UnionType UnionType;
typedef Flyteidl__Core__EnumType EnumType;
typedef Flyteidl__Core__LiteralMap__LiteralsEntry LiteralEntry;
typedef Google__Protobuf__Struct Struct;
typedef Google__Protobuf__Value StructValue;

#define LITERAL_(c)   FLYTEIDL__CORE__LITERAL__VALUE_##c
#define SCALAR_(c)    FLYTEIDL__CORE__SCALAR__VALUE_##c
#define PRIMITIVE_(c) FLYTEIDL__CORE__PRIMITIVE__VALUE_##c
#define TYPE_(c)      FLYTEIDL__CORE__LITERAL_TYPE__TYPE_##c
#define SIMPLE_(c)    FLYTEIDL__CORE__SIMPLE_TYPE__##c
#define STRUCT_(c)    GOOGLE__PROTOBUF__VALUE__KIND_##c
#define MULTIPART     FLYTEIDL__CORE__BLOB_TYPE__BLOB_DIMENSIONALITY__MULTIPART

#define MSGPACK_TAG "msgpack"

/* An initialised message in the arena; NULL when out of memory. */
void *message_new(struct arena *a, const ProtobufCMessageDescriptor *d);

#define NEW_MESSAGE(a, name) message_new(a, &name##__descriptor)

/* The scalar of a literal; NULL when it is none. */
static inline Scalar *literal_scalar(const Literal *lit)
{
	return lit && lit->value_case == LITERAL_(SCALAR) ? lit->scalar : NULL;
}

/* The union of a literal; NULL when it is none. */
static inline Union *literal_union(const Literal *lit)
{
	Scalar *s = literal_scalar(lit);

	return s && s->value_case == SCALAR_(UNION) ? s->union_ : NULL;
}

/* The binary of a literal that holds msgpack; NULL when it does not. */
static inline Flyteidl__Core__Binary *literal_msgpack(const Literal *lit)
{
	Scalar *s = literal_scalar(lit);

	return s && s->value_case == SCALAR_(BINARY) && s->binary && s->binary->tag &&
			       streq(s->binary->tag, MSGPACK_TAG)
		       ? s->binary
		       : NULL;
}

static inline bool type_is_simple(const LiteralType *t, Flyteidl__Core__SimpleType simple)
{
	return t && t->type_case == TYPE_(SIMPLE) && t->simple == simple;
}

/* structure.tag, or "". */
static inline const char *type_tag(const LiteralType *t)
{
	return t && t->structure && t->structure->tag ? t->structure->tag : "";
}

/* A double as an integer; false when it has a fraction or does not fit. */
static inline bool whole_to_i64(double d, int64_t *ret)
{
	static const double limit = 9223372036854775808.0; /* 2^63 does not fit, -2^63 does */

	if (!(d >= -limit) || !(d < limit) || !is_whole(d))
		return false;
	*ret = (int64_t)d;
	return true;
}
