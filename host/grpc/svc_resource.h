/* How an execution is, as Flyte reads it: flyteidl.admin.Resource, written straight from what
 * dispatch answers. The outputs, which may be large, are not copied. */
#pragma once

#include "base/buf.h"
#include "dispatch/dispatch.h"

/* Bytes of a message that propeller is told; it keeps it in a custom resource. */
#define RESOURCE_MESSAGE_MAX 8192

/* Memory that is used again for each; zeroed before the first. */
struct resource_writer {
	char head[64];
	struct buf tail;
	const char
		*log_base; /* "http://host:8080/#": links to logs begin with it; NULL: no links */
};
void resource_writer_done(struct resource_writer *w);

enum resource_for {
	RESOURCE_GET = 1,  /* GetTaskResponse; the code of a failure is put into its message, too */
	RESOURCE_SYNC = 2, /* ExecuteTaskSyncResponse */
};

/* The response as pieces, good until the next use of the writer and as long as those of the answer.
 * ERR_NOMEM. */
int resource_write(struct resource_writer *w,
		   enum resource_for what,
		   const struct dispatch_answer *a,
		   struct str ret_pieces[3],
		   struct error *err);

/* Appends text that may be any bytes as a string of protobuf can hold it: what is not UTF-8, and
 * U+0000, becomes U+FFFD. Not more than `most` bytes, and no character in part. */
void put_text_clean(struct buf *out, struct str text, size_t most);
