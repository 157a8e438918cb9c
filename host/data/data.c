#include "data/data.h"

#include "base/file.h"

#include <strings.h>

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_scheme_char(char c)
{
	return is_alpha(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

struct str data_scheme(const char *uri)
{
	size_t n = 0;

	if (is_alpha(uri[0]))
		while (is_scheme_char(uri[n]))
			n++;
	if (n == 0 || strncmp(uri + n, "://", 3) != 0)
		return STR_NULL;
	return (struct str){uri, n};
}

static bool scheme_is(struct str scheme, const char *name)
{
	return scheme.len == strlen(name) && strncasecmp(scheme.ptr, name, scheme.len) == 0;
}

bool data_is_remote(const char *uri)
{
	struct str scheme = data_scheme(uri);

	return scheme.len > 0 && !scheme_is(scheme, data_local_backend.scheme);
}

const struct data_backend *data_backend_for(const char *uri, struct error *err)
{
	struct str scheme = data_scheme(uri);

	if (scheme.len == 0 || scheme_is(scheme, data_local_backend.scheme))
		return &data_local_backend;
	err_set(err, ERR_UNSUPPORTED,
		"cannot use %s: there is no support for '" STR_FMT
		"' URIs here; copy the data to a "
		"local disk, or mount it, and give a path or a file:// URI",
		uri, STR_ARG(scheme));
	return NULL;
}

int data_get(const char *uri, const char *what, size_t max, struct buf *out, struct error *err)
{
	const struct data_backend *b = data_backend_for(uri, err);
	int r = b ? b->get(uri, max, out, err) : ERR_UNSUPPORTED;

	if (r < 0 && err)
		err_wrap(err, "%s", what);
	return r;
}

int data_put(const char *uri, const void *data, size_t len, bool sync, struct error *err)
{
	const struct data_backend *b = data_backend_for(uri, err);

	return b ? b->put(uri, data, len, sync, err) : ERR_UNSUPPORTED;
}

int data_put_path(const char *path, const char *uri, bool sync, struct error *err)
{
	const struct data_backend *b = data_backend_for(uri, err);

	return b ? b->put_path(path, uri, sync, err) : ERR_UNSUPPORTED;
}

int data_local(const char *uri, const char *dir, char **ret_path, struct error *err)
{
	const struct data_backend *b = data_backend_for(uri, err);

	return b ? b->local(uri, dir, ret_path, err) : ERR_UNSUPPORTED;
}

int data_kind(const char *uri, struct error *err)
{
	const struct data_backend *b = data_backend_for(uri, err);

	return b ? b->kind(uri, err) : ERR_UNSUPPORTED;
}

char *data_join(const char *prefix, const char *name)
{
	return path_join(prefix, name);
}
