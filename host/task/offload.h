/* Literals that live in files of their own (contract 2.3). */
#pragma once

#include "task/exec.h"

/* Reading: replaces every offloaded literal in the map, at any depth, by what its file holds.
 * ERR_INVALID when a file is not a literal; other codes when it cannot be fetched. */
int offload_fetch(LiteralMap *map, struct arena *arena, struct error *err);

/* Writing: moves outputs of `min` bytes and more out of `map`, into r->offloaded. ERR_LIMIT, naming
 * the output, for one of offload_max_bytes and more. */
int offload_outputs(struct exec *e, LiteralMap *map, struct task_result *r, struct error *err);

/* flytekit's hash of a literal: base64 of SHA-256 over its compact JSON with sorted keys. */
int offload_hash(const Literal *lit, struct buf *out, struct error *err);
