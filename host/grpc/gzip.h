/* gzip, whole messages at a time, with memory from a pool. The state of zlib (some 300 KiB) is made
 * on first use and kept. */
#pragma once

#include "base/str.h"
#include "grpc/pool.h"

struct gzip;

/* Appends to nothing: *ret is a block of the pool with `head` unused bytes at its start, then
 * *ret_len bytes. */

/* ERR_INVALID for what is not gzip, ERR_LIMIT for more than `max` bytes (it stops there: a small
 * message can announce a huge one), ERR_NOMEM. */
int gzip_inflate(struct gzip **g,
		 struct pool *pool,
		 struct str in,
		 size_t head,
		 size_t max,
		 uint8_t **ret,
		 size_t *ret_len,
		 struct error *err);

int gzip_deflate(struct gzip **g,
		 struct pool *pool,
		 const struct str *pieces,
		 size_t n_pieces,
		 size_t head,
		 uint8_t **ret,
		 size_t *ret_len,
		 struct error *err);

void gzip_free(struct gzip *g);
