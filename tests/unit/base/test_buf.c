#include "lib/test.h"

#include "base/buf.h"
#include "base/mem.h"

TEST(appends_in_order)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	buf_append(&b, "ab", 2);
	buf_append(&b, NULL, 0);
	buf_putc(&b, 'c');
	buf_puts(&b, "de");
	buf_printf(&b, "%s%03d", "f", 7);
	CHECK_OK(buf_check(&b, "text", &err), err);
	CHECK_STR(b.data, "abcdef007");
	CHECK_INT(b.len, 9);
}

TEST(printf_longer_than_the_room)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;

	buf_puts(&b, "x");
	buf_printf(&b, "%0500d", 1);
	CHECK_INT(b.len, 501);
	CHECK_INT(b.data[500], '1');
	CHECK_INT(b.data[501], '\0');
	CHECK_INT(strspn(b.data + 1, "0"), 499);
}

TEST(limit_is_sticky_and_keeps_what_was_there)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	b.limit = 4;
	buf_puts(&b, "abcd");
	CHECK_OK(buf_check(&b, "text", &err), err);
	buf_putc(&b, 'e');
	CHECK_ERR(buf_check(&b, "the text", &err), ERR_LIMIT, err,
		  "the text is larger than 4 bytes");
	CHECK_STR(b.data, "abcd");
	buf_puts(&b, "");
	buf_printf(&b, "x");
	CHECK_INT(b.len, 4);
	CHECK(!buf_take(&b, NULL));

	buf_clear(&b);
	CHECK_OK(buf_check(&b, "text", &err), err);
	buf_printf(&b, "%d", 12345);
	CHECK_INT(buf_check(&b, "text", &err), ERR_LIMIT);
	CHECK_INT(b.len, 0);
	CHECK_STR(b.data, "");
}

TEST(impossible_reservation_is_out_of_memory)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	buf_puts(&b, "abc");
	CHECK(!buf_reserve(&b, SIZE_MAX - 2));
	CHECK_ERR(buf_check(&b, "a thing", &err), ERR_NOMEM, err, "a thing");
	buf_clear(&b);
	CHECK(!buf_reserve(&b, SIZE_MAX / 2));
	CHECK_INT(buf_check(&b, "a thing", &err), ERR_NOMEM);
	buf_done(&b);
	CHECK(buf_reserve(&b, 10));
}

TEST(take_moves_the_bytes_out)
{
	struct buf b = BUF_INIT;
	size_t len = 99;
	char *p;

	p = buf_take(&b, &len);
	CHECK_STR(p, "");
	CHECK_INT(len, 0);
	free(p);

	buf_append(&b, "a\0b", 3);
	p = buf_take(&b, &len);
	CHECK_INT(len, 3);
	CHECK(memcmp(p, "a\0b", 4) == 0);
	free(p);
	CHECK(!b.data);
	buf_puts(&b, "again");
	CHECK_STR(b.data, "again");
	buf_done(&b);
}

TEST(grows_to_any_size)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;

	for (int i = 0; i < 300000; i++)
		buf_putc(&b, (char)('a' + i % 26));
	CHECK_INT(b.len, 300000);
	for (int i = 0; i < 300000; i++)
		CHECK_INT(b.data[i], 'a' + i % 26);
}
