/* Writing the wire form. Most writes are a few bytes into a buffer that has room. */
#include "flyte/wire.h"

#include <endian.h>

static size_t varint(char *p, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (char)(v | 0x80);
	p[n++] = (char)v;
	return n;
}

static inline void put(struct buf *out, const char *bytes, size_t n)
{
	if (out->failed || out->cap - out->len <= n) {
		buf_append(out, bytes, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		out->data[out->len + i] = bytes[i];
	out->len += n;
	out->data[out->len] = '\0';
}

void wire_put_varint(struct buf *out, uint64_t v)
{
	char bytes[10];

	put(out, bytes, varint(bytes, v));
}

void wire_put_tag(struct buf *out, uint32_t number, enum wire_type type)
{
	wire_put_varint(out, (uint64_t)number << 3 | type);
}

void wire_put_fixed(struct buf *out, uint64_t bits, size_t size)
{
	bits = htole64(bits);
	buf_append(out, &bits, size);
}

void wire_put_bytes(struct buf *out, uint32_t number, struct str payload)
{
	char head[20];
	size_t n = varint(head, (uint64_t)number << 3 | WIRE_LEN);

	n += varint(head + n, payload.len);
	put(out, head, n);
	buf_append(out, payload.ptr, payload.len);
}

/* One byte is kept for the length, which is enough for most; otherwise the payload moves. */
size_t wire_begin(struct buf *out, uint32_t number)
{
	char head[11];
	size_t n = varint(head, (uint64_t)number << 3 | WIRE_LEN);

	head[n++] = 0;
	put(out, head, n);
	return out->len;
}

void wire_end(struct buf *out, size_t mark)
{
	uint64_t len = out->len - mark;
	size_t extra = 0;

	if (out->failed)
		return;
	for (uint64_t v = len; v >= 0x80; v >>= 7)
		extra++;
	if (extra > 0) {
		if (!buf_reserve(out, extra))
			return;
		memmove(out->data + mark + extra, out->data + mark, len + 1);
		out->len += extra;
	}
	for (size_t i = 0; i < extra; i++, len >>= 7)
		out->data[mark - 1 + i] = (char)(len | 0x80);
	out->data[mark - 1 + extra] = (char)len;
}
