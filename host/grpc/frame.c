#include "grpc/frame.h"

#include "base/mem.h"

#include <string.h>

static int read_head(struct frame_reader *r, const uint8_t **at, size_t *len)
{
	size_t n = MIN((size_t)FRAME_HEAD_SIZE - r->head_got, *len);

	memcpy(r->head + r->head_got, *at, n);
	r->head_got = (uint8_t)(r->head_got + n);
	*at += n;
	*len -= n;
	if (r->head_got > 0 && r->head[0] > 1)
		return ERR_INVALID;
	if (r->head_got < FRAME_HEAD_SIZE)
		return FRAME_MORE;
	r->compressed = r->head[0];
	r->length = (size_t)r->head[1] << 24 | (size_t)r->head[2] << 16 | (size_t)r->head[3] << 8 |
		    r->head[4];
	r->told = true;
	return FRAME_HEAD;
}

int frame_reader_feed(struct frame_reader *r, const uint8_t **at, size_t *len)
{
	size_t n;

	if (!r->told)
		return *len > 0 ? read_head(r, at, len) : FRAME_MORE;
	n = MIN(r->length - r->got, *len);
	if (n > 0) {
		memcpy(r->data + r->got, *at, n);
		r->got += n;
		*at += n;
		*len -= n;
	}
	return r->got == r->length ? FRAME_DONE : FRAME_MORE;
}

void frame_reader_next(struct frame_reader *r)
{
	*r = (struct frame_reader)FRAME_READER_INIT;
}
