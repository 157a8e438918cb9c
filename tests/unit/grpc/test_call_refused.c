/* Unary calls that are refused, and compression. */
#include "handlers.h"

#include "base/mem.h"
#include "grpc/gzip.h"

static struct client c;

/* ---- refused ----------------------------------------------------------------------------- */

TEST(unknown_methods)
{
	int32_t a, b, d;

	handlers_open(&c, NULL);
	a = client_unary(&c, "/t.T/Nope", STR(""));
	b = client_unary(&c, "/no.Service/Nope", STR(""));
	d = client_unary(&c, "/nonsense", STR(""));
	client_turn(&c);
	reply_check(&c, a, GRPC_UNIMPLEMENTED, "service t.T has no method Nope");
	reply_check(&c, b, GRPC_UNIMPLEMENTED, "/no.Service/Nope");
	reply_check(&c, d, GRPC_UNIMPLEMENTED, "/nonsense");
	CHECK_INT(handlers.started, 0);
	handlers_close(&c);
}

TEST(what_is_not_grpc_gets_an_http_status)
{
	static const char *const type[] = {"content-type", "text/html", NULL};
	static const char *const web[] = {"content-type", "application/grpc-web+proto", NULL};
	static const char *const get[] = {":method", "GET", NULL};
	int32_t a, b, d;

	handlers_open(&c, NULL);
	a = client_call(&c, "/t.T/Echo", STR(""), true, type);
	b = client_call(&c, "/t.T/Echo", STR(""), true, web);
	d = client_call(&c, "/t.T/Echo", STR(""), true, get);
	client_turn(&c);
	CHECK_INT(reply_of(&c, a)->http_status, 415);
	CHECK_INT(reply_of(&c, b)->http_status, 415);
	CHECK_INT(reply_of(&c, d)->http_status, 405);
	CHECK(strstr(reply_of(&c, d)->body.data, "gRPC"));
	CHECK(reply_of(&c, d)->closed);
	handlers_close(&c);
}

static int32_t call_with(const char *name, const char *value, struct str body)
{
	const char *const more[] = {name, value, NULL};

	return client_call(&c, "/t.T/Echo", body, true, more);
}

TEST(bad_requests)
{
	int32_t timeout, none, two, cut, flags, unnamed;

	handlers_open(&c, NULL);
	timeout = call_with("grpc-timeout", "soon", STR("\0\0\0\0\0"));
	none = call_with("x", "y", STR(""));
	two = call_with("x", "y", STR("\0\0\0\0\1a\0\0\0\0\1b"));
	cut = call_with("x", "y", STR("\0\0\0\0\5abc"));
	flags = call_with("x", "y", STR("\7\0\0\0\1a"));
	unnamed = call_with("x", "y", STR("\1\0\0\0\1a"));
	client_turn(&c);
	reply_check(&c, timeout, GRPC_INTERNAL, "grpc-timeout");
	reply_check(&c, none, GRPC_INTERNAL, "no message");
	reply_check(&c, two, GRPC_INTERNAL, "more than one message");
	reply_check(&c, cut, GRPC_INTERNAL, "middle of a message");
	reply_check(&c, flags, GRPC_INTERNAL, "flags");
	reply_check(&c, unnamed, GRPC_INTERNAL, "grpc-encoding");
	CHECK_INT(handlers.started, 0);
	handlers_close(&c);
}

TEST(too_large_requests_and_replies)
{
	struct grpc_limits limits = grpc_limits_default;
	int32_t large, fits, small;
	static char bytes[2000];

	limits.request_max = 1000;
	limits.reply_max = 500;
	handlers_open(&c, &limits);
	large = client_unary(&c, "/t.T/Echo", (struct str){bytes, 1001});
	fits = client_unary(&c, "/t.T/Echo", (struct str){bytes, 1000});
	small = client_unary(&c, "/t.T/Echo", (struct str){bytes, 500});
	client_turn(&c);
	reply_check(&c, large, GRPC_RESOURCE_EXHAUSTED, "1001 bytes, more than the limit of 1000");
	reply_check(&c, fits, GRPC_RESOURCE_EXHAUSTED, "the reply has 1000 bytes");
	reply_check(&c, small, GRPC_OK, "");
	handlers_close(&c);
}

TEST(a_huge_announced_length_takes_no_memory)
{
	int32_t id;
	size_t before;

	handlers_open(&c, NULL);
	before = grpc_engine_memory(c.engine);
	id = client_call(&c, "/t.T/Echo", STR("\0\xff\xff\xff\xff"), false, NULL);
	client_turn(&c);
	CHECK(grpc_engine_memory(c.engine) < before + 65536);
	reply_check(&c, id, GRPC_RESOURCE_EXHAUSTED, "4294967295 bytes");
	handlers_close(&c);
}

