#include "base/digest.h"

#include "base/error.h"

#include <errno.h>
#include <nettle/base64.h>
#include <nettle/sha2.h>
#include <sys/random.h>
#include <unistd.h>

#define READ_SIZE (32 << 10)

void sha256(const void *data, size_t len, uint8_t out[SHA256_SIZE])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	if (len > 0)
		sha256_update(&ctx, len, data);
	sha256_digest(&ctx, SHA256_SIZE, out);
}

int sha256_fd(int fd, uint8_t out[SHA256_SIZE], struct error *err)
{
	uint8_t block[READ_SIZE];
	struct sha256_ctx ctx;
	off_t at = 0;

	sha256_init(&ctx);
	for (;;) {
		ssize_t n = pread(fd, block, sizeof(block), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, err_from_errno(errno), errno,
					     "cannot read the file to compute its SHA-256");
		if (n == 0)
			break;
		sha256_update(&ctx, (size_t)n, block);
		at += n;
	}
	sha256_digest(&ctx, SHA256_SIZE, out);
	return 0;
}

void hex_encode(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

void base64_encode(const void *data, size_t len, struct buf *out)
{
	size_t size;

	if (len > SIZE_MAX - 2 || __builtin_mul_overflow((len + 2) / 3, (size_t)4, &size))
		size = SIZE_MAX; /* refused by buf_reserve */
	if (!buf_reserve(out, size) || len == 0)
		return;
	base64_encode_raw(out->data + out->len, len, data);
	out->len += size;
	out->data[out->len] = '\0';
}

/* The six bits of a character, or -1. */
static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

/* The text without its padding. False when the length is none that base64 gives. */
static bool strip_padding(struct str *text)
{
	size_t padded = text->len, n = padded;

	while (n > 0 && padded - n < 2 && text->ptr[n - 1] == '=')
		n--;
	text->len = n;
	return n % 4 != 1 && (padded == n || padded % 4 == 0);
}

bool base64_decode(struct str text, struct buf *out)
{
	bool standard = false, url = false;
	uint32_t bits = 0;
	int n_bits = 0;
	size_t start = out->len;

	if (!strip_padding(&text) || !buf_reserve(out, text.len / 4 * 3 + text.len % 4))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int six = sextet(text.ptr[i]);

		standard |= text.ptr[i] == '+' || text.ptr[i] == '/';
		url |= text.ptr[i] == '-' || text.ptr[i] == '_';
		if (six < 0 || (standard && url))
			goto malformed;
		bits = bits << 6 | (uint32_t)six;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out->data[out->len++] = (char)(uint8_t)(bits >> n_bits);
		}
	}
	/* Bits left over belong to no byte: anything but zeros was not written by an encoder. */
	if (bits & ((1u << n_bits) - 1))
		goto malformed;
	out->data[out->len] = '\0';
	return true;

malformed:
	out->len = start;
	out->data[start] = '\0';
	return false;
}

int random_bytes(void *out, size_t len, struct error *err)
{
	char *p = out;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, ERR_IO, errno, "cannot get random bytes");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}
