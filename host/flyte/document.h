/* The documents Flyte exchanges as files: TaskTemplate, LiteralMap, ErrorDocument, DynamicJobSpec.
 * Decoding always goes through the wire walk (message.h). */
#pragma once

#include "flyte/literal.h"
#include "flyte/message.h"

#include "flyteidl/core/dynamic_job.pb-c.h"
#include "flyteidl/core/errors.pb-c.h"
#include "flyteidl/core/tasks.pb-c.h"

typedef Flyteidl__Core__TaskTemplate TaskTemplate;

/* `what` names the document in errors ("inputs /in/inputs.pb"). An empty text is the empty map. */
int literal_map_decode(struct str wire,
		       const char *what,
		       struct arena *arena,
		       LiteralMap **ret,
		       struct error *err);
int literal_decode(
	struct str wire, const char *what, struct arena *arena, Literal **ret, struct error *err);
/* Refuses a template without type; a missing id, interface or metadata is filled with empty ones
 * so that readers need not ask. */
int task_template_decode(struct str wire,
			 const char *what,
			 struct arena *arena,
			 TaskTemplate **ret,
			 struct error *err);
/* From a LiteralType in protobuf's JSON (notes carry it). */
int literal_type_from_json(struct str json,
			   const char *what,
			   struct arena *arena,
			   LiteralType **ret,
			   struct error *err);

enum error_kind { ERROR_NON_RECOVERABLE = 0, ERROR_RECOVERABLE = 1 };
enum error_origin { ORIGIN_UNKNOWN = 0, ORIGIN_USER = 1, ORIGIN_SYSTEM = 2 };

/* One failure as Flyte knows it. */
struct failure {
	struct str code;  /* "USER:RuntimeError" */
	struct str text;  /* what went wrong: the last part of the message */
	struct str trace; /* frames, one a line, each ending in a newline; may be empty */
	enum error_kind kind;
	enum error_origin origin;
	int64_t timestamp_ns;
	struct str worker; /* empty unless a distributed error strategy is set */
};

/* message with flytekit's layout: "Trace:\n\n" + indented trace + "\nMessage:\n\n" + indented
 * text (every non-blank line by four spaces, no newline at the end). */
void failure_message(const struct failure *f, struct buf *out);
/* The ErrorDocument with that message. Bytes that no message can hold (bad UTF-8, U+0000) become
 * U+FFFD. */
int failure_encode(const struct failure *f, struct buf *out, struct error *err);
/* The same with another message, taken as it is. */
int failure_encode_message(const struct failure *f,
			   struct str message,
			   struct buf *out,
			   struct error *err);
