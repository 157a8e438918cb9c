/* Health and reflection, spoken to in bytes. */
#include "client.h"

#include "base/mem.h"
#include "flyte/wire.h"
#include "grpc/health.h"
#include "grpc/reflection.h"
#include "testing_reflection.h"

static struct client c;
static struct health *health;

static const struct grpc_service empty_service = {"t.Empty", NULL, 0};

static void start(void)
{
	struct error err = ERROR_INIT;

	client_open(&c, NULL, &empty_service, NULL);
	CHECK_OK(health_new(c.engine, &health, &err), err);
	CHECK_OK(reflection_add(c.engine, &testing_reflection, &err), err);
}

static void finish(void)
{
	client_close(&c);
	health_free(health);
}

static void set(const char *service, enum health_status status)
{
	struct error err = ERROR_INIT;

	CHECK_OK(health_set(health, service, status, &err), err);
	client_turn(&c);
}

/* ---- health ------------------------------------------------------------------------------ */

static int32_t ask(const char *method, const char *service)
{
	_cleanup_(buf_done) struct buf request = BUF_INIT;
	int32_t id;

	if (*service)
		wire_put_bytes(&request, 1, str_of(service));
	id = client_unary(&c, method, (struct str){request.data, request.len});
	client_turn(&c);
	return id;
}

/* The n-th status that a call was told; -1 when there is none. */
static int status_at(int32_t id, size_t n)
{
	struct str m = reply_message(reply_of(&c, id), n);
	struct view_field f;

	if (!m.ptr)
		return -1;
	return view_find(m, 1, &f) ? (int)f.value : 0;
}

static int check(const char *service)
{
	int32_t id = ask("/grpc.health.v1.Health/Check", service);

	return reply_of(&c, id)->grpc_status == GRPC_OK ? status_at(id, 0)
							: -reply_of(&c, id)->grpc_status;
}

TEST(health_check)
{
	start();
	CHECK_INT(check(""), HEALTH_SERVING);
	CHECK_INT(check("grpc.health.v1.Health"), HEALTH_SERVING);
	CHECK_INT(check("a.B"), -GRPC_NOT_FOUND);
	set("a.B", HEALTH_NOT_SERVING);
	CHECK_INT(check("a.B"), HEALTH_NOT_SERVING);
	set("a.B", HEALTH_UNKNOWN);
	CHECK_INT(check("a.B"), HEALTH_UNKNOWN);
	finish();
}

TEST(health_watch_tells_changes_only)
{
	int32_t id, unknown;

	start();
	id = ask("/grpc.health.v1.Health/Watch", "");
	unknown = ask("/grpc.health.v1.Health/Watch", "later");
	CHECK_INT(status_at(id, 0), HEALTH_SERVING);
	CHECK_INT(status_at(unknown, 0), HEALTH_SERVICE_UNKNOWN);
	CHECK_INT(check("later"), -GRPC_NOT_FOUND); /* being watched does not make it known */
	set("", HEALTH_SERVING);
	CHECK_INT(status_at(id, 1), -1);
	set("", HEALTH_NOT_SERVING);
	set("", HEALTH_SERVING);
	CHECK_INT(status_at(id, 1), HEALTH_NOT_SERVING);
	CHECK_INT(status_at(id, 2), HEALTH_SERVING);
	set("later", HEALTH_SERVING);
	CHECK_INT(status_at(unknown, 1), HEALTH_SERVING);
	client_reset(&c, id);
	client_turn(&c);
	set("", HEALTH_NOT_SERVING);
	CHECK_INT(status_at(id, 3), -1);
	finish();
}

TEST(health_watches_are_bounded)
{
	int32_t id = 0;
	char name[32];

	start();
	for (int i = 0; i < 1200; i++) {
		snprintf(name, sizeof(name), "service %d", i);
		id = ask("/grpc.health.v1.Health/Watch", name);
		if (reply_of(&c, id)->closed)
			break;
		client_reset(&c, id);
		if (i % 100 == 99)
			client_now_ns += 20 * SEC;
		client_turn(&c);
	}
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_RESOURCE_EXHAUSTED);
	finish();
}

TEST(health_shutdown_ends_watches)
{
	int32_t id, late;

	start();
	id = ask("/grpc.health.v1.Health/Watch", "");
	health_shutdown(health);
	client_turn(&c);
	CHECK_INT(status_at(id, 1), HEALTH_NOT_SERVING);
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_UNAVAILABLE);
	CHECK_INT(check(""), HEALTH_NOT_SERVING);
	set("", HEALTH_SERVING);
	CHECK_INT(check(""), HEALTH_NOT_SERVING);
	late = ask("/grpc.health.v1.Health/Watch", "");
	CHECK_INT(reply_of(&c, late)->grpc_status, GRPC_UNAVAILABLE);
	finish();
}

TEST(health_shutdown_tells_changes_only)
{
	int32_t id, unknown;

	start();
	id = ask("/grpc.health.v1.Health/Watch", "");
	unknown = ask("/grpc.health.v1.Health/Watch", "later");
	set("", HEALTH_NOT_SERVING);
	health_shutdown(health);
	client_turn(&c);
	CHECK_INT(status_at(id, 1), HEALTH_NOT_SERVING);
	CHECK_INT(status_at(id, 2), -1);
	CHECK_INT(status_at(unknown, 0), HEALTH_SERVICE_UNKNOWN);
	CHECK_INT(status_at(unknown, 1), -1);
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_UNAVAILABLE);
	finish();
}

