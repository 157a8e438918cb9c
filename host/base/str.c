#include "base/str.h"

#include "base/mem.h"

bool str_starts(struct str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.len >= n && (n == 0 || memcmp(s.ptr, prefix, n) == 0);
}

bool str_ends(struct str s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.len >= n && (n == 0 || memcmp(s.ptr + (s.len - n), suffix, n) == 0);
}

int str_cmp(struct str a, struct str b)
{
	size_t n = MIN(a.len, b.len);
	int r = n ? memcmp(a.ptr, b.ptr, n) : 0;

	return r ? r : (a.len > b.len) - (a.len < b.len);
}

bool str_split_last_dot(struct str s, struct str *ret_head, struct str *ret_tail)
{
	const char *dot = s.len ? memrchr(s.ptr, '.', s.len) : NULL;
	size_t head = dot ? (size_t)(dot - s.ptr) : 0;

	if (head == 0 || head + 1 == s.len)
		return false;
	*ret_head = (struct str){s.ptr, head};
	*ret_tail = (struct str){dot + 1, s.len - head - 1};
	return true;
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t utf8_char(const void *data, size_t len)
{
	const unsigned char *p = data;

	if (len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || len < 2 || !is_tail(p[1]))
		return 0;
	if (p[0] < 0xe0)
		return 2;
	if (len < 3 || !is_tail(p[2]))
		return 0;
	if (p[0] < 0xf0) {
		bool overlong = p[0] == 0xe0 && p[1] < 0xa0;
		bool surrogate = p[0] == 0xed && p[1] > 0x9f;

		return overlong || surrogate ? 0 : 3;
	}
	if (len < 4 || !is_tail(p[3]))
		return 0;
	if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return 4;
}

/* Length of the run of ASCII at the start. */
static size_t ascii_run(const unsigned char *p, size_t len)
{
	const uint64_t high = 0x8080808080808080u;
	size_t i = 0;

	for (; len - i >= 32; i += 32) {
		uint64_t w[4];

		memcpy(w, p + i, sizeof(w));
		if ((w[0] | w[1] | w[2] | w[3]) & high)
			break;
	}
	while (i < len && p[i] < 0x80)
		i++;
	return i;
}

bool utf8_valid(const void *data, size_t len, size_t *ret_bad)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len;) {
		size_t n = p[i] < 0x80 ? ascii_run(p + i, len - i) : utf8_char(p + i, len - i);

		if (n == 0) {
			if (ret_bad)
				*ret_bad = i;
			return false;
		}
		i += n;
	}
	return true;
}

/* ---- suggestions ----------------------------------------------------------------------------- */

#define SUGGEST_MAX 64

/* Optimal string alignment distance; names longer than SUGGEST_MAX are not compared. */
static size_t distance(const char *a, size_t la, const char *b, size_t lb)
{
	size_t rows[3][SUGGEST_MAX + 1] = {{0}};
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= lb; j++)
		last[j] = j;
	for (size_t i = 1; i <= la; i++) {
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t change = last[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = MIN(MIN(last[j], row[j - 1]) + 1, change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], before[j - 2] + 1);
		}

		size_t *spare = before;

		before = last;
		last = row;
		row = spare;
	}
	return last[lb];
}

const char *suggest(const char *typed, const char *const *names, size_t n)
{
	size_t la = strlen(typed), best = SIZE_MAX;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t lb = strlen(names[i]), longer = MAX(la, lb), d;

		if (longer > SUGGEST_MAX)
			continue;
		/* One slip in three letters at most, and something must be left in common. */
		d = distance(typed, la, names[i], lb);
		if (d < best && d < longer && d <= MAX(longer / 3, (size_t)1)) {
			best = d;
			found = names[i];
		}
	}
	return found;
}
