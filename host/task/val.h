/* What th_val is: one output being built. A tree of slots in the execution's arena; it becomes a
 * literal when the execution has ended, as only the declared type says what some values mean. */
#pragma once

#include "task/lit.h"

#include "base/error.h"

#include <jansson.h>

#define VAL_DEPTH_MAX 100

enum val_kind {
	VAL_UNSET,
	VAL_INTEGER,
	VAL_FLOAT,
	VAL_BOOLEAN,
	VAL_STRING,
	VAL_DATETIME,
	VAL_DURATION,
	VAL_NONE,
	VAL_BINARY,
	VAL_BLOB,
	VAL_DATASET,
	VAL_ERROR,
	VAL_JSON,    /* msgpack or Struct, as the execution wants it */
	VAL_GENERIC, /* always Struct */
	VAL_LITERAL, /* complete */
	VAL_COLLECTION,
	VAL_MAP,
	VAL_UNION,
	VAL_INTEGERS,
	VAL_FLOATS,
};

struct val_metadata {
	struct val_metadata *next;
	th_str key, value;
};

struct th_val {
	struct exec *exec;
	enum val_kind kind;
	unsigned depth;
	bool in_place;  /* the text was written by the plugin after it was handed over */
	bool passed_on; /* the literal came from an input */
	union {
		int64_t integer;
		double number;
		bool boolean;
		th_datetime datetime;
		th_duration duration;
		th_str text; /* also JSON */
		struct {
			struct str value, tag;
		} binary;
		th_blob blob;
		th_dataset dataset;
		struct {
			th_str node_id, message;
		} error;
		const Literal *literal;
		struct { /* children of a collection, a map, or the one of a union */
			struct th_val *first, *last;
			size_t n;
			th_str tag;
		} children;
		struct {
			const void *values;
			size_t n;
		} list;
	};
	th_str hash; /* ptr NULL: none */
	struct val_metadata *metadata;
	struct th_val *next; /* among its parent's children */
	th_str key;          /* in a map */
};

/* A new slot in the execution's memory; NULL when there is none. */
struct th_val *val_new(struct exec *exec, unsigned depth);

/* The literal of a slot, for the declared type (NULL: nothing is declared). Files that have to be
 * uploaded are noted in the execution (upload.h). ERR_INVALID, ERR_MISMATCH, ERR_NOMEM, … with
 * the path inside the value. */
int val_to_literal(const struct th_val *v,
		   const LiteralType *type,
		   const Literal **ret,
		   struct error *err);

/* Puts the slot's hash and metadata on its literal: `*lit` becomes a copy when there are any. */
int val_decorate(const struct th_val *v, const Literal **lit, struct error *err);
