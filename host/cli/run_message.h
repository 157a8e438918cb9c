/* What host and runner tell each other of one run, besides task template and inputs. Protobuf's wire
 * format, but no message of anybody's: both ends are of one build. [any-thread] */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

/* Host to runner. Exactly one of task and executor is set. Spans point into the bytes read. */
struct run_context {
	struct str execution; /* its id as text */
	uint32_t run, runs;   /* run n of m */
	struct str task;      /* of the plugin: "add" */
	struct str executor;  /* of the plugin, for the template: "Echo" */
	struct str output_prefix;
	struct str raw_prefix; /* for what the task writes; empty: there is none */
	struct str node;       /* the node execution as text; empty: submitted directly */
	struct str metadata;   /* flyteidl.admin.TaskExecutionMetadata, serialized; or empty */
	struct str work;       /* where its working directory may be made; empty: anywhere */
	bool checked;          /* wire_check has accepted inputs and metadata; none is split */
};

int run_context_write(const struct run_context *c, struct buf *out, struct error *err);
int run_context_read(struct str bytes, struct run_context *ret, struct error *err);

enum run_document_kind {
	RUN_DOCUMENT_OUTPUTS = 1, /* LiteralMap, or what `file_name` says */
	RUN_DOCUMENT_ERROR = 2,
	RUN_DOCUMENT_STOPPED = 3, /* it ended because it was asked to */
};

/* Runner to host: how a run ended. */
struct run_document {
	enum run_document_kind kind;
	struct str outputs;        /* serialized */
	struct str file_name;      /* empty: outputs.pb; "futures.pb" */
	bool ignored;              /* there are no outputs on purpose */
	struct str deck;           /* HTML; empty: none */
	struct str error_document; /* flyteidl.core.ErrorDocument, serialized */
	struct str code, message;  /* of an error */
	bool recoverable, system_origin;
	int64_t cpu_ns; /* of the run, as far as one thread can tell */
};

int run_document_write(const struct run_document *d, struct buf *out, struct error *err);
int run_document_read(struct str bytes, struct run_document *ret, struct error *err);
