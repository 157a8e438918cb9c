/* JSON text that is read becomes a message that the walk accepts, and prints as text that gives the
 * same bytes. Bytes that the walk accepts print as text that can be read. The first byte chooses
 * message and direction. */
#include "desc_table.h"
#include "fuzz.h"

#include "base/mem.h"
#include "flyte/pbjson.h"
#include "flyte/wire.h"

static const struct message_desc *const types[] = {
	MESSAGE_DESC(flyteidl__core__literal_map),
	MESSAGE_DESC(flyteidl__core__task_template),
	MESSAGE_DESC(flyteidl__core__literal_type),
	MESSAGE_DESC(flyteidl__admin__launch_plan_metadata),
	MESSAGE_DESC(google__protobuf__value),
	MESSAGE_DESC(flyteidl__core__array_node),
	MESSAGE_DESC(flyteidl__core__literal_offloaded_metadata),
	MESSAGE_DESC(flyteidl__admin__notification),
};

static struct str whole(const struct buf *b)
{
	return (struct str){b->data, b->len};
}

static void from_text(const struct message_desc *type, struct str text)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	_cleanup_(buf_done) struct buf printed = BUF_INIT;
	_cleanup_(buf_done) struct buf again = BUF_INIT;
	struct error err = ERROR_INIT;
	int r = pbjson_parse(type, text, "input", &wire, &err);

	if (r < 0) {
		FUZZ_TOLD(err);
		FUZZ_CHECK(wire.len == 0);
		return;
	}
	FUZZ_OK(wire_check(type, whole(&wire), NULL, NULL, &err), err);
	/* A Value "1e999" cannot be: jansson refuses it. So all that is read can be printed. */
	FUZZ_OK(pbjson_print(type, whole(&wire), 0, &printed, &err), err);
	FUZZ_OK(pbjson_parse(type, whole(&printed), "printed", &again, &err), err);
	FUZZ_CHECK(wire.len == again.len &&
		   (wire.len == 0 || memcmp(wire.data, again.data, wire.len) == 0));
}

static void from_wire(const struct message_desc *type, struct str wire)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	_cleanup_(buf_done) struct buf made = BUF_INIT;
	struct error err = ERROR_INIT;

	if (pbjson_print(type, wire, 1, &text, &err) < 0) {
		FUZZ_TOLD(err);
		FUZZ_CHECK(text.len == 0);
		return;
	}
	FUZZ_OK(wire_check(type, wire, NULL, NULL, &err), err);
	FUZZ_OK(pbjson_parse(type, whole(&text), "printed", &made, &err), err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct message_desc *type;
	struct str rest;

	if (size == 0)
		return 0;
	type = types[data[0] % ARRAY_LEN(types)];
	rest = (struct str){(const char *)data + 1, size - 1};
	if (data[0] & 0x80)
		from_wire(type, rest);
	else
		from_text(type, rest);
	return 0;
}
