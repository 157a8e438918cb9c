/* th.literal/1: inputs and outputs.
 *
 * Inputs are read through th_lit handles; the host has already converted them to the declared
 * types and fetched offloaded ones. Outputs are built in th_val slots. Both work on Flyte's
 * literals, so every kind is reachable; raw protobuf bytes are there for those who have a
 * protobuf runtime of their own. Mirrors flyteidl.core.Literal. */
#ifndef TASKHOST_LITERAL_H
#define TASKHOST_LITERAL_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TH_EXT_LITERAL "th.literal/1"

enum {
	TH_KIND_UNSET = 0, /* a literal without a value */
	TH_KIND_INTEGER = 1,
	TH_KIND_FLOAT = 2,
	TH_KIND_STRING = 3, /* enums too */
	TH_KIND_BOOLEAN = 4,
	TH_KIND_DATETIME = 5,
	TH_KIND_DURATION = 6,
	TH_KIND_NONE = 7,
	TH_KIND_BINARY = 8, /* with a tag; "msgpack" holds a dataclass or an untyped container */
	TH_KIND_BLOB = 9,
	TH_KIND_SCHEMA = 10,
	TH_KIND_STRUCTURED_DATASET = 11,
	TH_KIND_GENERIC = 12, /* google.protobuf.Struct */
	TH_KIND_UNION = 13,
	TH_KIND_ERROR = 14,
	TH_KIND_COLLECTION = 15,
	TH_KIND_MAP = 16,
	TH_KIND_OFFLOADED = 17 /* only when the host was told not to fetch it */
};

