#include "grpc/header.h"

#include "base/mem.h"

bool header_timeout(struct str value, int64_t *ret_ns)
{
	static const struct {
		char unit;
		int64_t ns;
	} units[] = {
		{'n', 1},
		{'u', 1000},
		{'m', 1000000},
		{'S', 1000000000},
		{'M', 60 * (int64_t)1000000000},
		{'H', 3600 * (int64_t)1000000000},
	};
	int64_t n = 0;

	if (value.len < 2 || value.len > 9)
		return false;
	for (size_t i = 0; i + 1 < value.len; i++) {
		if (value.ptr[i] < '0' || value.ptr[i] > '9')
			return false;
		n = n * 10 + (value.ptr[i] - '0');
	}
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (units[i].unit == value.ptr[value.len - 1]) {
			*ret_ns = n > INT64_MAX / units[i].ns ? INT64_MAX : n * units[i].ns;
			return true;
		}
	}
	return false;
}

bool header_is_grpc(struct str content_type)
{
	static const char base[] = "application/grpc";
	size_t n = sizeof(base) - 1;
	struct str rest;

	if (content_type.len < n || memcmp(content_type.ptr, base, n) != 0)
		return false;
	rest = (struct str){content_type.ptr + n, content_type.len - n};
	if (str_starts(rest, "+proto"))
		rest = (struct str){rest.ptr + 6, rest.len - 6};
	return rest.len == 0 || rest.ptr[0] == ';' || rest.ptr[0] == ' ';
}

bool header_lists(struct str list, const char *encoding)
{
	size_t n = strlen(encoding);

	for (size_t i = 0; i < list.len;) {
		size_t start, end;

		while (i < list.len && (list.ptr[i] == ' ' || list.ptr[i] == ','))
			i++;
		start = i;
		while (i < list.len && list.ptr[i] != ',')
			i++;
		for (end = i; end > start && list.ptr[end - 1] == ' '; end--)
			;
		if (end - start == n && memcmp(list.ptr + start, encoding, n) == 0)
			return true;
	}
	return false;
}

bool header_is_metadata(struct str name)
{
	static const char *const own[] = {
		"content-type", "te",   "connection",     "keep-alive",      "transfer-encoding",
		"upgrade",      "host", "content-length", "proxy-connection"};

	if (name.len == 0 || str_starts(name, "grpc-"))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		      c == '.'))
			return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (str_is(name, own[i]))
			return false;
	return true;
}

bool header_is_text(struct str value)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < ' ' || value.ptr[i] > '~')
			return false;
	return true;
}
