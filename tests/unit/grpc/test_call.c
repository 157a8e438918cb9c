/* Unary calls: what arrives and what comes back. */
#include "handlers.h"

#include "base/mem.h"

#include <stdlib.h>

static struct client c;

/* ---- working ----------------------------------------------------------------------------- */

TEST(unary_echo)
{
	struct reply *r;
	int32_t id;

	handlers_open(&c, NULL);
	id = client_unary(&c, "/t.T/Echo", STR("hello"));
	client_turn(&c);
	reply_check(&c, id, GRPC_OK, "");
	r = reply_of(&c, id);
	CHECK_INT(r->http_status, 200);
	CHECK(strstr(r->headers.data, "content-type: application/grpc\n"));
	CHECK(str_is(reply_message(r, 0), "hello"));
	CHECK_INT(r->body.len, 10);
	CHECK_INT(r->error_code, 0);
	handlers_close(&c);
}

TEST(empty_message)
{
	int32_t id;

	handlers_open(&c, NULL);
	id = client_unary(&c, "/t.T/Echo", STR(""));
	client_turn(&c);
	reply_check(&c, id, GRPC_OK, "");
	CHECK_INT(reply_of(&c, id)->body.len, 5);
	handlers_close(&c);
}

TEST(messages_of_many_sizes)
{
	static const size_t sizes[] = {1,     1000,  16379,  16384,   65535,
				       65536, 65537, 262144, 1000000, 3670016};
	char *bytes = malloc(3670016);

	CHECK(bytes);
	for (size_t i = 0; i < 3670016; i++)
		bytes[i] = (char)(i * 31 >> 5);
	handlers_open(&c, NULL);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct str sent = {bytes, sizes[i]};
		int32_t id = client_unary(&c, "/t.T/Echo", sent);

		client_turn(&c);
		reply_check(&c, id, GRPC_OK, "");
		CHECK(str_eq(reply_message(reply_of(&c, id), 0), sent));
	}
	free(bytes);
	handlers_close(&c);
}

TEST(many_calls_at_once)
{
	int32_t ids[900];
	char text[16];

	handlers_open(&c, NULL);
	for (int i = 0; i < 900; i++) {
		snprintf(text, sizeof(text), "call %d", i);
		ids[i] = client_unary(&c, "/t.T/Echo", str_of(text));
	}
	client_turn(&c);
	for (int i = 0; i < 900; i++) {
		snprintf(text, sizeof(text), "call %d", i);
		reply_check(&c, ids[i], GRPC_OK, "");
		CHECK(str_is(reply_message(reply_of(&c, ids[i]), 0), text));
	}
	handlers_close(&c);
}

TEST(answer_later)
{
	struct str reply = STR("late");
	int32_t id;
	int wants;

	handlers_open(&c, NULL);
	id = client_unary(&c, "/t.T/Keep", STR("request"));
	client_turn(&c);
	CHECK_INT(handlers.n_kept, 1);
	CHECK(!reply_of(&c, id)->closed);
	CHECK(str_is(grpc_call_request(handlers.kept[0]), "request"));
	wants = c.wants;
	grpc_call_reply(handlers.kept[0], &reply, 1);
	handlers.n_kept = 0;
	CHECK(c.wants > wants); /* asks for a flush from outside */
	client_turn(&c);
	reply_check(&c, id, GRPC_OK, "");
	CHECK(str_is(reply_message(reply_of(&c, id), 0), "late"));
	handlers_close(&c);
}

static int released;

static void count_release(void *arg)
{
	released += *(int *)arg;
}

static void reply_by_reference(struct grpc_call *call)
{
	static int one = 1;
	static const char parts[] = "abcdef";
	struct str pieces[] = {{parts, 2}, {parts + 2, 0}, {parts + 2, 4}};

	grpc_call_reply_ref(call, pieces, 3, count_release, &one);
}

TEST(reply_without_copy_is_released_once)
{
	int32_t id;

	handlers_open(&c, NULL);
	released = 0;
	handlers.on_start = reply_by_reference;
	id = client_unary(&c, "/t.T/Hook", STR(""));
	client_turn(&c);
	CHECK(str_is(reply_message(reply_of(&c, id), 0), "abcdef"));
	CHECK_INT(released, 1);
	handlers_close(&c);
}

static void reply_too_late(struct grpc_call *call)
{
	client_reset(&c, 1);
	handlers.kept[handlers.n_kept++] = call;
}

TEST(reply_without_copy_is_released_when_nobody_listens)
{
	static int one = 1;
	struct str piece = STR("x");

	handlers_open(&c, NULL);
	released = 0;
	handlers.on_start = reply_too_late;
	client_unary(&c, "/t.T/Hook", STR(""));
	client_turn(&c);
	CHECK_INT(handlers.cancelled, 1);
	grpc_call_reply_ref(handlers.kept[0], &piece, 1, count_release, &one);
	handlers.n_kept = 0;
	CHECK_INT(released, 1);
	handlers_close(&c);
}

/* ---- metadata ---------------------------------------------------------------------------- */

