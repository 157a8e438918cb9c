#include "base/file.h"
#include "base/mem.h"
#include "dispatch/meta.h"
#include "lib/test.h"

#include <stdio.h>
#include <sys/stat.h>

static const struct meta_key key = {.bytes = {1, 2, 3, 4}};

static struct store_row row_with(const char *prefix)
{
	struct store_row row = {
		.id = 0x123456789abcdef, .incarnation = 0xfeedface, .has_key = true};

	for (size_t i = 0; i < sizeof(row.key); i++)
		row.key[i] = (uint8_t)(i * 17);
	row.output_prefix = str_of(prefix);
	return row;
}

static struct meta parse(struct str text)
{
	struct error err = ERROR_INIT;
	struct meta m;

	CHECK_OK(meta_parse(&key, text, &m, &err), err);
	return m;
}

/* What was given out must be understood for ever. */
TEST(golden_text)
{
	struct store_row row = row_with("s3://my-bucket/metadata/x y/data.0");
	char text[META_MAX + 1];

	meta_format(&key, &row, text);
	CHECK_STR(
		text,
		"th1.ffkqt4yc5t820.00112233445566778899aabbccddeeff.00000000f"
		"eedface.ps3://my-bucket/metadata/x%20y/data%2E0.3cdee4a304cfa35bcb1506ea975b534d");
}

TEST(reads_back)
{
	struct store_row row = row_with("s3://b/\xc3\xa9 %/.~");
	char text[META_MAX + 1];
	size_t n = meta_format(&key, &row, text);
	struct meta m = parse((struct str){text, n});
	uint64_t id;

	CHECK_INT(strlen(text), n);
	CHECK(m.id == row.id && m.incarnation == row.incarnation && m.has_key);
	CHECK(memcmp(m.key, row.key, sizeof(m.key)) == 0);
	CHECK_STR(m.prefix, "s3://b/\xc3\xa9 %/.~");
	CHECK_STR(m.prefix_hash, "");
	CHECK(meta_peek((struct str){text, n}, &id) && id == row.id);
	for (size_t i = 0; i < n; i++)
		CHECK(text[i] > ' ' && text[i] < 127);
	row.has_key = false;
	row.output_prefix = STR_NULL;
	n = meta_format(&key, &row, text);
	m = parse((struct str){text, n});
	CHECK(!m.has_key);
	CHECK_STR(m.prefix, "");
}

TEST(long_prefix_becomes_its_digest)
{
	char prefix[3000], text[META_MAX + 1];
	struct store_row row;

	for (size_t len = 1; len < sizeof(prefix); len += 7) {
		size_t n;
		struct meta m;

		memset(prefix, 'a', len);
		prefix[len] = '\0';
		row = row_with(prefix);
		n = meta_format(&key, &row, text);
		CHECK(n <= META_MAX);
		m = parse((struct str){text, n});
		CHECK((strlen(m.prefix) == len) != (strlen(m.prefix_hash) == META_HASH));
	}
}

TEST(every_changed_byte_is_noticed)
{
	struct store_row row = row_with("s3://b/o");
	struct error err = ERROR_INIT;
	char text[META_MAX + 1];
	size_t n = meta_format(&key, &row, text);
	struct meta m;

	for (size_t i = 0; i < n; i++) {
		text[i] ^= 1;
		CHECK(meta_parse(&key, (struct str){text, n}, &m, &err) < 0);
		text[i] ^= 1;
	}
	for (size_t len = 0; len < n; len++)
		CHECK(meta_parse(&key, (struct str){text, len}, &m, &err) < 0);
	text[n] = 'x';
	CHECK(meta_parse(&key, (struct str){text, n + 1}, &m, &err) < 0);
}

TEST(another_key_is_refused)
{
	struct meta_key other = {.bytes = {9}};
	struct store_row row = row_with("s3://b/o");
	struct error err = ERROR_INIT;
	char text[META_MAX + 1];
	size_t n = meta_format(&other, &row, text);
	struct meta m;

	CHECK_ERR(meta_parse(&key, (struct str){text, n}, &m, &err), ERR_INVALID, err,
		  "another key");
}

TEST(foreign_and_newer_texts_are_told_apart)
{
	struct error err = ERROR_INIT;
	struct meta m;

	CHECK_ERR(meta_parse(&key, STR("{\"job_id\": \"j1\"}"), &m, &err), ERR_INVALID, err,
		  "not of this worker");
	CHECK(!meta_is_ours(STR("{\"job_id\": \"j1\"}")));
	CHECK_ERR(meta_parse(&key, STR("th9.0000000000000.x.00000000000000000000000000000000"), &m,
			     &err),
		  ERR_UNSUPPORTED, err, "version");
	CHECK(meta_is_ours(STR("th9.x")));
	CHECK(meta_parse(&key, STR_NULL, &m, &err) == ERR_INVALID);
}

TEST(key_file_is_made_once_and_private)
{
	struct error err = ERROR_INIT;
	struct meta_key a, b;
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/meta.key", test_tmpdir());
	CHECK_OK(meta_key_load(path, &a, &err), err);
	CHECK_OK(meta_key_load(path, &b, &err), err);
	CHECK(memcmp(&a, &b, sizeof(a)) == 0);
	CHECK(stat(path, &st) == 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	CHECK_OK(file_write_atomic(path, "short", 5, 0600, false, &err), err);
	CHECK_ERR(meta_key_load(path, &a, &err), ERR_INVALID, err, "has 5 bytes");
}
