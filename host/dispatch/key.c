#include "dispatch/key.h"

#include "base/buf.h"
#include "base/digest.h"

static void put_number(struct buf *b, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		buf_putc(b, (char)(v >> (8 * i)));
}

static void put_text(struct buf *b, struct str s)
{
	put_number(b, s.len);
	buf_append(b, s.ptr, s.len);
}

int key_make(const struct key_parts *parts, uint8_t ret[STORE_KEY_SIZE])
{
	struct buf b = BUF_INIT;
	uint8_t digest[SHA256_SIZE];
	int r;

	buf_puts(&b, "taskhost execution key 1");
	put_text(&b, parts->node);
	put_number(&b, parts->retry_attempt);
	put_text(&b, parts->output_prefix);
	put_text(&b, parts->type);
	put_number(&b, (uint64_t)(int64_t)parts->type_version);
	r = buf_check(&b, "an execution key", NULL);
	if (r == 0) {
		sha256(b.data, b.len, digest);
		memcpy(ret, digest, STORE_KEY_SIZE);
	}
	buf_done(&b);
	return r;
}
