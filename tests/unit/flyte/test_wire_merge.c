/* What merging a message that is spread over several fields takes. Allocations are led through
 * wrappers here that count the bytes. */
#include "desc_table.h"
#include "lib/test.h"

#include "base/mem.h"
#include "flyte/wire.h"

#include <malloc.h>

#define LITERAL MESSAGE_DESC(flyteidl__core__literal)
#define NESTED  44 /* collections in one another, two messages each */
#define TEXT    ((size_t)1 << 20)

#define TEXT_OF(bytes) ((struct str){bytes, sizeof(bytes) - 1})

static size_t live, peak;

static void *taken(void *p)
{
	live += p ? malloc_usable_size(p) : 0;
	peak = live > peak ? live : peak;
	return p;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void __wrap_free(void *p);

void *__wrap_malloc(size_t size)
{
	return taken(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return taken(__real_calloc(n, size));
}

void __wrap_free(void *p)
{
	if (p)
		live -= malloc_usable_size(p);
	__real_free(p);
}

/* Counted at its dearest: the new beside the old. */
void *__wrap_realloc(void *p, size_t size)
{
	size_t old = p ? malloc_usable_size(p) : 0;
	void *bigger = __wrap_malloc(size);

	if (bigger && p) {
		memcpy(bigger, p, old < size ? old : size);
		__wrap_free(p);
	}
	return bigger;
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return size && n > SIZE_MAX / size ? NULL : __wrap_realloc(p, n * size);
}

/* ---- messages -------------------------------------------------------------------------------- */

static struct str whole(const struct buf *b)
{
	return (struct str){b->data, b->len};
}

static void wrap(struct buf *b, uint32_t number)
{
	_cleanup_(buf_done) struct buf inner = *b;
	size_t mark;

	*b = (struct buf)BUF_INIT;
	mark = wire_begin(b, number);
	buf_append(b, inner.data, inner.len);
	wire_end(b, mark);
}

/* A text in lists in lists. Each list holds `more` too: in the same field, or in another of its own
 * even when there is nothing more. */
static void put_lists(struct buf *b, struct str more, bool split)
{
	size_t mark = wire_begin(b, 3);

	for (size_t i = 0; i < TEXT; i++)
		buf_putc(b, 's');
	wire_end(b, mark);
	wrap(b, 1); /* Scalar.primitive */
	wrap(b, 1); /* Literal.scalar */
	for (int i = 0; i < NESTED; i++) {
		wrap(b, 1); /* LiteralCollection.literals */
		if (!split)
			buf_append(b, more.ptr, more.len);
		wrap(b, 2); /* Literal.collection */
		mark = split ? wire_begin(b, 2) : 0;
		if (split) {
			buf_append(b, more.ptr, more.len);
			wire_end(b, mark);
		}
	}
	CHECK(!b->failed);
}

TEST(merging_many_levels_takes_no_copy_for_each)
{
	static const struct str more[] = {{"", 0}, {"\x0a\x00", 2}};
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		_cleanup_(buf_done) struct buf split = BUF_INIT;
		_cleanup_(buf_done) struct buf joined = BUF_INIT;
		_cleanup_(buf_done) struct buf out = BUF_INIT;
		struct wire_info info;

		put_lists(&split, more[i], true);
		put_lists(&joined, more[i], false);
		CHECK_OK(wire_check(LITERAL, whole(&split), NULL, &info, &err), err);
		CHECK(info.flags & WIRE_SPLIT);
		live = peak = 0;
		CHECK_OK(wire_merge(LITERAL, whole(&split), &out, &err), err);
		if (peak > NESTED / 4 * split.len)
			test_fail(__FILE__, __LINE__, "%zu bytes for a message of %zu", peak,
				  split.len);
		CHECK(str_eq(whole(&out), whole(&joined)));
	}
}

TEST(parts_of_parts_are_joined_in_their_order)
{
	/* Variable{type{list of{simple 1, annotation}}, description "d",
	 *          type{list of{map of{simple 2}}}, type{list of{map of{annotation}}}} */
	static const char wire[] = "\x0a\x06\x1a\x04\x08\x01\x4a\x00"
				   "\x12\x01"
				   "d"
				   "\x0a\x06\x1a\x04\x22\x02\x08\x02"
				   "\x0a\x06\x1a\x04\x22\x02\x4a\x00";
	static const char merged[] = "\x12\x01"
				     "d"
				     "\x0a\x0a\x1a\x08\x4a\x00\x22\x04\x08\x02\x4a\x00";
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(wire_merge(MESSAGE_DESC(flyteidl__core__variable), TEXT_OF(wire), &out, &err),
		 err);
	CHECK(str_eq(whole(&out), TEXT_OF(merged)));
}