TEST(too_much_metadata)
{
	struct grpc_limits limits = grpc_limits_default;
	static char value[4001];
	const char *const some[] = {"x", value, NULL};
	const char *const much[] = {"x1", value, "x2", value, "x3", value, "x4", value, "x5", value,
				    "x6", value, "x7", value, "x8", value, "x9", value, NULL};
	int32_t a, b, d;

	memset(value, 'v', 4000);
	limits.header_max = 4096;
	handlers_open(&c, &limits);
	a = client_call(&c, "/t.T/Echo", STR("\0\0\0\0\0"), true, some);
	client_turn(&c);
	reply_check(&c, a, GRPC_RESOURCE_EXHAUSTED, "metadata is too large");
	b = client_call(&c, "/t.T/Echo", STR("\0\0\0\0\0"), true, much);
	client_turn(&c);
	CHECK(reply_of(&c, b)->closed && reply_of(&c, b)->grpc_status == -1);
	d = client_unary(&c, "/t.T/Echo", STR("still here"));
	client_turn(&c);
	reply_check(&c, d, GRPC_OK, "");
	handlers_close(&c);
}

/* ---- compression ------------------------------------------------------------------------- */

static void zipped(struct buf *out, struct str plain)
{
	struct pool pool = POOL_INIT(0);
	struct gzip *g = NULL;
	uint8_t *data;
	size_t len;

	CHECK(gzip_deflate(&g, &pool, &plain, 1, 0, &data, &len, NULL) == 0);
	put_message(out, true, (struct str){(char *)data, len});
	pool_free(&pool, data);
	gzip_free(g);
}

static void echo_compressed(struct grpc_call *call)
{
	struct str request = grpc_call_request(call);

	CHECK(grpc_call_was_compressed(call));
	grpc_call_compress(call, true);
	grpc_call_reply(call, &request, 1);
}

TEST(gzip_both_ways)
{
	static const char *const both[] = {"grpc-encoding", "gzip", "grpc-accept-encoding",
					   "identity, gzip", NULL};
	static const char *const in[] = {"grpc-encoding", "gzip", NULL};
	_cleanup_(buf_done) struct buf body = BUF_INIT;
	static char plain[100000];
	struct reply *r;
	int32_t a, b;

	memset(plain, 'p', sizeof(plain));
	zipped(&body, (struct str){plain, sizeof(plain)});
	handlers_open(&c, NULL);
	handlers.on_start = echo_compressed;
	a = client_call(&c, "/t.T/Hook", (struct str){body.data, body.len}, true, both);
	b = client_call(&c, "/t.T/Hook", (struct str){body.data, body.len}, true, in);
	client_turn(&c);
	reply_check(&c, a, GRPC_OK, "");
	r = reply_of(&c, a);
	CHECK(strstr(r->headers.data, "grpc-encoding: gzip\n"));
	CHECK_INT(r->body.data[0], 1);
	CHECK(r->body.len < 1000);
	/* The second did not say that it reads gzip. */
	reply_check(&c, b, GRPC_OK, "");
	r = reply_of(&c, b);
	CHECK(!strstr(r->headers.data, "grpc-encoding"));
	CHECK_INT(r->body.len, sizeof(plain) + 5);
	handlers_close(&c);
}

TEST(compressed_requests_that_are_refused)
{
	static const char *const gzip[] = {"grpc-encoding", "gzip", NULL};
	static const char *const snappy[] = {"grpc-encoding", "snappy", NULL};
	_cleanup_(buf_done) struct buf bomb = BUF_INIT;
	struct grpc_limits limits = grpc_limits_default;
	static char zeros[1 << 20];
	int32_t a, b, d;

	zipped(&bomb, (struct str){zeros, sizeof(zeros)});
	limits.request_max = 100000;
	handlers_open(&c, &limits);
	a = client_call(&c, "/t.T/Echo", (struct str){bomb.data, bomb.len}, true, gzip);
	b = client_call(&c, "/t.T/Echo", STR("\1\0\0\0\3abc"), true, gzip);
	d = client_call(&c, "/t.T/Echo", STR("\0\0\0\0\0"), true, snappy);
	client_turn(&c);
	reply_check(&c, a, GRPC_RESOURCE_EXHAUSTED, "more than the limit of 100000");
	reply_check(&c, b, GRPC_INTERNAL, "not gzip");
	reply_check(&c, d, GRPC_UNIMPLEMENTED, "snappy");
	CHECK(strstr(reply_of(&c, d)->headers.data, "grpc-accept-encoding: identity,gzip\n"));
	handlers_close(&c);
}
