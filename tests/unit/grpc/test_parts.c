/* The parts of the engine that stand alone: statuses, header values, framing, memory, gzip. */
#include "base/buf.h"
#include "base/mem.h"
#include "grpc/frame.h"
#include "grpc/gzip.h"
#include "grpc/header.h"
#include "grpc/pool.h"
#include "grpc/status.h"
#include "lib/test.h"

#include <stdlib.h>

/* ---- status ------------------------------------------------------------------------------ */

TEST(status_names_and_digits)
{
	CHECK_STR(grpc_status_name(GRPC_NOT_FOUND), "NOT_FOUND");
	CHECK_STR(grpc_status_name(99), "UNKNOWN");
	CHECK(str_is(grpc_status_digits(0), "0"));
	CHECK(str_is(grpc_status_digits(16), "16"));
	CHECK(str_is(grpc_status_digits(-1), "2"));
	CHECK_INT(grpc_status_of(ERR_NOT_FOUND), GRPC_NOT_FOUND);
	CHECK_INT(grpc_status_of(ERR_LIMIT), GRPC_RESOURCE_EXHAUSTED);
	CHECK_INT(grpc_status_of(ERR_IO), GRPC_INTERNAL);
}

static void check_message(struct str plain, const char *encoded)
{
	char out[GRPC_MESSAGE_MAX], back[GRPC_MESSAGE_MAX];
	size_t n = grpc_message_encode(plain, out), m;

	CHECK(str_is((struct str){out, n}, encoded));
	m = grpc_message_decode((struct str){out, n}, back, sizeof(back));
	CHECK(str_eq((struct str){back, m}, plain));
}

TEST(message_percent_encoding)
{
	check_message(STR("plain text ~!"), "plain text ~!");
	check_message(STR("100%"), "100%25");
	check_message(STR("\t\n\x7f"), "%09%0A%7F");
	check_message(STR("\xe2\x98\xba"), "%E2%98%BA");
	check_message(STR("\xff"), "%FF");
	check_message(STR(""), "");
}

TEST(message_decoding_is_lenient)
{
	char out[64];

	CHECK(str_is((struct str){out, grpc_message_decode(STR("%zz%4%41"), out, 64)}, "%zz%4A"));
	CHECK_INT(grpc_message_decode(STR("abcdef"), out, 3), 3);
}

TEST(message_is_cut_at_a_character)
{
	char text[2000], out[GRPC_MESSAGE_MAX];

	memset(text, 'a', sizeof(text));
	CHECK_INT(grpc_message_encode((struct str){text, sizeof(text)}, out), GRPC_MESSAGE_MAX);
	/* 1020 letters leave room for 4 bytes; the character needs 9. */
	memcpy(text + 1020, "\xe2\x98\xba", 3);
	CHECK_INT(grpc_message_encode((struct str){text, sizeof(text)}, out), 1020);
}

/* ---- header values ----------------------------------------------------------------------- */

TEST(timeouts)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {{"1n", 1},          {"10u", 10000},           {"250m", 250000000},
		    {"3S", 3000000000}, {"2M", 120000000000},     {"1H", 3600000000000},
		    {"0n", 0},          {"99999999H", INT64_MAX}, {"99999999S", 99999999000000000}};
	static const char *const bad[] = {"",    "1",    "S",   "123456789S", "1s",
					  "-1S", "1.5S", " 1S", "1SS",        "1x"};
	int64_t ns;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CHECK(header_timeout(str_of(good[i].text), &ns));
		CHECK_INT(ns, good[i].ns);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!header_timeout(str_of(bad[i]), &ns));
}

