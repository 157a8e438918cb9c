/* Names of messages as people type them: in full, or the end of it where only one has that. */
#pragma once

#include "base/error.h"
#include "flyte/desc.h"

/* ERR_NOT_FOUND with a close name; ERR_INVALID names all that a short name could mean. */
int pb_type_find(const char *typed, const struct message_desc **ret, struct error *err);

/* A whole file, or standard input for "-". */
#define PB_FILE_MAX ((size_t)1 << 30)
struct buf;
int pb_file_read(const char *path, struct buf *out, struct error *err);
