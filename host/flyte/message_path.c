#include "flyte/message_path.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>

#define KEY_SHOWN  64
#define PATH_SHOWN 800

struct str path_cut(struct str s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max > 0 && ((unsigned char)s.ptr[max] & 0xc0) == 0x80)
		max--;
	return (struct str){s.ptr, max};
}

static void print_key(struct str key, struct buf *out)
{
	struct str shown = path_cut(key, KEY_SHOWN);
	struct jw w = JW_INIT(out, 0);

	buf_putc(out, '[');
	jw_str(&w, shown);
	buf_puts(out, shown.len < key.len ? "…]" : "]");
}

static void print_frame(const struct path_frame *f, struct buf *out)
{
	bool value_of_entry = f->type->map_entry && f->field && f->field->number == 2;

	if (f->up)
		print_frame(f->up, out);
	if (!f->field)
		return;
	if (!value_of_entry) {
		if (out->len > 0)
			buf_putc(out, '.');
		buf_puts(out, f->field->name);
	}
	if (f->has_key)
		print_key(f->key, out);
	else if (f->has_index)
		buf_printf(out, "[%zu]", f->index);
}

void path_print(const struct path_frame *f, struct buf *out)
{
	_cleanup_(buf_done) struct buf path = BUF_INIT;
	const struct path_frame *root = f;

	while (root->up)
		root = root->up;
	buf_puts(out, root->type->name);
	print_frame(f, &path);
	if (path.len == 0)
		return;
	buf_puts(out, ", field ");
	if (path.len <= PATH_SHOWN) {
		buf_append(out, path.data, path.len);
		return;
	}
	struct str head = path_cut((struct str){path.data, path.len}, PATH_SHOWN / 2);
	const char *tail = path.data + path.len - PATH_SHOWN / 2;

	while (((unsigned char)*tail & 0xc0) == 0x80)
		tail++;
	buf_append(out, head.ptr, head.len);
	buf_puts(out, " … ");
	buf_puts(out, tail);
}

int path_err(const struct path_frame *f, struct error *err, int code, const char *fmt, ...)
{
	_cleanup_(buf_done) struct buf where = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	err_setv(err, code, fmt, ap);
	va_end(ap);
	path_print(f, &where);
	if (err && where.data && !where.failed)
		err_wrap(err, "%s", where.data);
	return code;
}
