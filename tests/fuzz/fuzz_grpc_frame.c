/* gRPC framing and what hangs on it, in any bytes: cut in two places or not at all, the same
 * messages come out; compressed ones are inflated within the limit. Also the values of gRPC's
 * headers. */
#include "fuzz.h"

#include "base/buf.h"
#include "base/mem.h"
#include "grpc/frame.h"
#include "grpc/gzip.h"
#include "grpc/header.h"
#include "grpc/status.h"

#define MESSAGE_MAX ((size_t)1 << 16)

/* The messages of `bytes`, each with flag and length before it, read `step` bytes at a time. */
static int read_all(const uint8_t *bytes, size_t size, size_t step, struct buf *out)
{
	static uint8_t message[MESSAGE_MAX];
	struct frame_reader r = FRAME_READER_INIT;

	for (size_t at = 0; at < size; at += step) {
		const uint8_t *data = bytes + at;
		size_t len = MIN(step, size - at);
		int event;

		while ((event = frame_reader_feed(&r, &data, &len)) != FRAME_MORE) {
			if (event < 0)
				return event;
			if (r.length > MESSAGE_MAX)
				return ERR_LIMIT;
			r.data = message;
			if (event != FRAME_DONE)
				continue;
			buf_printf(out, "%d,%zu:", r.compressed, r.length);
			buf_append(out, message, r.length);
			frame_reader_next(&r);
		}
		FUZZ_CHECK(len == 0);
	}
	return frame_reader_inside(&r);
}

static void inflate_any(const uint8_t *data, size_t size)
{
	struct pool pool = POOL_INIT(0);
	struct gzip *g = NULL;
	struct str in = {(const char *)data, size};
	uint8_t *plain, *packed, *again;
	size_t len, packed_len, again_len;
	struct error err = ERROR_INIT;

	if (gzip_inflate(&g, &pool, in, 0, MESSAGE_MAX, &plain, &len, &err) == 0) {
		struct str piece = {(char *)plain, len};

		FUZZ_CHECK(len <= MESSAGE_MAX);
		FUZZ_OK(gzip_deflate(&g, &pool, &piece, 1, 0, &packed, &packed_len, &err), err);
		FUZZ_OK(gzip_inflate(&g, &pool, (struct str){(char *)packed, packed_len}, 0,
				     MESSAGE_MAX, &again, &again_len, &err),
			err);
		FUZZ_CHECK(again_len == len && (len == 0 || memcmp(again, plain, len) == 0));
		pool_free(&pool, plain);
		pool_free(&pool, packed);
		pool_free(&pool, again);
	}
	FUZZ_CHECK(pool.used_bytes == 0);
	gzip_free(g);
	pool_done(&pool);
}

static void header_values(struct str text)
{
	char encoded[GRPC_MESSAGE_MAX], back[GRPC_MESSAGE_MAX];
	int64_t ns = 0;
	size_t n = grpc_message_encode(text, encoded), m;

	FUZZ_CHECK(header_is_text((struct str){encoded, n}));
	m = grpc_message_decode((struct str){encoded, n}, back, sizeof(back));
	FUZZ_CHECK(m <= text.len && (m == 0 || memcmp(back, text.ptr, m) == 0));
	FUZZ_CHECK(!header_timeout(text, &ns) || ns >= 0);
	header_is_grpc(text);
	header_lists(text, "gzip");
	header_is_metadata(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(buf_done) struct buf whole = BUF_INIT;
	_cleanup_(buf_done) struct buf pieces = BUF_INIT;
	int a, b;

	if (size == 0)
		return 0;
	a = read_all(data + 1, size - 1, size, &whole);
	b = read_all(data + 1, size - 1, data[0] % 16 + 1u, &pieces);
	FUZZ_CHECK(a == b);
	FUZZ_CHECK(whole.len == pieces.len &&
		   (whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0));
	inflate_any(data + 1, size - 1);
	header_values((struct str){(const char *)data + 1, size - 1});
	return 0;
}
