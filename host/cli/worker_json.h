/* The worker's messages as JSON for scripts: keys as in worker.proto, enums in lower case with '-',
 * times RFC 3339, durations as "90.5s", digests and the like as text, other bytes as base64, numbers
 * as numbers, literals in the human form. Every field is there; what is not set is null (messages,
 * place holders), "", 0 or []. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "flyte/literal.h"

#include <protobuf-c/protobuf-c.h>

/* `interface` gives the types of fields called inputs and outputs; may be NULL. ERR_INVALID for a
 * literal that JSON cannot say. */
int worker_json(const ProtobufCMessage *m,
		const Flyteidl__Core__TypedInterface *interface,
		struct jw *w,
		struct error *err);

/* Prints the document to stdout; the exit code. */
int worker_json_output(const char *prog,
		       const ProtobufCMessage *m,
		       const Flyteidl__Core__TypedInterface *interface);
