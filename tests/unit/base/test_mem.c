#include "lib/test.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

TEST(pieces_are_aligned_and_do_not_overlap)
{
	_cleanup_(arena_done) struct arena a = ARENA_INIT;
	struct {
		unsigned char *p;
		size_t size;
	} pieces[2000];

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		pieces[i].size = i * 7 % 97 + (i % 500 == 0 ? 5000 : 0);
		pieces[i].p = arena_alloc(&a, pieces[i].size);
		CHECK(pieces[i].p);
		CHECK_INT((uintptr_t)pieces[i].p % 16, 0);
		memset(pieces[i].p, (int)(i & 0xff), pieces[i].size);
	}
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		for (size_t j = 0; j < pieces[i].size; j++)
			CHECK_INT(pieces[i].p[j], i & 0xff);
}

TEST(alignment_as_asked)
{
	_cleanup_(arena_done) struct arena a = ARENA_INIT;

	for (size_t align = 1; align <= 65536; align *= 2) {
		char *p = arena_alloc_aligned(&a, 3, align);

		CHECK(p);
		CHECK_INT((uintptr_t)p % align, 0);
		memset(p, 1, 3);
	}
	CHECK(!arena_alloc_aligned(&a, 8, 0));
	CHECK(!arena_alloc_aligned(&a, 8, 24));
}

TEST(size_zero_gives_a_pointer)
{
	_cleanup_(arena_done) struct arena a = ARENA_INIT;

	CHECK(arena_alloc(&a, 0));
	CHECK(arena_memdup(&a, NULL, 0));
	CHECK_INT(a.used, 0);
}

TEST(limit_counts_bytes_handed_out)
{
	struct arena a;

	arena_init(&a, 100);
	CHECK(arena_alloc(&a, 60));
	CHECK(!arena_alloc(&a, 41));
	CHECK(arena_alloc(&a, 40));
	CHECK_INT(a.used, 100);
	CHECK(!arena_alloc(&a, 1));
	arena_clear(&a);
	CHECK_INT(a.used, 0);
	CHECK(arena_alloc(&a, 100));
	arena_done(&a);
	CHECK_INT(a.limit, 100);
}

TEST(sizes_that_overflow_are_refused)
{
	_cleanup_(arena_done) struct arena a = ARENA_INIT;

	CHECK(!arena_array(&a, SIZE_MAX / 2, 3));
	CHECK(!arena_alloc(&a, SIZE_MAX));
	CHECK(!arena_alloc(&a, SIZE_MAX - 20));
	CHECK(arena_alloc(&a, 10));
	CHECK(!arena_alloc(&a, SIZE_MAX - 5));
	CHECK(!arena_strndup(&a, "x", SIZE_MAX));
	CHECK_INT(a.used, 10);
}

TEST(clear_keeps_the_newest_chunk_for_reuse)
{
	_cleanup_(arena_done) struct arena a = ARENA_INIT;
	struct arena_chunk *head;

	for (int i = 0; i < 10000; i++)
		CHECK(arena_alloc(&a, 100));
	head = a.head;
	arena_clear(&a);
	CHECK(a.head == head);
	CHECK(arena_alloc(&a, 100));
	CHECK(a.head == head);
	arena_done(&a);
	CHECK(!a.head);
}

TEST(a_big_piece_leaves_the_current_chunk_in_use)
{
	_cleanup_(arena_done) struct arena a = ARENA_INIT;
	struct arena_chunk *head;
	char *big;

	CHECK(arena_alloc(&a, 16));
	head = a.head;
	big = arena_alloc(&a, (size_t)3 << 20);
	CHECK(big);
	memset(big, 1, (size_t)3 << 20);
	CHECK(a.head == head);
	CHECK(arena_alloc(&a, 16));
	CHECK(a.head == head);
}

TEST(copies_and_formatted_text)
{
	_cleanup_(arena_done) struct arena a = ARENA_INIT;
	const char *long_text;
	int numbers[] = {1, 2, 3}, *copy;
	char *zero;

	CHECK_STR(arena_strdup(&a, "hello"), "hello");
	CHECK_STR(arena_strndup(&a, "hello", 2), "he");
	CHECK_STR(arena_strndup(&a, NULL, 0), "");
	CHECK_STR(arena_printf(&a, "%d-%s", 42, "x"), "42-x");
	long_text = arena_printf(&a, "%0999d.", 5);
	CHECK(long_text);
	CHECK_INT(strlen(long_text), 1000);
	CHECK_STR(long_text + 997, "05.");
	copy = arena_memdup(&a, numbers, sizeof(numbers));
	CHECK(copy);
	CHECK(memcmp(copy, numbers, sizeof(numbers)) == 0);
	zero = arena_zalloc(&a, 64);
	CHECK(zero);
	for (int i = 0; i < 64; i++)
		CHECK_INT(zero[i], 0);
}

TEST(closep_closes_once_and_keeps_errno)
{
	int fd = open("/dev/null", O_RDONLY), copy = fd;

	CHECK(fd >= 0);
	errno = ERANGE;
	closep(&fd);
	CHECK_INT(fd, -1);
	CHECK_INT(errno, ERANGE);
	CHECK_INT(fcntl(copy, F_GETFD), -1);
	closep(&fd);
}

TEST(take_moves_out_of_a_cleaned_scope)
{
	char *kept = NULL;

	{
		_cleanup_(freep) char *p = strdup("kept");

		CHECK(p);
		kept = TAKE(p);
		CHECK(!p);
	}
	CHECK_STR(kept, "kept");
	free(kept);
}
