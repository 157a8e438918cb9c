/* The file of a log, version 1: a head of 64 bytes, then a ring of `quota` bytes in which the byte
 * at offset n of the log is at n modulo quota. Blocking: for threads, and for short reads. */
#pragma once

#include "base/buf.h"

struct log_head {
	uint64_t quota; /* bytes that the ring holds */
	uint64_t total; /* bytes ever written */
	uint64_t lost;  /* bytes that were never written */
};

/* ERR_NOT_FOUND when there is no file, or one whose first write was cut off: the next one begins
 * anew. ERR_INVALID when it is no log. */
int log_file_head(const char *path, struct log_head *ret, struct error *err);

/* Puts `len` bytes at head->total and then the head, which a new file gets first as well; on
 * success the head is advanced. The file is made with mode 0600. */
int log_file_append(
	const char *path, struct log_head *head, const char *data, size_t len, struct error *err);

/* Appends `len` bytes from `offset` to `out`; they must be in the ring. */
int log_file_read(const char *path,
		  const struct log_head *head,
		  uint64_t offset,
		  size_t len,
		  struct buf *out,
		  struct error *err);