TEST(content_types)
{
	static const char *const good[] = {"application/grpc", "application/grpc+proto",
					   "application/grpc; charset=utf-8",
					   "application/grpc+proto;x"};
	static const char *const bad[] = {"",
					  "application/grp",
					  "application/grpc-web",
					  "application/grpc+json",
					  "application/json",
					  "application/grpcx",
					  "application/grpc+protox"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK(header_is_grpc(str_of(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!header_is_grpc(str_of(bad[i])));
}

TEST(encoding_lists)
{
	CHECK(header_lists(STR("gzip"), "gzip"));
	CHECK(header_lists(STR("identity, deflate , gzip"), "gzip"));
	CHECK(header_lists(STR("identity,gzip,"), "gzip"));
	CHECK(!header_lists(STR("identity, xgzip, gzipx"), "gzip"));
	CHECK(!header_lists(STR(""), "gzip"));
}

TEST(metadata_names)
{
	CHECK(header_is_metadata(STR("x-trace-id")));
	CHECK(header_is_metadata(STR("a.b_c-bin")));
	CHECK(!header_is_metadata(STR("")));
	CHECK(!header_is_metadata(STR("Upper")));
	CHECK(!header_is_metadata(STR("with space")));
	CHECK(!header_is_metadata(STR("new\nline")));
	CHECK(!header_is_metadata(STR("grpc-status")));
	CHECK(!header_is_metadata(STR(":path")));
	CHECK(!header_is_metadata(STR("content-type")));
	CHECK(header_is_text(STR("plain ~")));
	CHECK(!header_is_text(STR("tab\t")));
	CHECK(!header_is_text(STR("\xc3\xa4")));
}

/* ---- framing ----------------------------------------------------------------------------- */

/* Reads all messages of `bytes`, `step` bytes at a time, joined with '|'. */
static int read_all(struct str bytes, size_t step, struct buf *out, bool *ret_inside)
{
	struct frame_reader r = FRAME_READER_INIT;
	uint8_t message[64];
	int event = FRAME_MORE;

	for (size_t at = 0; at < bytes.len && event >= 0; at += step) {
		const uint8_t *data = (const uint8_t *)bytes.ptr + at;
		size_t len = MIN(step, bytes.len - at);

		do {
			event = frame_reader_feed(&r, &data, &len);
			if (event == FRAME_HEAD) {
				CHECK(r.length <= sizeof(message));
				r.data = message;
			} else if (event == FRAME_DONE) {
				buf_append(out, message, r.length);
				buf_puts(out, r.compressed ? "/c|" : "|");
				frame_reader_next(&r);
			}
		} while (event > FRAME_MORE);
	}
	*ret_inside = frame_reader_inside(&r);
	return event < 0 ? event : 0;
}

TEST(frames_in_pieces_of_every_size)
{
	static const char bytes[] = "\0\0\0\0\5hello\0\0\0\0\0\1\0\0\0\3abc\0\0\0\0\1x";

	for (size_t step = 1; step < sizeof(bytes); step++) {
		_cleanup_(buf_done) struct buf out = BUF_INIT;
		bool inside;

		CHECK_INT(read_all((struct str){bytes, sizeof(bytes) - 1}, step, &out, &inside), 0);
		CHECK_STR(out.data, "hello||abc/c|x|");
		CHECK(!inside);
	}
}

TEST(cut_frames_are_inside)
{
	static const char bytes[] = "\0\0\0\0\5hello";

	for (size_t len = 1; len < sizeof(bytes) - 1; len++) {
		_cleanup_(buf_done) struct buf out = BUF_INIT;
		bool inside;

		CHECK_INT(read_all((struct str){bytes, len}, 3, &out, &inside), 0);
		CHECK(inside);
		CHECK_INT(out.len, 0);
	}
}

TEST(bad_flags_are_refused_at_the_first_byte)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	bool inside;

	CHECK_INT(read_all(STR("\2"), 1, &out, &inside), ERR_INVALID);
}

/* ---- memory ------------------------------------------------------------------------------ */

TEST(pool_gives_every_size_and_takes_it_back)
{
	struct pool p = POOL_INIT((size_t)64 << 20);
	void *m[200];
	size_t n = 0;

	for (size_t size = 0; size < (size_t)200 << 20 && n < 200; size = size * 9 / 8 + 1) {
		m[n] = pool_alloc(&p, size);
		CHECK(m[n] && ((uintptr_t)m[n] & 15) == 0);
		memset(m[n], 0xa5, MIN(size, (size_t)1 << 20));
		if (size > 0)
			((char *)m[n])[size - 1] = 1;
		n++;
	}
	CHECK(p.used_bytes > 0);
	while (n > 0)
		pool_free(&p, m[--n]);
	pool_free(&p, NULL);
	CHECK_INT(p.used_bytes, 0);
	CHECK(p.free_bytes > 0 && p.free_bytes <= (size_t)64 << 20);
	pool_trim(&p, 1000);
	CHECK(p.free_bytes <= 1000);
	pool_done(&p);
	CHECK_INT(p.free_bytes, 0);
}

TEST(pool_hands_the_same_block_out_again)
{
	struct pool p = POOL_INIT(1 << 20);
	void *a = pool_alloc(&p, 5000), *b;

	pool_free(&p, a);
	b = pool_alloc(&p, 4900); /* same class */
	CHECK(a == b);
	pool_free(&p, b);
	pool_done(&p);
}

TEST(pool_realloc_keeps_content)
{
	struct pool p = POOL_INIT(1 << 20);
	char *m = pool_realloc(&p, NULL, 10);

	CHECK(m);
	strcpy(m, "content");
	for (size_t size = 11; size < 100000; size = size * 3 / 2) {
		m = pool_realloc(&p, m, size);
		CHECK(m && streq(m, "content"));
	}
	CHECK(!pool_realloc(&p, m, SIZE_MAX));
	CHECK_STR(m, "content");
	pool_free(&p, m);
	pool_done(&p);
}

/* ---- gzip -------------------------------------------------------------------------------- */

struct zip {
	struct gzip *g;
	struct pool pool;
};

static int unzip(struct zip *z, struct str in, size_t max, struct buf *out, struct error *err)
{
	uint8_t *data;
	size_t len;
	int r = gzip_inflate(&z->g, &z->pool, in, 3, max, &data, &len, err);

	if (r < 0)
		return r;
	buf_append(out, data + 3, len);
	pool_free(&z->pool, data);
	return 0;
}

static void zip(struct zip *z, struct str in, struct buf *out)
{
	struct str pieces[] = {{in.ptr, in.len / 3}, {in.ptr + in.len / 3, in.len - in.len / 3}};
	struct error err = ERROR_INIT;
	uint8_t *data;
	size_t len;

	CHECK_OK(gzip_deflate(&z->g, &z->pool, pieces, 2, 5, &data, &len, &err), err);
	buf_append(out, data + 5, len);
	pool_free(&z->pool, data);
}

static void zip_end(struct zip *z)
{
	CHECK_INT(z->pool.used_bytes, 0);
	gzip_free(z->g);
	pool_done(&z->pool);
}

TEST(gzip_there_and_back)
{
	struct zip z = {.pool = POOL_INIT(1 << 20)};
	struct error err = ERROR_INIT;

	for (size_t len = 0; len < 3000000; len = len * 5 + 1) {
		_cleanup_(buf_done) struct buf plain = BUF_INIT;
		_cleanup_(buf_done) struct buf small = BUF_INIT;
		_cleanup_(buf_done) struct buf back = BUF_INIT;

		for (size_t i = 0; i < len; i++)
			buf_putc(&plain, (char)(i * i >> 7));
		zip(&z, (struct str){plain.data, plain.len}, &small);
		CHECK_OK(unzip(&z, (struct str){small.data, small.len}, len, &back, &err), err);
		CHECK(str_eq((struct str){plain.data, plain.len},
			     (struct str){back.data, back.len}));
		if (len > 0)
			CHECK_INT(unzip(&z, (struct str){small.data, small.len}, len - 1, &back,
					&err),
				  ERR_LIMIT);
	}
	zip_end(&z);
}

TEST(gzip_bomb_stops_at_the_limit)
{
	_cleanup_(buf_done) struct buf bomb = BUF_INIT;
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct zip z = {.pool = POOL_INIT(0)};
	struct error err = ERROR_INIT;
	size_t len = (size_t)100 << 20;
	char *zeros = calloc(1, len);

	CHECK(zeros);
	zip(&z, (struct str){zeros, len}, &bomb);
	free(zeros);
	CHECK(bomb.len < 1 << 20);
	CHECK_ERR(unzip(&z, (struct str){bomb.data, bomb.len}, 1 << 20, &out, &err), ERR_LIMIT, err,
		  "more than the limit of 1048576 bytes");
	zip_end(&z);
}

TEST(gzip_refuses_what_is_not)
{
	_cleanup_(buf_done) struct buf good = BUF_INIT;
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct zip z = {.pool = POOL_INIT(0)};
	struct error err = ERROR_INIT;

	CHECK_ERR(unzip(&z, STR("not compressed"), 100, &out, &err), ERR_INVALID, err, "not gzip");
	CHECK_ERR(unzip(&z, STR(""), 100, &out, &err), ERR_INVALID, err, "cut off");
	zip(&z, STR("hello"), &good);
	for (size_t len = 0; len < good.len; len++)
		CHECK(unzip(&z, (struct str){good.data, len}, 100, &out, &err) < 0);
	good.data[good.len - 6] ^= 1; /* the checksum */
	CHECK_INT(unzip(&z, (struct str){good.data, good.len}, 100, &out, &err), ERR_INVALID);
	zip_end(&z);
}

TEST(gzip_members_may_be_joined)
{
	_cleanup_(buf_done) struct buf two = BUF_INIT;
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct zip z = {.pool = POOL_INIT(0)};
	struct error err = ERROR_INIT;

	zip(&z, STR("hello "), &two);
	zip(&z, STR("world"), &two);
	CHECK_OK(unzip(&z, (struct str){two.data, two.len}, 100, &out, &err), err);
	CHECK_STR(out.data, "hello world");
	zip_end(&z);
}
