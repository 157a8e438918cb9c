#include "task/secrets.h"

#include "base/file.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/mman.h>

#define SECRET_MAX ((size_t)1 << 20)

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_done(b);
}

static void put_case(struct str s, int (*convert)(int), struct buf *out)
{
	for (size_t i = 0; i < s.len; i++)
		buf_putc(out, (char)convert((unsigned char)s.ptr[i]));
}

/* "<prefix>GROUP_VERSION_KEY", empty parts left out. */
static void put_variable(const struct exec *e, const struct str parts[3], struct buf *out)
{
	bool first = true;

	buf_puts(out, e->ctx->secrets_env_prefix ? e->ctx->secrets_env_prefix : "_FSEC_");
	for (size_t i = 0; i < 3; i++) {
		if (parts[i].len == 0)
			continue;
		if (!first)
			buf_putc(out, '_');
		first = false;
		put_case(parts[i], toupper, out);
	}
}

/* "<dir>/group/version/<file prefix>key", the prefix before the last part there is. */
static void put_file(const struct exec *e, const struct str parts[3], struct buf *out)
{
	const char *prefix = e->ctx->secrets_file_prefix;
	size_t last = 0;

	for (size_t i = 0; i < 3; i++)
		if (parts[i].len)
			last = i;
	buf_puts(out, e->ctx->secrets_dir ? e->ctx->secrets_dir : "/etc/secrets");
	for (size_t i = 0; i < 3; i++) {
		if (parts[i].len == 0)
			continue;
		buf_putc(out, '/');
		if (i == last && prefix)
			buf_puts(out, prefix);
		put_case(parts[i], tolower, out);
	}
}

static struct str strip(struct str s)
{
	while (s.len && isspace((unsigned char)s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && isspace((unsigned char)s.ptr[s.len - 1]))
		s.len--;
	return s;
}

/* A copy of its own pages' worth of care: locked when that is allowed, wiped at the end. */
static int keep(struct exec *e, struct str value, struct str *ret, struct error *err)
{
	struct secret *s = lit_home_alloc(&e->home, sizeof(*s), 0);
	char *copy = malloc(value.len + 1);

	if (!s || !copy) {
		free(copy);
		return err_nomem(err, "a secret");
	}
	mlock(copy, value.len + 1);
	if (value.len)
		memcpy(copy, value.ptr, value.len);
	copy[value.len] = '\0';
	*s = (struct secret){.value = copy, .size = value.len + 1};
	pthread_mutex_lock(&e->files);
	s->next = e->secrets;
	e->secrets = s;
	pthread_mutex_unlock(&e->files);
	*ret = (struct str){copy, value.len};
	return 0;
}

/* A part must not lead out of its directory. */
static bool part_valid(struct str s)
{
	return s.len == 0 || (!memchr(s.ptr, 0, s.len) && !memchr(s.ptr, '/', s.len) &&
			      !str_is(s, "..") && !str_is(s, "."));
}

static int from_file(
	struct exec *e, const char *path, const char *variable, struct str *ret, struct error *err)
{
	struct buf content = BUF_INIT;
	int r;

	/* All at once: a buffer that grows would leave copies behind. */
	if (!buf_reserve(&content, SECRET_MAX + 1))
		return err_nomem(err, "a secret");
	r = file_read(path, SECRET_MAX, &content, err);
	if (r == 0)
		r = keep(e, strip((struct str){content.data, content.len}), ret, err);
	else if (r == ERR_NOT_FOUND)
		err_set(err, r,
			"no secret there: looked for the environment variable %s and the file %s",
			variable, path);
	wipe(&content);
	return r;
}

int secrets_get(struct exec *e,
		struct str group,
		struct str key,
		struct str version,
		struct str *ret,
		struct error *err)
{
	const struct str parts[3] = {group, version, key};
	_cleanup_(buf_done) struct buf variable = BUF_INIT, path = BUF_INIT;
	const char *value;

	if (group.len + key.len + version.len == 0)
		return err_set(err, ERR_INVALID, "a secret without group, key and version");
	for (size_t i = 0; i < 3; i++)
		if (!part_valid(parts[i]))
			return err_set(err, ERR_INVALID,
				       "a secret's group, key and version hold no slash or NUL");
	put_variable(e, parts, &variable);
	put_file(e, parts, &path);
	if (variable.failed || path.failed)
		return err_nomem(err, "a secret");
	value = getenv(variable.data);
	if (value)
		return keep(e, strip(str_of(value)), ret, err);
	return from_file(e, path.data, variable.data, ret, err);
}

void secrets_wipe(struct exec *e)
{
	for (struct secret *s = e->secrets; s; s = s->next) {
		explicit_bzero(s->value, s->size);
		munlock(s->value, s->size);
		free(s->value);
	}
	e->secrets = NULL;
}
