#include "dispatch/meta.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/hmac.h"
#include "base/mem.h"
#include "store/ident.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define WORD     "th1."
#define WORD_LEN 4
#define MAC_SIZE ((size_t)16)
#define MAC_HEX  (2 * MAC_SIZE)

/* ---- key --------------------------------------------------------------------------------- */

static int make_key(const char *path, struct meta_key *ret, struct error *err)
{
	int r = random_bytes(ret->bytes, sizeof(ret->bytes), err);

	if (r < 0)
		return r;
	return file_write_atomic(path, ret->bytes, sizeof(ret->bytes), 0600, true, err);
}

int meta_key_load(const char *path, struct meta_key *ret, struct error *err)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	int r;

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return make_key(path, ret, err);
	r = file_read(path, 4096, &bytes, err);
	if (r < 0)
		return r;
	if (bytes.len != sizeof(ret->bytes))
		return err_set(
			err, ERR_INVALID,
			"%s has %zu bytes, and a key has %zu; restore it, or remove it to start "
			"with a new one (what was accepted before is then not recognised)",
			path, bytes.len, sizeof(ret->bytes));
	memcpy(ret->bytes, bytes.data, bytes.len);
	return 0;
}

static void mac_hex(const struct meta_key *key, const char *text, size_t len, char out[MAC_HEX + 1])
{
	uint8_t mac[HMAC_SHA256_SIZE];

	hmac_sha256(key->bytes, sizeof(key->bytes), text, len, mac);
	hex_encode(mac, MAC_SIZE, out);
}

/* ---- writing ----------------------------------------------------------------------------- */

static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-_/:", c));
}

/* "p..." into `out` of `room` bytes; 0 when it does not fit. */
static size_t put_prefix(struct str prefix, char *out, size_t room)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	if (room < 1)
		return 0;
	out[n++] = 'p';
	for (size_t i = 0; i < prefix.len; i++) {
		unsigned char c = (unsigned char)prefix.ptr[i];

		if (n + 3 > room)
			return 0;
		if (is_plain(c)) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return n;
}

static size_t put_hash(struct str prefix, char *out)
{
	uint8_t digest[SHA256_SIZE];

	sha256(prefix.ptr, prefix.len, digest);
	out[0] = 'h';
	hex_encode(digest, sizeof(digest), out + 1);
	return 1 + META_HASH;
}

size_t meta_format(const struct meta_key *key, const struct store_row *row, char out[META_MAX + 1])
{
	char id[IDENT_TEXT + 1], hex[2 * STORE_KEY_SIZE + 1] = "-";
	size_t n, prefix;

	ident_format(row->id, id);
	if (row->has_key)
		hex_encode(row->key, sizeof(row->key), hex);
	n = (size_t)snprintf(out, META_MAX, WORD "%s.%s.%016llx.", id, hex,
			     (unsigned long long)row->incarnation);
	prefix = put_prefix(row->output_prefix, out + n, META_MAX - MAC_HEX - 1 - n);
	if (prefix == 0)
		prefix = put_hash(row->output_prefix, out + n);
	n += prefix;
	out[n] = '.';
	mac_hex(key, out, n, out + n + 1);
	return n + 1 + MAC_HEX;
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool take_hex(struct str *s, size_t bytes, uint8_t *out)
{
	if (s->len < 2 * bytes)
		return false;
	for (size_t i = 0; i < bytes; i++) {
		int high = hex_digit(s->ptr[2 * i]), low = hex_digit(s->ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	s->ptr += 2 * bytes;
	s->len -= 2 * bytes;
	return true;
}

static bool read_prefix(struct str s, char out[META_MAX])
{
	size_t n = 0;
	uint8_t byte;

	while (s.len > 0) {
		if (n + 1 >= META_MAX)
			return false;
		if (str_take(&s, '%')) {
			if (!take_hex(&s, 1, &byte))
				return false;
			out[n++] = (char)byte;
			continue;
		}
		out[n++] = *s.ptr++;
		s.len--;
	}
	out[n] = '\0';
	return true;
}

static bool read_place(struct str s, struct meta *m)
{
	if (str_take(&s, 'p'))
		return read_prefix(s, m->prefix);
	if (!str_take(&s, 'h') || s.len != META_HASH)
		return false;
	memcpy(m->prefix_hash, s.ptr, META_HASH);
	return true;
}

/* What stands between the word and the last dot. */
static bool read_version_1(struct str s, struct meta *m)
{
	uint8_t incarnation[8];

	if (s.len < IDENT_TEXT || !ident_parse((struct str){s.ptr, IDENT_TEXT}, &m->id))
		return false;
	s.ptr += IDENT_TEXT;
	s.len -= IDENT_TEXT;
	if (!str_take(&s, '.'))
		return false;
	m->has_key = !str_take(&s, '-');
	if (m->has_key && !take_hex(&s, sizeof(m->key), m->key))
		return false;
	if (!str_take(&s, '.') || !take_hex(&s, sizeof(incarnation), incarnation) ||
	    !str_take(&s, '.'))
		return false;
	for (size_t i = 0; i < sizeof(incarnation); i++)
		m->incarnation = m->incarnation << 8 | incarnation[i];
	return read_place(s, m);
}

static const struct {
	const char *word;
	bool (*read)(struct str body, struct meta *m);
} versions[] = {
	{WORD, read_version_1},
};

bool meta_is_ours(struct str text)
{
	return text.len > 3 && memcmp(text.ptr, "th", 2) == 0 && text.ptr[2] >= '0' &&
	       text.ptr[2] <= '9';
}

bool meta_peek(struct str text, uint64_t *ret_id)
{
	if (text.len < WORD_LEN + IDENT_TEXT || text.len > META_MAX || !str_starts(text, WORD))
		return false;
	return ident_parse((struct str){text.ptr + WORD_LEN, IDENT_TEXT}, ret_id);
}

static bool mac_is_right(const struct meta_key *key, struct str text, size_t body)
{
	char mac[MAC_HEX + 1];
	unsigned char differs = 0;

	mac_hex(key, text.ptr, body, mac);
	for (size_t i = 0; i < MAC_HEX; i++)
		differs |= (unsigned char)(mac[i] ^ text.ptr[body + 1 + i]);
	return differs == 0;
}

int meta_parse(const struct meta_key *key, struct str text, struct meta *ret, struct error *err)
{
	struct meta m = {.id = 0};
	size_t body;

	if (!meta_is_ours(text))
		return err_set(err, ERR_INVALID, "this resource_meta is not of this worker");
	if (text.len > META_MAX || text.len < WORD_LEN + 1 + MAC_HEX ||
	    text.ptr[text.len - MAC_HEX - 1] != '.')
		return err_set(err, ERR_INVALID, "this resource_meta is broken");
	body = text.len - MAC_HEX - 1;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		if (!str_starts(text, versions[i].word))
			continue;
		if (!mac_is_right(key, text, body) ||
		    !versions[i].read((struct str){text.ptr + WORD_LEN, body - WORD_LEN}, &m))
			return err_set(
				err, ERR_INVALID,
				"this resource_meta is broken, or was made with another key");
		*ret = m;
		return 0;
	}
	return err_set(err, ERR_UNSUPPORTED, "this resource_meta is of a version not known here");
}
