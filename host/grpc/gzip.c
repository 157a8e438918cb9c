#include "grpc/gzip.h"

#include "base/mem.h"

#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* gzip's wrapping, not zlib's */

struct gzip {
	z_stream in, out;
	bool in_ready, out_ready;
};

/* The state, ready for a message; NULL when there is no memory. */
static struct gzip *gzip_make(struct gzip **g, bool inflating, struct error *err)
{
	int r = Z_OK;

	if (!*g)
		*g = calloc(1, sizeof(**g));
	if (!*g) {
		err_nomem(err, "compression");
		return NULL;
	}
	if (inflating)
		r = (*g)->in_ready ? inflateReset(&(*g)->in) : inflateInit2(&(*g)->in, GZIP_WINDOW);
	else
		r = (*g)->out_ready ? deflateReset(&(*g)->out)
				    : deflateInit2(&(*g)->out, Z_BEST_SPEED, Z_DEFLATED,
						   GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY);
	if (r != Z_OK) {
		err_nomem(err, "compression");
		return NULL;
	}
	if (inflating)
		(*g)->in_ready = true;
	else
		(*g)->out_ready = true;
	return *g;
}

void gzip_free(struct gzip *g)
{
	if (!g)
		return;
	if (g->in_ready)
		inflateEnd(&g->in);
	if (g->out_ready)
		deflateEnd(&g->out);
	free(g);
}

/* Twice the room, at most `most` bytes. */
static bool grow(struct pool *pool, uint8_t **out, size_t *room, size_t most)
{
	size_t more = MIN(*room * 2, most);
	uint8_t *moved = more > *room ? pool_realloc(pool, *out, more) : NULL;

	if (!moved)
		return false;
	*out = moved;
	*room = more;
	return true;
}

/* One byte of room beyond `max` tells "exactly max" from "more". */
static int inflate_all(z_stream *z,
		       struct pool *pool,
		       uint8_t **out,
		       size_t room,
		       size_t head,
		       size_t max,
		       size_t *ret_len,
		       struct error *err)
{
	size_t len = 0;

	for (;;) {
		uInt given = (uInt)MIN(room - head - len, (size_t)1 << 30);
		int r;

		z->next_out = *out + head + len;
		z->avail_out = given;
		r = inflate(z, Z_NO_FLUSH);
		len += given - z->avail_out;
		if (len > max)
			return err_set(
				err, ERR_LIMIT,
				"a compressed message holds more than the limit of %zu bytes", max);
		if (r == Z_STREAM_END && z->avail_in == 0)
			break;
		if (r == Z_STREAM_END) { /* gzip files may be joined */
			inflateReset(z);
			continue;
		}
		if (r == Z_MEM_ERROR)
			return err_nomem(err, "decompression");
		if (r != Z_OK && r != Z_BUF_ERROR)
			return err_set(err, ERR_INVALID, "a compressed message is not gzip");
		if (z->avail_out > 0)
			return err_set(err, ERR_INVALID, "a compressed message is cut off");
		if (room == head + len && !grow(pool, out, &room, head + max + 1))
			return err_nomem(err, "decompression");
	}
	*ret_len = len;
	return 0;
}

int gzip_inflate(struct gzip **g,
		 struct pool *pool,
		 struct str in,
		 size_t head,
		 size_t max,
		 uint8_t **ret,
		 size_t *ret_len,
		 struct error *err)
{
	size_t room = head + MIN(in.len * 4 + 256, max + 1);
	struct gzip *state = gzip_make(g, true, err);
	uint8_t *out;
	int r;

	if (!state)
		return ERR_NOMEM;
	out = pool_alloc(pool, room);
	if (!out)
		return err_nomem(err, "decompression");
	state->in.next_in = (Bytef *)(uintptr_t)in.ptr;
	state->in.avail_in = (uInt)in.len;
	r = inflate_all(&state->in, pool, &out, room, head, max, ret_len, err);
	if (r < 0) {
		pool_free(pool, out);
		return r;
	}
	*ret = out;
	return 0;
}

int gzip_deflate(struct gzip **g,
		 struct pool *pool,
		 const struct str *pieces,
		 size_t n_pieces,
		 size_t head,
		 uint8_t **ret,
		 size_t *ret_len,
		 struct error *err)
{
	size_t total = 0, bound;
	struct gzip *state = gzip_make(g, false, err);
	uint8_t *out;
	z_stream *z;
	int r;

	if (!state)
		return ERR_NOMEM;
	z = &state->out;
	for (size_t i = 0; i < n_pieces; i++)
		total += pieces[i].len;
	bound = deflateBound(z, total);
	out = pool_alloc(pool, head + bound);
	if (!out)
		return err_nomem(err, "compression");
	z->next_out = out + head;
	z->avail_out = (uInt)bound;
	for (size_t i = 0; i < n_pieces; i++) {
		z->next_in = (Bytef *)(uintptr_t)pieces[i].ptr;
		z->avail_in = (uInt)pieces[i].len;
		if (z->avail_in > 0)
			deflate(z, Z_NO_FLUSH); /* the room is enough for all */
	}
	z->avail_in = 0;
	r = deflate(z, Z_FINISH);
	if (r != Z_STREAM_END) {
		pool_free(pool, out);
		return err_set(err, ERR_IO, "compression failed");
	}
	*ret = out;
	*ret_len = bound - z->avail_out;
	return 0;
}
