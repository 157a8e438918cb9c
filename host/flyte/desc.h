/* The table of all messages in proto/, made at build time. It drives the wire walk (wire.h), what
 * follows decoding (message.h) and the JSON (pbjson.h). Constant; any thread. */
#pragma once

#include "base/str.h"

#include <protobuf-c/protobuf-c.h>

/* protobuf's own numbers. */
enum field_type {
	FIELD_DOUBLE = 1,
	FIELD_FLOAT = 2,
	FIELD_INT64 = 3,
	FIELD_UINT64 = 4,
	FIELD_INT32 = 5,
	FIELD_BOOL = 8,
	FIELD_STRING = 9,
	FIELD_MESSAGE = 11,
	FIELD_BYTES = 12,
	FIELD_UINT32 = 13,
	FIELD_ENUM = 14,
};

enum field_label {
	LABEL_SINGULAR, /* a oneof member when its oneof is not -1 */
	LABEL_REPEATED,
	LABEL_MAP, /* a repeated message with the fields key (1, a string) and value (2) */
};

/* Messages whose JSON is not an object of their fields. */
enum message_form {
	FORM_PLAIN,
	FORM_ANY,
	FORM_TIMESTAMP,
	FORM_DURATION,
	FORM_STRUCT,
	FORM_VALUE,
	FORM_LIST_VALUE,
	FORM_WRAPPER, /* google.protobuf.BoolValue and the like: their one field */
};

struct enum_value {
	const char *name;
	int32_t number;
};

struct enum_desc {
	const char *name;
	const struct enum_value *values;
	size_t n_values;
};

struct field_desc {
	const char *name;
	const char *json_name;
	const struct message_desc *message;  /* FIELD_MESSAGE: its type; for a map the entry's */
	const struct enum_desc *enumeration; /* FIELD_ENUM */
	uint8_t number;
	uint8_t type;  /* enum field_type */
	uint8_t label; /* enum field_label */
	int8_t oneof;  /* index into the message's oneofs, or -1 */
	bool packed;   /* written packed; both forms are read */
};

struct message_desc {
	const char *name; /* "flyteidl.core.LiteralMap" */
	const ProtobufCMessageDescriptor *c;
	const struct field_desc *fields; /* by number, in the order of c->fields */
	const uint8_t *by_number;        /* index into fields plus 1; 0 where there is none */
	const char *const *oneofs;
	uint16_t n_numbers; /* length of by_number */
	uint8_t n_fields;   /* at most 64 */
	uint8_t n_oneofs;
	bool map_entry;
	uint8_t form; /* enum message_form */
};

/* Bytes of one value of this type in a decoded message, and in the array of a repeated field. */
static inline size_t field_value_size(uint8_t type)
{
	switch (type) {
	case FIELD_DOUBLE:
	case FIELD_INT64:
	case FIELD_UINT64:
		return 8;
	case FIELD_BYTES:
		return sizeof(ProtobufCBinaryData);
	case FIELD_STRING:
	case FIELD_MESSAGE:
		return sizeof(void *);
	default:
		return 4;
	}
}

/* Every message except map entries, by name. */
extern const struct message_desc *const message_table[];
extern const size_t message_table_len;

/* MESSAGE_DESC(flyteidl__core__literal_map), after including "desc_table.h". */
#define MESSAGE_DESC(c_name) (&desc_##c_name)

/* By full name ("flyteidl.core.LiteralMap"); NULL when unknown. */
const struct message_desc *message_desc_find(struct str name);

/* The closest full name for a mistyped one, also for a name without its package; else NULL. */
const char *message_desc_suggest(struct str name);

/* Of a decoded message; NULL when its type is not in the table. */
const struct message_desc *message_desc_of(const ProtobufCMessage *m);

/* NULL when the message has no such field. */
static inline const struct field_desc *message_field(const struct message_desc *m, uint64_t number)
{
	if (number >= m->n_numbers || m->by_number[number] == 0)
		return NULL;
	return &m->fields[m->by_number[number] - 1];
}

/* By either of its names; NULL when there is none. */
const struct field_desc *message_field_named(const struct message_desc *m, struct str name);

/* NULL when unknown. */
const struct enum_value *enum_value_of(const struct enum_desc *e, int32_t number);
const struct enum_value *enum_value_named(const struct enum_desc *e, struct str name);
