/* The execution key: what makes two CreateTask calls the same. Flyte repeats a call whose answer it
 * lost; the node execution with its attempt, the place of the outputs, and the task's type say
 * whether it is a repetition. Calls without a node execution have no key and are never the same. */
#pragma once

#include "base/str.h"
#include "store/row.h"

struct key_parts {
	struct str node; /* the task execution's id as one text, or what the caller chose */
	uint32_t retry_attempt;
	struct str output_prefix;
	struct str type;
	int32_t type_version;
};

/* 16 bytes of SHA-256 over the parts, each with its length before it. 0 or ERR_NOMEM. */
int key_make(const struct key_parts *parts, uint8_t ret[STORE_KEY_SIZE]);
