/* For the tests of protobuf's JSON: text to bytes and back. */
#pragma once

#include "desc_table.h"
#include "lib/test.h"

#include "base/mem.h"
#include "flyte/message.h"
#include "flyte/pbjson.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define LITERAL      MESSAGE_DESC(flyteidl__core__literal)
#define LITERAL_MAP  MESSAGE_DESC(flyteidl__core__literal_map)
#define LITERAL_TYPE MESSAGE_DESC(flyteidl__core__literal_type)
#define PRIMITIVE    MESSAGE_DESC(flyteidl__core__primitive)
#define STRUCT       MESSAGE_DESC(google__protobuf__struct)
#define VALUE        MESSAGE_DESC(google__protobuf__value)
#define BYTES(s)     ((struct str){s, sizeof(s) - 1})

static inline struct str whole(const struct buf *b)
{
	return (struct str){b->data ? b->data : "", b->len};
}

/* Text -> wire -> text. */
static inline void turn(const struct message_desc *type, const char *in, const char *out, int line)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;

	if (pbjson_parse(type, str_of(in), "test", &wire, &err) < 0 ||
	    pbjson_print(type, whole(&wire), 0, &text, &err) < 0)
		test_fail(__FILE__, line, "%s: %s", in, err.message);
	if (!streq(whole(&text).ptr, out))
		test_fail(__FILE__, line, "%s became %s, not %s", in, text.data, out);
}

static inline void
refuse(const struct message_desc *type, const char *in, int code, const char *words, int line)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	struct error err = ERROR_INIT;
	int r;

	buf_puts(&wire, "before");
	r = pbjson_parse(type, str_of(in), "in.json", &wire, &err);
	if (r != code || !strstr(err.message, words))
		test_fail(__FILE__, line, "%s gave %s: %s", in, err_name(r), err.message);
	if (!str_is(whole(&wire), "before"))
		test_fail(__FILE__, line, "%s left %zu bytes", in, wire.len);
	if (!strstr(err.message, "in.json"))
		test_fail(__FILE__, line, "%s does not name the source", err.message);
}

static inline void refuse_wire(const struct message_desc *type, struct str wire, const char *words)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	buf_puts(&out, "before");
	CHECK_ERR(pbjson_print(type, wire, 2, &out, &err), ERR_INVALID, err, words);
	CHECK(str_is(whole(&out), "before"));
}

#define TURN(type, in, out)     turn(type, in, out, __LINE__)
#define SAME(type, text)        turn(type, text, text, __LINE__)
#define REFUSE(type, in, words) refuse(type, in, ERR_INVALID, words, __LINE__)
#define PRIM(in, out)           turn(PRIMITIVE, "{" in "}", "{" out "}", __LINE__)
