/* The walk against protobuf-c: what the walk accepts, decodes within the memory it announced, and
 * encodes to something that decodes to an equal message. The first byte chooses the message. */
#include "desc_table.h"
#include "fuzz.h"

#include "base/mem.h"
#include "flyte/message.h"

/* tests/e2e/test_wire_differential.py knows this order. */
static const struct message_desc *const types[] = {
	MESSAGE_DESC(flyteidl__core__literal_map),
	MESSAGE_DESC(flyteidl__core__task_template),
	MESSAGE_DESC(flyteidl__core__dynamic_job_spec),
	MESSAGE_DESC(flyteidl__admin__create_task_request),
	MESSAGE_DESC(google__protobuf__struct),
	MESSAGE_DESC(grpc__reflection__v1__extension_number_response),
	MESSAGE_DESC(flyteidl__admin__launch_plan),
	MESSAGE_DESC(flyteidl__admin__notification),
};

static void recode(const struct message_desc *type, const struct wire_info *info, struct str wire)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	_cleanup_(buf_done) struct buf once = BUF_INIT;
	_cleanup_(buf_done) struct buf twice = BUF_INIT;
	struct error err = ERROR_INIT;
	void *a, *b;

	FUZZ_OK(message_decode(type, wire, NULL, &arena, &a, &err), err);
	FUZZ_CHECK(info->flags & WIRE_SPLIT || arena.used <= info->decoded);
	FUZZ_OK(message_encode(a, &once, &err), err);
	FUZZ_OK(message_decode(type, (struct str){once.data, once.len}, NULL, &arena, &b, &err),
		err);
	FUZZ_OK(message_encode(b, &twice, &err), err);
	FUZZ_CHECK(once.len == twice.len &&
		   (once.len == 0 || memcmp(once.data, twice.data, once.len) == 0));
}

static void views(struct str wire, bool accepted)
{
	struct view v = view_of(wire);
	struct view_field f;
	size_t seen = 0;
	int r;

	while ((r = view_next(&v, &f)) > 0) {
		FUZZ_CHECK(f.raw.ptr == wire.ptr + seen);
		seen += f.raw.len;
	}
	FUZZ_CHECK(!accepted || (r == 0 && seen == wire.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct wire_info info;
	const struct message_desc *type;
	struct str wire;
	int r;

	if (size == 0)
		return 0;
	type = types[data[0] % ARRAY_LEN(types)];
	wire = (struct str){(const char *)data + 1, size - 1};
	r = wire_check(type, wire, NULL, &info, &err);
	if (r < 0)
		FUZZ_TOLD(err);
	views(wire, r == 0);
	if (r == 0)
		recode(type, &info, wire);
	return 0;
}
