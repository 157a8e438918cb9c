/* Texts to values and back. */
#include "cli/config_key.h"

#include <stdio.h>

#define SECONDS INT64_C(1000000000)

struct reading {
	const struct config_key *key;
	struct arena *arena;
	char *why;
};

static bool refuse(struct reading *r, const char *text, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static bool refuse(struct reading *r, const char *text, const char *fmt, ...)
{
	int n = snprintf(r->why, CONFIG_WHY_MAX, "\"%.120s\" is not ", text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why + n, (size_t)(CONFIG_WHY_MAX - n), fmt, ap);
	va_end(ap);
	return false;
}

/* Out of memory: no reason that a person could do something about here. */
static bool no_memory(struct reading *r)
{
	r->why[0] = '\0';
	return false;
}

/* ---- numbers ----------------------------------------------------------------------------- */

static void print_number(enum config_kind kind, int64_t v, struct buf *out);

static bool in_range(struct reading *r, const char *text, int64_t v)
{
	_cleanup_(buf_done) struct buf bounds = BUF_INIT;
	const struct config_key *k = r->key;

	if (v >= k->min && (k->max == 0 || v <= k->max))
		return true;
	if (v < k->min) {
		buf_puts(&bounds, "at least ");
		print_number(k->kind, k->min, &bounds);
	} else {
		buf_puts(&bounds, "at most ");
		print_number(k->kind, k->max, &bounds);
	}
	return bounds.failed ? no_memory(r)
			     : refuse(r, text, "allowed: it must be %s", bounds.data);
}

static bool read_count(struct reading *r, const char *text, int64_t *ret)
{
	int64_t v;

	if (r->key->kind == CONFIG_AUTO && streq(text, "auto")) {
		*ret = 0;
		return true;
	}
	if (!parse_i64(str_of(text), &v))
		return refuse(r, text, "a whole number%s",
			      r->key->kind == CONFIG_AUTO ? " or \"auto\"" : "");
	if (!in_range(r, text, v))
		return false;
	*ret = v;
	return true;
}

static bool read_duration(struct reading *r, const char *text, int64_t *ret)
{
	int64_t v;

	if (!parse_duration(str_of(text), &v))
		return refuse(r, text, "a duration such as \"500ms\", \"90s\" or \"1m30s\"");
	if (!in_range(r, text, v))
		return false;
	*ret = v;
	return true;
}

static bool read_bytes(struct reading *r, const char *text, int64_t *ret)
{
	int64_t milli;

	if (!parse_quantity_milli(str_of(text), &milli) || milli % 1000 != 0)
		return refuse(r, text,
			      "a number of bytes such as \"65536\", \"64Mi\" or \"1.5Gi\"");
	if (!in_range(r, text, milli / 1000))
		return false;
	*ret = milli / 1000;
	return true;
}

static bool read_choice(struct reading *r, const char *text, int *ret)
{
	const char *at = r->key->value;
	size_t len = strlen(text);

	for (int i = 0; at; i++) {
		const char *bar = strchr(at, '|');

		if ((bar ? (size_t)(bar - at) : strlen(at)) == len && memcmp(at, text, len) == 0) {
			*ret = i;
			return true;
		}
		at = bar ? bar + 1 : NULL;
	}
	return refuse(r, text, "one of %s", r->key->value);
}

/* ---- texts ------------------------------------------------------------------------------- */

static bool has_controls(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static bool read_text(struct reading *r, const char *text, const char **ret)
{
	bool none = r->key->optional && (*text == '\0' || streq(text, "none"));

	if (has_controls(text) || !utf8_valid(text, strlen(text), NULL))
		return refuse(r, "?", "allowed: it contains control characters or is not UTF-8");
	if (!*text && !none)
		return refuse(r, text, "allowed: it must not be empty");
	*ret = arena_strdup(r->arena, none ? "" : text);
	return *ret || no_memory(r);
}

/* "HOST:PORT", "[V6]:PORT", "*:PORT", ":PORT" */
static bool read_address(struct reading *r, const char *text, struct config_address *ret)
{
	const char *colon = strrchr(text, ':');
	struct str host;
	int64_t port;

	if (r->key->optional && (*text == '\0' || streq(text, "none"))) {
		*ret = (struct config_address){.text = "none", .host = "", .port = -1};
		return true;
	}
	if (!colon || !parse_i64(str_of(colon + 1), &port) || port < 0 || port > 65535)
		return refuse(r, text, "HOST:PORT with a port from 0 to 65535");
	host = (struct str){text, (size_t)(colon - text)};
	if (host.len > 1 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		host = (struct str){host.ptr + 1, host.len - 2};
	else if (memchr(host.ptr, ':', host.len))
		return refuse(r, text, "an address: write IPv6 in brackets, [::1]:8000");
	if (str_is(host, "*"))
		host.len = 0;
	if (has_controls(text) || memchr(host.ptr, '/', host.len) ||
	    memchr(host.ptr, ' ', host.len))
		return refuse(r, text, "HOST:PORT: that is no host");
	ret->text = arena_strdup(r->arena, text);
	ret->host = arena_strndup(r->arena, host.ptr, host.len);
	ret->port = (int)port;
	return (ret->text && ret->host) || no_memory(r);
}

/* ---- lists ------------------------------------------------------------------------------- */

static bool
read_list(struct reading *r, const char *const *items, size_t n, struct config_list *ret)
{
	struct config_list list = {.items = arena_array(r->arena, n, sizeof(*list.items))};

	if (!list.items)
		return no_memory(r);
	for (; list.n < n; list.n++)
		if (!read_text(r, items[list.n], &list.items[list.n]))
			return false;
	*ret = list;
	return true;
}

static bool
read_addresses(struct reading *r, const char *const *items, size_t n, struct config_addresses *ret)
{
	struct config_addresses list = {.items = arena_array(r->arena, n, sizeof(*list.items))};

	if (!list.items)
		return no_memory(r);
	for (; list.n < n; list.n++)
		if (!read_address(r, items[list.n], &list.items[list.n]))
			return false;
	*ret = list;
	return true;
}

bool config_value_read(const struct config_key *k,
		       const char *const *items,
		       size_t n,
		       void *field,
		       struct arena *a,
		       char why[CONFIG_WHY_MAX])
{
	struct reading r = {.key = k, .arena = a, .why = why};
	const char *text = n > 0 ? items[n - 1] : "";

	switch (k->kind) {
	case CONFIG_TEXT:
	case CONFIG_PATH:
		return read_text(&r, text, field);
	case CONFIG_CHOICE:
		return read_choice(&r, text, field);
	case CONFIG_COUNT:
	case CONFIG_AUTO:
		return read_count(&r, text, field);
	case CONFIG_DURATION:
		return read_duration(&r, text, field);
	case CONFIG_BYTES:
		return read_bytes(&r, text, field);
	case CONFIG_ADDRESS:
		return read_address(&r, text, field);
	case CONFIG_ADDRESSES:
		return read_addresses(&r, items, n, field);
	case CONFIG_NAMES:
	case CONFIG_PATHS:
		return read_list(&r, items, n, field);
	}
	return false;
}

/* ---- printing ---------------------------------------------------------------------------- */

static void print_duration(int64_t ns, struct buf *out)
{
	static const struct {
		int64_t ns;
		const char *unit;
	} units[] = {{3600 * SECONDS, "h"}, {60 * SECONDS, "m"}, {SECONDS, "s"},
		     {1000000, "ms"},       {1000, "us"},        {1, "ns"}};

	if (ns == 0)
		buf_puts(out, "0s");
	for (size_t i = 0; i < ARRAY_LEN(units) && ns != 0; i++) {
		if (ns / units[i].ns != 0)
			buf_printf(out, "%lld%s", (long long)(ns / units[i].ns), units[i].unit);
		ns %= units[i].ns;
	}
}

static void print_bytes(int64_t v, struct buf *out)
{
	static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti"};
	size_t i = 0;

	for (; v != 0 && v % 1024 == 0 && i + 1 < ARRAY_LEN(units); i++)
		v /= 1024;
	buf_printf(out, "%lld%s", (long long)v, units[i]);
}

static void print_number(enum config_kind kind, int64_t v, struct buf *out)
{
	if (kind == CONFIG_DURATION)
		print_duration(v, out);
	else if (kind == CONFIG_BYTES)
		print_bytes(v, out);
	else
		buf_printf(out, "%lld", (long long)v);
}

static void print_list(const struct config_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->n; i++)
		buf_printf(out, "%s%s", i ? ", " : "", list->items[i]);
}

static void print_addresses(const struct config_addresses *list, struct buf *out)
{
	for (size_t i = 0; i < list->n; i++)
		buf_printf(out, "%s%s", i ? ", " : "", list->items[i].text);
}

static void print_choice(const char *choices, int i, struct buf *out)
{
	for (; i > 0; i--)
		choices += strcspn(choices, "|") + 1;
	buf_append(out, choices, strcspn(choices, "|"));
}

void config_value_print(const struct config_key *k, const void *field, struct buf *out)
{
	const char *text;

	switch (k->kind) {
	case CONFIG_TEXT:
	case CONFIG_PATH:
		text = *(const char *const *)field;
		buf_puts(out, text && *text ? text : k->optional ? "none" : "");
		break;
	case CONFIG_CHOICE:
		print_choice(k->value, *(const int *)field, out);
		break;
	case CONFIG_COUNT:
	case CONFIG_AUTO:
	case CONFIG_DURATION:
	case CONFIG_BYTES:
		print_number(k->kind, *(const int64_t *)field, out);
		break;
	case CONFIG_ADDRESS:
		buf_puts(out, ((const struct config_address *)field)->text);
		break;
	case CONFIG_ADDRESSES:
		print_addresses(field, out);
		break;
	case CONFIG_NAMES:
	case CONFIG_PATHS:
		print_list(field, out);
		break;
	}
}
