#include "lib/test.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"

#include <fcntl.h>
#include <unistd.h>

static const char *sha_hex(const void *data, size_t len)
{
	static char hex[SHA256_HEX_SIZE];
	uint8_t sum[SHA256_SIZE];

	sha256(data, len, sum);
	hex_encode(sum, sizeof(sum), hex);
	return hex;
}

/* The examples of FIPS 180-4. */
TEST(sha256_known_answers)
{
	CHECK_STR(sha_hex(NULL, 0),
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	CHECK_STR(sha_hex("abc", 3),
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	CHECK_STR(sha_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56),
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(sha256_of_a_file_starts_at_its_beginning)
{
	_cleanup_(closep) int fd = open(test_tmpdir(), O_TMPFILE | O_RDWR, 0600);
	_cleanup_(freep) char *data = malloc(100001);
	uint8_t sum[SHA256_SIZE], expected[SHA256_SIZE];
	struct error err = ERROR_INIT;

	CHECK(fd >= 0 && data);
	for (int i = 0; i < 100001; i++)
		data[i] = (char)(i * 31);
	CHECK_INT(write(fd, data, 100001), 100001);
	CHECK_OK(sha256_fd(fd, sum, &err), err);
	sha256(data, 100001, expected);
	CHECK(memcmp(sum, expected, sizeof(sum)) == 0);
	CHECK_INT(lseek(fd, 0, SEEK_CUR), 100001);
	CHECK_ERR(sha256_fd(-1, sum, &err), ERR_IO, err, "SHA-256");
}

TEST(hex_is_lower_case)
{
	char out[9];

	hex_encode("\x00\xff\x1a\xB0", 4, out);
	CHECK_STR(out, "00ff1ab0");
}

/* The examples of RFC 4648. */
static const struct {
	const char *plain, *encoded;
} rfc4648[] = {{"", ""},
	       {"f", "Zg=="},
	       {"fo", "Zm8="},
	       {"foo", "Zm9v"},
	       {"foob", "Zm9vYg=="},
	       {"fooba", "Zm9vYmE="},
	       {"foobar", "Zm9vYmFy"}};

TEST(base64_known_answers)
{
	for (size_t i = 0; i < ARRAY_LEN(rfc4648); i++) {
		_cleanup_(buf_done) struct buf b = BUF_INIT, back = BUF_INIT, bare = BUF_INIT;
		struct str text = str_of(rfc4648[i].encoded);

		buf_puts(&b, "<");
		base64_encode(rfc4648[i].plain, strlen(rfc4648[i].plain), &b);
		CHECK(!b.failed);
		CHECK_STR(b.data + 1, rfc4648[i].encoded);
		CHECK(base64_decode(text, &back));
		CHECK_STR(back.data, rfc4648[i].plain);
		while (str_ends(text, "="))
			text.len--;
		CHECK(base64_decode(text, &bare));
		CHECK_STR(bare.data, rfc4648[i].plain);
	}
}

TEST(base64_url_alphabet)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;

	CHECK(base64_decode(STR("-_-_"), &b));
	CHECK(base64_decode(STR("+/+/"), &b));
	CHECK_INT(b.len, 6);
	CHECK(memcmp(b.data, "\xfb\xff\xbf\xfb\xff\xbf", 6) == 0);
}

TEST(base64_malformed_appends_nothing)
{
	static const char *const bad[] = {
		"Z",    "Zg=",  "Zg===",    "=",     "====", "Zm9vY",    "Zm 9v", "Zm9v\n",
		"Zh==", "Zm9=", "Zm==Zm==", "Zm9v=", "+_+_", "Zm9v!Zm9", "Z===",  "Zm9vZm9v=="};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		_cleanup_(buf_done) struct buf b = BUF_INIT;

		buf_puts(&b, "kept");
		if (base64_decode(str_of(bad[i]), &b))
			test_fail(__FILE__, __LINE__, "\"%s\" is accepted", bad[i]);
		CHECK_STR(b.data, "kept");
		CHECK_INT(b.len, 4);
	}
}

TEST(base64_every_length_comes_back)
{
	uint8_t data[300];

	for (size_t len = 0; len < sizeof(data); len++) {
		_cleanup_(buf_done) struct buf text = BUF_INIT, back = BUF_INIT;

		data[len] = (uint8_t)(len * 37 + 11);
		base64_encode(data, len, &text);
		CHECK_INT(text.len, (len + 2) / 3 * 4);
		CHECK(base64_decode((struct str){text.data, text.len}, &back));
		CHECK_INT(back.len, len);
		CHECK(len == 0 || memcmp(back.data, data, len) == 0);
	}
}

TEST(base64_respects_the_limit)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;

	b.limit = 7;
	base64_encode("foobar", 6, &b);
	CHECK_INT(b.failed, ERR_LIMIT);
	CHECK_INT(b.len, 0);
	buf_clear(&b);
	CHECK(!base64_decode(STR("Zm9vYmFyZm9v"), &b));
	CHECK_INT(b.failed, ERR_LIMIT);
}

TEST(random_bytes_differ)
{
	uint8_t a[32] = {0}, b[32] = {0};
	struct error err = ERROR_INIT;

	CHECK_OK(random_bytes(a, sizeof(a), &err), err);
	CHECK_OK(random_bytes(b, sizeof(b), &err), err);
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	CHECK_OK(random_bytes(NULL, 0, &err), err);
}
