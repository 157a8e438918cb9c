/* How the plugin verbs show what a note and an inspection say. */
#pragma once

#include "abi/inspect.h"
#include "base/json.h"

/* "add(a: integer, b: integer = default) -> (o0: integer)" */
void print_signature(const struct note_offer *task, struct buf *out);

/* Members of the current object: id, version, about, abi, needs, tasks, executors, resolvers. */
void print_note_json(const struct note_plugin *note, struct jw *w);

/* The array "findings": level, rule, text. */
void print_findings_json(const struct inspection *in, struct jw *w);

/* The same as lines, indented by two: "refused  exec-stack: …". Notices only with `all`. */
void print_findings(const struct inspection *in, bool all, struct buf *out);

/* "a, b and c" of texts; empty when there are none. */
void print_names(const struct str *names, size_t n, struct buf *out);
