/* protobuf's JSON, both ways, straight between text and the wire form; driven by the table.
 *
 * Written: lowerCamelCase names, fields by number, map keys sorted; zero values outside oneofs are
 * left out; 64-bit integers as strings; doubles and floats in the shortest form that reads back
 * equal; NaN and infinities as strings; bytes as padded base64; enums by name, unknown ones by
 * number; Timestamp, Duration, Struct, Value, ListValue, Any and the wrappers in their own forms.
 * An unset Value is null. Unknown fields have no JSON and are left out.
 *
 * Read: both name forms; numbers or strings for integers, 1e3 and 1.0 too; any spelling of base64;
 * null for absent (in a Value it is the null value). Refused, with the path: unknown names, a field
 * given twice, two members of a oneof, values out of range, an Any of unknown type.
 *
 * Depth is counted as on the wire (WIRE_DEPTH), so what is read can be written and the reverse. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "flyte/desc.h"

/* Checks `wire` as wire_check does, then appends its JSON. `indent` spaces per level; 0 prints on
 * one line. After an error `out` holds what it held before. */
int pbjson_print(const struct message_desc *type,
		 struct str wire,
		 int indent,
		 struct buf *out,
		 struct error *err);

/* The same on one line. NaN and infinities inside a Value, which pbjson_print refuses as protobuf
 * does, become strings as elsewhere: for texts that are read, not sent. */
int pbjson_print_any_number(const struct message_desc *type,
			    struct str wire,
			    struct buf *out,
			    struct error *err);

/* Appends the wire form of the JSON text: fields by number, map entries sorted by key. `name` says
 * in errors where the text is from. After an error `out` holds what it held before. */
int pbjson_parse(const struct message_desc *type,
		 struct str text,
		 const char *name,
		 struct buf *out,
		 struct error *err);
