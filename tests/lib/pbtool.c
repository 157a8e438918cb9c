/* What the Python tests use to reach the message code, many requests per process.
 *
 * stdin:  "OP TYPE LENGTH\n" and LENGTH bytes, repeated.
 * stdout: "ok LENGTH\n" and bytes, or "error NAME LENGTH\n" and the message, for each.
 * OP: check  walk only, "split" or nothing     show  wire -> JSON
 *     recode decode and encode                 make  JSON -> wire
 *     raw    protobuf-c alone, unpack and pack; only for bytes that cannot nest deeply */
#include "base/buf.h"
#include "base/mem.h"
#include "flyte/message.h"
#include "flyte/pbjson.h"

#include <stdio.h>
#include <stdlib.h>

static int check(const struct message_desc *type, struct str in, struct buf *out, struct error *err)
{
	struct wire_info info;
	int r = wire_check(type, in, NULL, &info, err);

	if (r == 0 && info.flags & WIRE_SPLIT)
		buf_puts(out, "split");
	return r < 0 ? r : buf_check(out, "flags", err);
}

static int
recode(const struct message_desc *type, struct str in, struct buf *out, struct error *err)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	void *m;
	int r = message_decode(type, in, NULL, &arena, &m, err);

	return r < 0 ? r : message_encode(m, out, err);
}

static int raw(const struct message_desc *type, struct str in, struct buf *out, struct error *err)
{
	ProtobufCMessage *m =
		protobuf_c_message_unpack(type->c, NULL, in.len, (const uint8_t *)in.ptr);
	size_t size;

	if (!m)
		return err_set(err, ERR_INVALID, "refused by protobuf-c");
	size = protobuf_c_message_get_packed_size(m);
	if (buf_reserve(out, size))
		out->len += protobuf_c_message_pack(m, (uint8_t *)out->data + out->len);
	protobuf_c_message_free_unpacked(m, NULL);
	return buf_check(out, "message", err);
}

static int
answer(const char *op, const char *type_name, struct str in, struct buf *out, struct error *err)
{
	const struct message_desc *type = message_desc_find(str_of(type_name));

	if (!type)
		return err_set(err, ERR_NOT_FOUND, "no message %s", type_name);
	if (streq(op, "check"))
		return check(type, in, out, err);
	if (streq(op, "recode"))
		return recode(type, in, out, err);
	if (streq(op, "raw"))
		return raw(type, in, out, err);
	if (streq(op, "show"))
		return pbjson_print(type, in, 0, out, err);
	if (streq(op, "make"))
		return pbjson_parse(type, in, "input", out, err);
	return err_set(err, ERR_INVALID, "no operation %s", op);
}

int main(void)
{
	char op[16], type[128];
	size_t len;

	while (scanf("%15s %127s %zu", op, type, &len) == 3 && getchar() == '\n') {
		_cleanup_(buf_done) struct buf in = BUF_INIT;
		_cleanup_(buf_done) struct buf out = BUF_INIT;
		struct error err = ERROR_INIT;
		int r;

		if (!buf_reserve(&in, len + 1) || fread(in.data, 1, len, stdin) != len)
			return 1;
		r = answer(op, type, (struct str){in.data, len}, &out, &err);
		if (r < 0)
			printf("error %s %zu\n%s", err_name(r), strlen(err.message), err.message);
		else if (printf("ok %zu\n", out.len) > 0 && out.len > 0)
			fwrite(out.data, 1, out.len, stdout);
		fflush(stdout);
	}
	return 0;
}
