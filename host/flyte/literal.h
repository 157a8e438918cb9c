/* Literals and their types: names for people, checks, and the conversions flytekit makes when it
 * reads and writes values. Works on decoded messages; results live in the arena given. Pure. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

#include "flyteidl/core/interface.pb-c.h"
#include "flyteidl/core/literals.pb-c.h"
#include "flyteidl/core/types.pb-c.h"

typedef Flyteidl__Core__Literal Literal;
typedef Flyteidl__Core__LiteralMap LiteralMap;
typedef Flyteidl__Core__LiteralType LiteralType;
typedef Flyteidl__Core__TypedInterface TypedInterface;
typedef Flyteidl__Core__Variable Variable;
typedef Flyteidl__Core__VariableMap VariableMap;

/* Types as a person says them: "integer", "list of float", "map of string", "integer or none",
 * "enum(red, blue)", "file (csv)", "directory", "struct Outer", "structured dataset (parquet)". */
void type_describe(const LiteralType *type, struct buf *out);

/* What a literal is: "integer 3", "string \"abc…\"", "list of 3", "none", "binary (msgpack)". Never
 * longer than about 120 bytes. */
void literal_describe(const Literal *lit, struct buf *out);

/* The declared type of `name`; NULL when there is none. */
const Variable *interface_find(const VariableMap *vars, struct str name);
Literal *literal_map_find(const LiteralMap *map, struct str name);

/* Deep structural equality of two literals (maps unordered, NaN equals NaN). */
bool literal_equal(const Literal *a, const Literal *b);

enum literal_direction {
	LITERAL_READ, /* an input: flytekit's to_python_value conversions (contract 5.2 "read") */
	LITERAL_WRITE /* an output of a task: exact types (contract 5.2 "write"); an unwrapped value
			 for a union is wrapped in the one variant that fits, a missing value for
			 none or an optional is an error */
};

/* Checks `lit` against `type` and gives the literal a plugin or Flyte should see: `lit` itself
 * when nothing has to change, else a new one in `arena`.
 *
 * Reading converts a float primitive without fraction to an integer (one with a fraction is an
 * error), an integer to a float, msgpack and old Struct forms of scalars, lists, maps and
 * enums into literals of the declared type, and checks unions with and without tags, enum
 * values, blob dimensionality, nested types. A literal without a value is an error.
 * Writing never changes a primitive's kind; a file and a schema get the declared format and columns
 * whatever they had, a dataset keeps its own. Formats and columns other than declared only tell the
 * variants of a union apart. Both wrap a bare value for a union in the one variant that takes it;
 * none or several are an error that names them. A struct's content is checked against the fields
 * that its type declares, or its JSON schema; reading skips fields that are not declared, writing
 * refuses them where the schema does. An offloaded literal is left as it is: fetch it first.
 *
 * Errors (ERR_MISMATCH; ERR_LIMIT when the type allows too many ways to read the value) name the
 * path inside the value, what was expected and what came: "[2].weights: expected float, got string
 * \"x\"". */
int literal_convert(const Literal *lit,
		    const LiteralType *type,
		    enum literal_direction direction,
		    struct arena *arena,
		    Literal **ret,
		    struct error *err);

/* How a value that a task passes on from its inputs is written. */
struct literal_renewal {
	bool old_form; /* documents are Structs, not msgpack */
	/* Where a file will be; it may be asked for again. NULL: where it is. */
	int (*place)(void *data, const char *uri, struct str *ret, struct error *err);
	void *data;
};

/* As literal_convert, writing; documents are written anew, as flytekit does it after reading them:
 * numbers are of the kind declared, fields that are missing have their defaults, and fields that
 * are not declared are left out. */
int literal_renew(const Literal *lit,
		  const LiteralType *type,
		  const struct literal_renewal *how,
		  struct arena *arena,
		  Literal **ret,
		  struct error *err);

/* Is a value of `up` acceptable where `down` is declared (contract 5.5, the SDK side)? */
bool type_castable(const LiteralType *up, const LiteralType *down);

/* The type of a value (contract 5.5 "type of a literal"); NULL when out of memory. */
LiteralType *literal_type_of(const Literal *lit, struct arena *arena);

/* ---- construction: all in the arena, NULL when out of memory; text and bytes are copied ------ */

/* Text must be UTF-8 without U+0000, which ends a C string; types, structs and inner literals are
 * not copied and must live as long as the arena. */

Literal *literal_new_integer(struct arena *a, int64_t v);
Literal *literal_new_float(struct arena *a, double v);
Literal *literal_new_string(struct arena *a, struct str v);
Literal *literal_new_boolean(struct arena *a, bool v);
Literal *literal_new_datetime(struct arena *a, int64_t seconds, int32_t nanos);
Literal *literal_new_duration(struct arena *a, int64_t seconds, int32_t nanos);
Literal *literal_new_none(struct arena *a);
Literal *literal_new_binary(struct arena *a, struct str value, struct str tag);
Literal *literal_new_blob(struct arena *a, struct str uri, struct str format, bool multipart);
Literal *
literal_new_schema(struct arena *a, struct str uri, const Flyteidl__Core__SchemaType *type);
Literal *literal_new_dataset(struct arena *a,
			     struct str uri,
			     const Flyteidl__Core__StructuredDatasetType *type);
Literal *literal_new_error(struct arena *a, struct str node_id, struct str message);
Literal *literal_new_generic(struct arena *a, Google__Protobuf__Struct *s);
/* flytekit marks the Struct of a dict without a type of its own. False when out of memory. */
bool literal_mark_json(struct arena *a, Literal *lit);
Literal *literal_new_union(struct arena *a, Literal *value, const LiteralType *variant);
Literal *literal_new_collection(struct arena *a, size_t n); /* n unset slots, each NULL */
Literal *literal_new_map(struct arena *a, size_t n);        /* n entries with NULL key and value */
Literal *
literal_new_offloaded(struct arena *a, struct str uri, uint64_t size, const LiteralType *type);