TEST(health_list)
{
	struct view_field f, entry;
	struct view v;
	int32_t id;
	int n = 0;

	start();
	set("a.B", HEALTH_NOT_SERVING);
	ask("/grpc.health.v1.Health/Watch", "unknown");
	id = ask("/grpc.health.v1.Health/List", "");
	v = view_of(reply_message(reply_of(&c, id), 0));
	while (view_next(&v, &f) > 0) {
		CHECK_INT(f.number, 1);
		CHECK(view_find(f.bytes, 1, &entry));
		n++;
	}
	CHECK_INT(n, 3);
	CHECK(str_is(entry.bytes, "a.B"));
	CHECK(view_find(f.bytes, 2, &entry) && view_find(entry.bytes, 1, &entry));
	CHECK_INT(entry.value, HEALTH_NOT_SERVING);
	finish();
}

TEST(health_of_a_broken_request)
{
	int32_t id;

	start();
	id = client_unary(&c, "/grpc.health.v1.Health/Check", STR("\xff\xff\xff"));
	client_turn(&c);
	CHECK(reply_of(&c, id)->closed);
	finish();
}

/* ---- reflection -------------------------------------------------------------------------- */

/* Asks one question; the answer's member of the oneof. The call stays in *ret_id. */
static struct view_field reflect(uint32_t field, struct str value, struct str *ret_answer)
{
	_cleanup_(buf_done) struct buf question = BUF_INIT;
	_cleanup_(buf_done) struct buf body = BUF_INIT;
	struct view_field f = {.number = 0}, found = {.number = 0};
	struct view v;
	int32_t id;

	wire_put_bytes(&question, 1, STR("host"));
	if (field)
		wire_put_bytes(&question, field, value);
	put_message(&body, false, (struct str){question.data, question.len});
	id = client_call(&c, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
			 (struct str){body.data, body.len}, true, NULL);
	client_turn(&c);
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_OK);
	*ret_answer = reply_message(reply_of(&c, id), 0);
	CHECK(ret_answer->ptr);
	v = view_of(*ret_answer);
	while (view_next(&v, &f) > 0) {
		if (f.number == 1)
			CHECK(str_is(f.bytes, "host"));
		if (f.number == 2)
			CHECK(str_eq(f.bytes, (struct str){question.data, question.len}));
		if (f.number >= 4)
			found = f;
	}
	return found;
}

static int count(struct str message, uint32_t field)
{
	struct view v = view_of(message);
	struct view_field f;
	int n = 0;

	while (view_next(&v, &f) > 0)
		n += f.number == field;
	return n;
}

TEST(reflection_lists_what_is_served)
{
	struct str answer;
	struct view_field f;

	start();
	f = reflect(7, STR(""), &answer);
	CHECK_INT(f.number, 6);
	CHECK_INT(count(f.bytes, 1), 4);
	CHECK(memmem(answer.ptr, answer.len, "t.Empty", 7));
	CHECK(memmem(answer.ptr, answer.len, "grpc.reflection.v1alpha.ServerReflection", 40));
	finish();
}

TEST(reflection_finds_symbols_of_every_kind)
{
	static const char *const known[] = {
		"grpc.testing.TestService",
		"grpc.testing.TestService.UnaryCall",
		"grpc.testing.SimpleRequest",
		"grpc.testing.SimpleRequest.payload",
		"grpc.testing.PayloadType",
		"grpc.testing.COMPRESSABLE",
		"grpc.health.v1.HealthCheckResponse.ServingStatus",
		"grpc.reflection.v1.ServerReflectionRequest.message_request"};
	static const char *const unknown[] = {"",
					      "grpc.testing",
					      "grpc.testing.SimpleReques",
					      "grpc.testing.SimpleRequests",
					      "x",
					      "zzz",
					      "\xff"};
	struct str answer;
	struct view_field f;

	start();
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		f = reflect(4, str_of(known[i]), &answer);
		CHECK_INT(f.number, 4);
		CHECK_INT(count(f.bytes, 1), 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		struct view_field code;

		f = reflect(4, str_of(unknown[i]), &answer);
		CHECK_INT(f.number, 7);
		CHECK(view_find(f.bytes, 1, &code));
		CHECK_INT(code.value, GRPC_NOT_FOUND);
	}
	finish();
}

TEST(reflection_finds_files)
{
	struct str answer;
	struct view_field f, name;

	start();
	f = reflect(3, STR("testing.proto"), &answer);
	CHECK_INT(f.number, 4);
	CHECK(view_find(f.bytes, 1, &f) && view_find(f.bytes, 1, &name));
	CHECK(str_is(name.bytes, "testing.proto"));
	CHECK_INT(reflect(3, STR("nowhere.proto"), &answer).number, 7);
	finish();
}

TEST(reflection_of_extensions_and_nothing)
{
	struct str answer;
	struct view_field f;

	start();
	CHECK_INT(reflect(6, STR("grpc.testing.Empty"), &answer).number, 5);
	CHECK_INT(reflect(6, STR("grpc.testing.TestService"), &answer).number, 7);
	CHECK_INT(reflect(5, STR("\x0a\x01x"), &answer).number, 7);
	f = reflect(0, STR_NULL, &answer);
	CHECK_INT(f.number, 7);
	finish();
}

TEST(reflection_of_a_broken_question)
{
	int32_t id;

	start();
	id = client_call(&c, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
			 STR("\0\0\0\0\2\xff\xff"), false, NULL);
	client_turn(&c);
	CHECK_INT(reply_of(&c, id)->grpc_status, GRPC_INTERNAL);
	finish();
}
