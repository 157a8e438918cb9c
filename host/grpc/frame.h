/* gRPC's message framing: each message is one byte of flags, four of length (big-endian), and the
 * bytes. The reader copies nothing but the message itself, into memory that its user chooses once
 * the length is known. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define FRAME_HEAD_SIZE 5

enum frame_event {
	FRAME_MORE, /* all bytes are used up */
	FRAME_HEAD, /* compressed and length are known: set data, then feed on */
	FRAME_DONE, /* data is complete: take it, frame_reader_next, then feed on */
};

struct frame_reader {
	uint8_t *data; /* the user's; room for length bytes; may be NULL when length is 0 */
	size_t length;
	size_t got; /* bytes of data */
	uint8_t head[FRAME_HEAD_SIZE];
	uint8_t head_got;
	bool compressed;
	bool told; /* FRAME_HEAD has been returned */
};

#define FRAME_READER_INIT                                                                          \
	{                                                                                          \
		.data = NULL                                                                       \
	}

/* Takes bytes from *at, advancing both. A frame_event, or ERR_INVALID for flags other than 0 and 1;
 * nothing can be read after that. */
int frame_reader_feed(struct frame_reader *r, const uint8_t **at, size_t *len);

/* Ready for the next message. */
void frame_reader_next(struct frame_reader *r);

/* In the middle of a message: the end of the stream would cut it. */
static inline bool frame_reader_inside(const struct frame_reader *r)
{
	return r->head_got > 0;
}

static inline void frame_head(uint8_t out[FRAME_HEAD_SIZE], bool compressed, uint32_t length)
{
	out[0] = compressed;
	out[1] = (uint8_t)(length >> 24);
	out[2] = (uint8_t)(length >> 16);
	out[3] = (uint8_t)(length >> 8);
	out[4] = (uint8_t)length;
}
