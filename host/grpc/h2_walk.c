/* What is kept from nghttp2: RST_STREAM on a stream that was never opened.
 *
 * HTTP/2 calls that a broken connection, and nghttp2 ends it. But gRPC's C core sends it when a
 * call is cancelled before its headers went out, and all the other calls of that client would die
 * with it. */
#include "grpc/private.h"

static int give(struct h2_conn *c, const uint8_t *data, size_t len)
{
	ssize_t n = len > 0 ? nghttp2_session_mem_recv(c->session, data, len) : 0;

	return n < 0 ? (int)n : 0;
}

/* Takes note of a frame. True when nghttp2 shall see it. */
static bool passes(struct h2_conn *c, const uint8_t head[9])
{
	size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
	int32_t id = (int32_t)((uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 |
			       (uint32_t)head[7] << 8 | head[8]);

	if (head[3] == NGHTTP2_RST_STREAM && length == 4 && id > c->walk.last_opened &&
	    id % 2 == 1) {
		c->walk.skip = length;
		if (!h2_conn_spend(c, 1))
			h2_conn_kill(c, NGHTTP2_ENHANCE_YOUR_CALM, "too many resets of nothing");
		return false;
	}
	if (head[3] == NGHTTP2_HEADERS && id > c->walk.last_opened)
		c->walk.last_opened = id;
	c->walk.pass = length;
	return true;
}

/* A head that came in pieces, or may still: it is collected, then given by itself. */
static int piece_of_head(struct h2_conn *c, const uint8_t **at, size_t len)
{
	struct frame_walk *w = &c->walk;
	size_t n = MIN(sizeof(w->head) - w->head_got, len);

	memcpy(w->head + w->head_got, *at, n);
	w->head_got = (uint8_t)(w->head_got + n);
	*at += n;
	if (w->head_got < sizeof(w->head))
		return 0;
	w->head_got = 0;
	return passes(c, w->head) ? give(c, w->head, sizeof(w->head)) : 0;
}

int h2_walk(struct h2_conn *c, const uint8_t *data, size_t len)
{
	struct frame_walk *w = &c->walk;
	const uint8_t *at = data, *end = data + len, *given = data;
	int r = 0;

	while (r == 0) {
		size_t n = MIN(w->pass, (size_t)(end - at));

		at += n;
		w->pass -= n;
		if (at < end && w->skip > 0) { /* then given == at */
			n = MIN(w->skip, (size_t)(end - at));
			at += n;
			w->skip -= n;
			given = at;
		}
		if (at == end)
			break;
		if (w->skip > 0)
			continue;
		if (w->head_got > 0 || (size_t)(end - at) < sizeof(w->head)) {
			r = give(c, given, (size_t)(at - given));
			if (r == 0)
				r = piece_of_head(c, &at, (size_t)(end - at));
			given = at;
			continue;
		}
		at += sizeof(w->head);
		if (!passes(c, at - sizeof(w->head))) {
			r = give(c, given, (size_t)(at - sizeof(w->head) - given));
			given = at;
		}
	}
	return r < 0 ? r : give(c, given, (size_t)(end - given));
}
