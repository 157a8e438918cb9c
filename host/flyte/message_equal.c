#include "flyte/message.h"

#include <math.h>
#include <stdlib.h>

static bool equal(const struct message_desc *type, const char *a, const char *b, unsigned depth);

static bool same_text(const char *a, const char *b)
{
	return streq(a ? a : "", b ? b : "");
}

static bool same_double(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

static bool same_float(float a, float b)
{
	return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

static bool same_sub(const struct message_desc *type, const char *a, const char *b, unsigned depth)
{
	if (!a || !b)
		return a == b;
	return depth < WIRE_DEPTH && equal(type, a, b, depth + 1);
}

static bool same_value(const struct field_desc *field, const char *a, const char *b, unsigned depth)
{
	const ProtobufCBinaryData *x = (const void *)a, *y = (const void *)b;

	switch (field->type) {
	case FIELD_MESSAGE:
		return same_sub(field->message, *(char *const *)(const void *)a,
				*(char *const *)(const void *)b, depth);
	case FIELD_STRING:
		return same_text(*(char *const *)(const void *)a, *(char *const *)(const void *)b);
	case FIELD_BYTES:
		return x->len == y->len && (x->len == 0 || memcmp(x->data, y->data, x->len) == 0);
	case FIELD_DOUBLE:
		return same_double(*(const double *)(const void *)a,
				   *(const double *)(const void *)b);
	case FIELD_FLOAT:
		return same_float(*(const float *)(const void *)a, *(const float *)(const void *)b);
	case FIELD_INT64:
	case FIELD_UINT64:
		return memcmp(a, b, 8) == 0;
	case FIELD_BOOL:
		return !*(const int *)(const void *)a == !*(const int *)(const void *)b;
	default:
		return memcmp(a, b, 4) == 0;
	}
}

static const char *key_of(const struct message_desc *entry, const char *p)
{
	const char *key = *(char *const *)(const void *)(p + entry->c->fields[0].offset);

	return key ? key : "";
}

static int by_key(const void *a, const void *b, void *entry)
{
	return strcmp(key_of(entry, *(char *const *)a), key_of(entry, *(char *const *)b));
}

static char **sorted(const struct message_desc *entry, char *const *entries, size_t n)
{
	char **copy = malloc(n * sizeof(*copy));

	if (!copy)
		return NULL;
	memcpy(copy, entries, n * sizeof(*copy));
	qsort_r(copy, n, sizeof(*copy), by_key, (void *)(uintptr_t)entry);
	return copy;
}

/* How many entries from the first on are the same; the next ones have other keys, or *ret_differ. */
static size_t same_entries(const struct message_desc *entry,
			   char *const *a,
			   char *const *b,
			   size_t n,
			   unsigned depth,
			   bool *ret_differ)
{
	*ret_differ = false;
	for (size_t i = 0; i < n; i++) {
		if (!streq(key_of(entry, a[i]), key_of(entry, b[i])))
			return i;
		if (!same_sub(entry, a[i], b[i], depth)) {
			*ret_differ = true;
			return i;
		}
	}
	return n;
}

/* Maps are mostly in the same order; from where they are not, they are compared sorted. Without
 * memory for that they count as different. */
static bool
same_map(const struct message_desc *entry, char *const *a, char *const *b, size_t n, unsigned depth)
{
	_cleanup_(freep) char **x = NULL;
	_cleanup_(freep) char **y = NULL;
	bool differ;
	size_t same = same_entries(entry, a, b, n, depth, &differ);

	if (same == n || differ)
		return !differ;
	x = sorted(entry, a + same, n - same);
	y = sorted(entry, b + same, n - same);
	return x && y && same_entries(entry, x, y, n - same, depth, &differ) == n - same;
}

static bool
same_many(const struct field_desc *field, const char *a, const char *b, size_t n, unsigned depth)
{
	size_t size = field_value_size(field->type);

	if (field->label == LABEL_MAP)
		return same_map(field->message, (char *const *)(const void *)a,
				(char *const *)(const void *)b, n, depth);
	for (size_t i = 0; i < n; i++)
		if (!same_value(field, a + i * size, b + i * size, depth))
			return false;
	return true;
}

static bool same_field(const struct field_desc *field,
		       const ProtobufCFieldDescriptor *c,
		       const char *a,
		       const char *b,
		       unsigned depth)
{
	const char *x = a + c->quantifier_offset, *y = b + c->quantifier_offset;
	size_t n, m;

	if (field->label == LABEL_SINGULAR) {
		if (field->oneof < 0)
			return same_value(field, a + c->offset, b + c->offset, depth);
		if (memcmp(x, y, sizeof(uint32_t)) != 0)
			return false;
		return *(const uint32_t *)(const void *)x != field->number ||
		       same_value(field, a + c->offset, b + c->offset, depth);
	}
	memcpy(&n, x, sizeof(n));
	memcpy(&m, y, sizeof(m));
	return n == m &&
	       (n == 0 || same_many(field, *(char *const *)(const void *)(a + c->offset),
				    *(char *const *)(const void *)(b + c->offset), n, depth));
}

static bool same_unknown(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	if (a->n_unknown_fields != b->n_unknown_fields)
		return false;
	for (unsigned i = 0; i < a->n_unknown_fields; i++) {
		const ProtobufCMessageUnknownField *x = &a->unknown_fields[i];
		const ProtobufCMessageUnknownField *y = &b->unknown_fields[i];

		if (x->tag != y->tag || x->wire_type != y->wire_type || x->len != y->len ||
		    (x->len > 0 && memcmp(x->data, y->data, x->len) != 0))
			return false;
	}
	return true;
}

static bool equal(const struct message_desc *type, const char *a, const char *b, unsigned depth)
{
	for (size_t i = 0; i < type->n_fields; i++)
		if (!same_field(&type->fields[i], &type->c->fields[i], a, b, depth))
			return false;
	return same_unknown((const ProtobufCMessage *)(const void *)a,
			    (const ProtobufCMessage *)(const void *)b);
}

bool message_equal(const struct message_desc *type, const void *a, const void *b)
{
	return equal(type, a, b, 0);
}
