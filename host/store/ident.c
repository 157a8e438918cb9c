#include "store/ident.h"

#define COUNT_BITS 20
#define MS         INT64_C(1000000)

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

uint64_t ident_from_time(int64_t wall_ns)
{
	return wall_ns <= 0 ? 0 : (uint64_t)(wall_ns / MS) << COUNT_BITS;
}

int64_t ident_time(uint64_t id)
{
	return (int64_t)(id >> COUNT_BITS) * MS;
}

uint64_t ident_next(struct ident_source *source, int64_t wall_ns, uint64_t random)
{
	uint64_t first = ident_from_time(wall_ns);

	/* Small random steps within a millisecond; past its end the count borrows from the next. */
	if (first > source->last)
		source->last = first + (random & 0xffff);
	else
		source->last += 1 + (random & 0x3f);
	return source->last;
}

void ident_format(uint64_t id, char out[IDENT_TEXT + 1])
{
	for (int i = 0; i < IDENT_TEXT; i++, id >>= 5)
		out[i] = digits[id & 31];
	out[IDENT_TEXT] = '\0';
}

bool ident_parse_prefix(struct str text, uint64_t *ret_bits, uint64_t *ret_mask)
{
	uint64_t bits = 0;

	if (text.len == 0 || text.len > IDENT_TEXT)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		const char *d;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		d = c ? strchr(digits, c) : NULL;
		if (!d || (i == IDENT_TEXT - 1 && d - digits > 7))
			return false;
		bits |= (uint64_t)(d - digits) << (5 * i);
	}
	*ret_bits = bits;
	*ret_mask = text.len == IDENT_TEXT ? INT64_MAX : (UINT64_C(1) << (5 * text.len)) - 1;
	return true;
}

bool ident_parse(struct str text, uint64_t *ret)
{
	uint64_t bits, mask;

	if (text.len != IDENT_TEXT || !ident_parse_prefix(text, &bits, &mask))
		return false;
	*ret = bits;
	return true;
}