typedef struct th_literal_api {
	uint32_t struct_size;
	uint32_t reserved;

	/* ---- inputs. Views live until the execution completes. [exec], or [any] while the
	 *      execution is pending; concurrent readers are fine. ---- */

	uint32_t (*input_count)(th_exec *exec);
	const th_lit *(*input_at)(th_exec *exec, uint32_t i, th_str *ret_name); /* by name order */
	const th_lit *(*input)(th_exec *exec, th_str name);    /* NULL: not given */
	th_status (*inputs_raw)(th_exec *exec, th_bytes *ret); /* serialized LiteralMap */

	uint32_t (*kind)(const th_lit *lit); /* TH_KIND_…; NULL gives UNSET */

	/* The value. TH_E_TYPE when it is of another kind. They look through a union. as_f64 also
	 * takes an integer, as_str also an enum. */
	th_status (*as_i64)(const th_lit *lit, int64_t *ret);
	th_status (*as_f64)(const th_lit *lit, double *ret);
	th_status (*as_bool)(const th_lit *lit, uint32_t *ret);
	th_status (*as_str)(const th_lit *lit, th_str *ret);
	th_status (*as_datetime)(const th_lit *lit, th_datetime *ret);
	th_status (*as_duration)(const th_lit *lit, th_duration *ret);
	th_status (*as_binary)(const th_lit *lit, th_bytes *ret_value, th_str *ret_tag);
	th_status (*as_blob)(const th_lit *lit, th_blob *ret);
	th_status (*as_dataset)(const th_lit *lit, th_dataset *ret); /* dataset and schema */
	th_status (*as_error)(const th_lit *lit, th_str *ret_node_id, th_str *ret_message);
	th_status (*as_offloaded)(const th_lit *lit, th_str *ret_uri, uint64_t *ret_size);

	/* JSON text of a generic struct, of msgpack, or of anything else in the form that
	 * `taskhost run` prints. */
	th_status (*as_json)(const th_lit *lit, th_str *ret);

	/* Containers: collections, maps, and the lists and objects inside a struct or msgpack.
	 * `entry` goes by key order for maps, by document order inside structs and msgpack. */
	th_status (*len)(const th_lit *lit, uint64_t *ret);
	const th_lit *(*item)(const th_lit *lit, uint64_t i); /* NULL: no such */
	const th_lit *(*entry)(const th_lit *lit, uint64_t i, th_str *ret_key);
	const th_lit *(*get)(const th_lit *lit, th_str key); /* NULL: no such */

	/* Bulk views of collections of integers or floats: one array, no copies after the first
	 * call. TH_E_TYPE when an element is of another kind. */
	th_status (*i64_list)(const th_lit *lit, th_i64_list *ret);
	th_status (*f64_list)(const th_lit *lit, th_f64_list *ret); /* integers are converted */

	/* Unions: the value inside (the literal itself when it is no union), and the chosen
	 * variant's structure tag ("int"; empty when there is none). */
	const th_lit *(*union_value)(const th_lit *lit);
	th_status (*union_tag)(const th_lit *lit, th_str *ret);

	th_status (*hash)(const th_lit *lit, th_str *ret); /* Literal.hash; empty: none */
	th_status (*metadata)(const th_lit *lit, th_str key, th_str *ret);
	th_status (*metadata_at)(const th_lit *lit, uint32_t i, th_str *ret_key, th_str *ret_value);
	th_status (*raw)(const th_lit *lit, th_bytes *ret); /* serialized Literal */

	/* A path on this machine where the blob's or dataset's content can be read; fetched on
	 * first use. The error says what could not be fetched and why. */
	th_status (*local_path)(th_exec *exec, const th_lit *lit, th_str *ret, th_errout *error);

	/* ---- outputs. Everything passed in is copied. A slot may be set again; the last wins. The
	 *      result is checked against the interface after the execution. [exec], or [any]
	 *      while pending, one thread at a time ---- */

	th_status (*output)(th_exec *exec, th_str name, th_val **ret_slot);

	th_status (*set_i64)(th_val *v, int64_t value);
	th_status (*set_f64)(th_val *v, double value);
	th_status (*set_bool)(th_val *v, uint32_t value);
	th_status (*set_str)(th_val *v,
			     th_str value); /* TH_E_INVALID: not UTF-8, or holds U+0000 */
	th_status (*set_datetime)(th_val *v, th_datetime value);
	th_status (*set_duration)(th_val *v, th_duration value);
	th_status (*set_none)(th_val *v);
	th_status (*set_binary)(th_val *v, th_bytes value, th_str tag);
	/* A local path or file:// URI is uploaded under the raw output prefix when the execution
	 * succeeds; a URI with another scheme is kept. Empty format: the declared one. */
	th_status (*set_blob)(th_val *v, const th_blob *blob);
	/* A schema when declared so. A local file or directory is uploaded likewise. */
	th_status (*set_dataset)(th_val *v, const th_dataset *dataset);
	th_status (*set_error)(th_val *v, th_str node_id, th_str message);
	/* A JSON value as Flyte's STRUCT: msgpack, or google.protobuf.Struct where the execution
	 * asks for the old form. TH_E_INVALID with the place when it is not JSON. */
	th_status (*set_json)(th_val *v, th_str json);
	th_status (*set_generic)(th_val *v, th_str json); /* always google.protobuf.Struct */

	/* Lists and maps: makes `v` an empty one, then gives a new slot for each element. */
	th_status (*set_collection)(th_val *v);
	th_status (*append)(th_val *v, th_val **ret_slot);
	th_status (*set_map)(th_val *v);
	th_status (*put)(th_val *v, th_str key, th_val **ret_slot);
	th_status (*set_i64_list)(th_val *v, const int64_t *values, size_t n);
	th_status (*set_f64_list)(th_val *v, const double *values, size_t n);

	/* A union: gives the slot for the value inside. Empty tag: the one variant that fits. A
	 * bare value for a declared union is wrapped in the same way. */
	th_status (*set_union)(th_val *v, th_str tag, th_val **ret_slot);

	th_status (*set_literal)(th_val *v, const th_lit *lit); /* passes an input on */
	th_status (*set_raw)(th_val *v, th_bytes literal);      /* serialized Literal */
	th_status (*set_hash)(th_val *v, th_str hash);
	th_status (*set_metadata)(th_val *v, th_str key, th_str value);

	/* Room for `n` bytes of a string or binary that the plugin fills in place. */
	th_status (*reserve_str)(th_val *v, size_t n, char **ret);
	th_status (*reserve_binary)(th_val *v, size_t n, th_str tag, uint8_t **ret);

	/* All outputs at once. */
	th_status (*outputs_raw)(th_exec *exec, th_bytes literal_map, th_errout *error);

	/* A serialized flyteidl.core.DynamicJobSpec instead of outputs (futures.pb). */
	th_status (*dynamic_job_raw)(th_exec *exec, th_bytes spec, th_errout *error);
} th_literal_api;

#ifdef __cplusplus
}
#endif
#endif
