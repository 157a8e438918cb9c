#include "flyte/wire_view.h"

#include <endian.h>

static bool read_fixed(const uint8_t **at, const uint8_t *end, size_t size, uint64_t *ret)
{
	uint64_t v = 0;

	if ((size_t)(end - *at) < size)
		return false;
	memcpy(&v, *at, size);
	*ret = le64toh(v);
	*at += size;
	return true;
}

static bool read_value(struct view *v, struct view_field *f)
{
	uint32_t len;

	switch (f->wire_type) {
	case WIRE_VARINT:
		return wire_varint(&v->at, v->end, 10, &f->value);
	case WIRE_I64:
		return read_fixed(&v->at, v->end, 8, &f->value);
	case WIRE_I32:
		return read_fixed(&v->at, v->end, 4, &f->value);
	case WIRE_LEN:
		if (!wire_varint32(&v->at, v->end, &len) || len > (size_t)(v->end - v->at))
			return false;
		f->bytes = (struct str){(const char *)v->at, len};
		v->at += len;
		return true;
	default:
		return false;
	}
}

int view_next(struct view *v, struct view_field *ret)
{
	struct view_field f = {0};
	const uint8_t *start = v->at;
	uint32_t tag;

	if (v->at >= v->end)
		return 0;
	if (!wire_varint32(&v->at, v->end, &tag) || tag >> 3 == 0)
		return ERR_INVALID;
	f.number = tag >> 3;
	f.wire_type = tag & 7;
	if (!read_value(v, &f))
		return ERR_INVALID;
	f.raw = (struct str){(const char *)start, (size_t)(v->at - start)};
	*ret = f;
	return 1;
}

bool view_find(struct str wire, uint32_t number, struct view_field *ret)
{
	struct view v = view_of(wire);
	struct view_field f, last;
	bool found = false;
	int r;

	while ((r = view_next(&v, &f)) > 0) {
		if (f.number != number)
			continue;
		last = f;
		found = true;
	}
	if (r < 0 || !found)
		return false;
	*ret = last;
	return true;
}