static void look_at_metadata(struct grpc_call *call)
{
	_cleanup_(buf_done) struct buf seen = BUF_INIT;
	_cleanup_(buf_done) struct buf bin = BUF_INIT;
	struct error err = ERROR_INIT;
	struct str name, value;

	for (size_t i = 0; grpc_call_metadata_at(call, i, &name, &value); i++)
		buf_printf(&seen, STR_FMT "=" STR_FMT ";", STR_ARG(name), STR_ARG(value));
	CHECK_STR(seen.data, "x-a=1;x-b=2;x-a=3;x-data-bin=q6ur;user-agent=me;");
	CHECK(grpc_call_metadata(call, "x-a", &value) && str_is(value, "1"));
	CHECK(!grpc_call_metadata(call, "x-none", &value));
	CHECK(grpc_call_metadata_bin(call, "x-data-bin", &bin));
	CHECK(str_is((struct str){bin.data, bin.len}, "\xab\xab\xab"));
	CHECK(!grpc_call_metadata_bin(call, "user-agent", &bin) || bin.len == 3);
	CHECK(str_is(grpc_call_authority(call), "localhost"));
	CHECK(str_is(grpc_call_path(call), "/t.T/Hook"));
	CHECK_STR(grpc_call_peer(call)->address, "test");
	CHECK_INT(grpc_call_deadline_ns(call), INT64_MAX);
	CHECK_OK(grpc_call_header(call, "x-initial", STR("i"), &err), err);
	CHECK_OK(grpc_call_header(call, "x-initial-bin", STR("\0\xff"), &err), err);
	CHECK_OK(grpc_call_trailer(call, "x-last", STR("l"), &err), err);
	CHECK_OK(grpc_call_trailer(call, "grpc-status-details-bin", STR("d"), &err), err);
	CHECK_ERR(grpc_call_header(call, "grpc-status", STR("0"), &err), ERR_INVALID, err,
		  "grpc-status");
	CHECK_ERR(grpc_call_header(call, "Upper", STR("0"), &err), ERR_INVALID, err, "Upper");
	CHECK_ERR(grpc_call_header(call, "x-nl", STR("a\r\nb: c"), &err), ERR_INVALID, err, "-bin");
	grpc_call_reply(call, NULL, 0);
}

TEST(metadata_both_ways)
{
	static const char *const more[] = {"x-a",        "1",    "x-b",        "2",  "x-a", "3",
					   "x-data-bin", "q6ur", "user-agent", "me", NULL};
	_cleanup_(buf_done) struct buf body = BUF_INIT;
	struct reply *r;
	int32_t id;

	handlers_open(&c, NULL);
	handlers.on_start = look_at_metadata;
	put_message(&body, false, STR(""));
	id = client_call(&c, "/t.T/Hook", (struct str){body.data, body.len}, true, more);
	client_turn(&c);
	reply_check(&c, id, GRPC_OK, "");
	r = reply_of(&c, id);
	CHECK(strstr(r->headers.data, "x-initial: i\n"));
	CHECK(strstr(r->headers.data, "x-initial-bin: AP8\n"));
	CHECK(strstr(r->headers.data, "x-last: l\n"));
	CHECK(strstr(r->headers.data, "grpc-status-details-bin: ZA\n"));
	handlers_close(&c);
}

static void headers_then_more(struct grpc_call *call)
{
	struct error err = ERROR_INIT;

	CHECK_OK(grpc_call_send_headers(call, &err), err);
	CHECK_INT(grpc_call_send_headers(call, &err), ERR_STATE);
	CHECK_INT(grpc_call_header(call, "x-late", STR("1"), &err), ERR_STATE);
	handlers.kept[handlers.n_kept++] = call;
}

TEST(headers_may_go_first)
{
	int32_t id;

	handlers_open(&c, NULL);
	handlers.on_start = headers_then_more;
	id = client_unary(&c, "/t.T/Hook", STR(""));
	client_turn(&c);
	CHECK_INT(reply_of(&c, id)->http_status, 200);
	CHECK(!reply_of(&c, id)->closed);
	handlers_finish_kept(GRPC_ABORTED);
	client_turn(&c);
	reply_check(&c, id, GRPC_ABORTED, "finished later");
	handlers_close(&c);
}

static void long_message(struct grpc_call *call)
{
	static char text[3000];

	memset(text, 'y', sizeof(text));
	grpc_call_finish(call, GRPC_NOT_FOUND, (struct str){text, sizeof(text)});
}

TEST(status_message_is_cut)
{
	int32_t id;

	handlers_open(&c, NULL);
	handlers.on_start = long_message;
	id = client_unary(&c, "/t.T/Hook", STR(""));
	client_turn(&c);
	reply_check(&c, id, GRPC_NOT_FOUND, "yyy");
	CHECK_INT(strlen(reply_of(&c, id)->message), GRPC_MESSAGE_MAX);
	handlers_close(&c);
}

static void no_reply(struct grpc_call *call)
{
	grpc_call_finish(call, GRPC_OK, STR_NULL);
}

static void two_replies(struct grpc_call *call)
{
	struct error err = ERROR_INIT;
	struct str one = STR("1");

	CHECK_OK(grpc_call_send(call, &one, 1, &err), err);
	CHECK_ERR(grpc_call_send(call, &one, 1, &err), ERR_STATE, err, "one reply");
	grpc_call_finishf(call, GRPC_OK, "%s", "");
}

TEST(a_unary_call_has_exactly_one_reply)
{
	int32_t id;

	handlers_open(&c, NULL);
	handlers.on_start = no_reply;
	id = client_unary(&c, "/t.T/Hook", STR(""));
	client_turn(&c);
	reply_check(&c, id, GRPC_INTERNAL, "no reply");
	handlers.on_start = two_replies;
	id = client_unary(&c, "/t.T/Hook", STR(""));
	client_turn(&c);
	reply_check(&c, id, GRPC_OK, "");
	handlers_close(&c);
}
