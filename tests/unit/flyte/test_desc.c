#include "desc_table.h"
#include "lib/test.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>

/* ---- the table against tests/golden/descriptors.txt ------------------------------------------ */

static const char *type_name(const struct field_desc *f)
{
	static const char *const scalars[] = {
		[FIELD_DOUBLE] = "double", [FIELD_FLOAT] = "float",   [FIELD_INT64] = "int64",
		[FIELD_UINT64] = "uint64", [FIELD_INT32] = "int32",   [FIELD_BOOL] = "bool",
		[FIELD_STRING] = "string", [FIELD_UINT32] = "uint32", [FIELD_BYTES] = "bytes",
	};

	if (f->type == FIELD_MESSAGE)
		return f->message->name;
	if (f->type == FIELD_ENUM)
		return f->enumeration->name;
	return scalars[f->type];
}

static void print_field(const struct message_desc *m, const struct field_desc *f, struct buf *out)
{
	buf_printf(out, "field %s.%s %u ", m->name, f->name, f->number);
	if (f->label == LABEL_MAP)
		buf_printf(out, "map<%s,%s> map", type_name(&f->message->fields[0]),
			   type_name(&f->message->fields[1]));
	else if (f->label == LABEL_REPEATED)
		buf_printf(out, "%s repeated", type_name(f));
	else if (f->oneof >= 0)
		buf_printf(out, "%s oneof:%s", type_name(f), m->oneofs[f->oneof]);
	else
		buf_printf(out, "%s singular", type_name(f));
}

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return true;
	return false;
}

TEST(table_is_as_stored)
{
	_cleanup_(buf_done) struct buf stored = BUF_INIT;
	struct error err = ERROR_INIT;
	size_t in_table = 0, in_file = 0;

	CHECK_OK(file_read(test_golden("descriptors.txt"), 1 << 20, &stored, &err), err);
	for (size_t i = 0; i < message_table_len; i++) {
		const struct message_desc *m = message_table[i];

		for (size_t k = 0; k < m->n_fields; k++) {
			_cleanup_(buf_done) struct buf line = BUF_INIT;

			print_field(m, &m->fields[k], &line);
			if (has_line(stored.data, line.data))
				in_table++;
			else if (!str_starts(str_of(m->name), "google.protobuf.") &&
				 !str_starts(str_of(m->name), "taskhost.")) /* nobody else's */
				test_fail(__FILE__, __LINE__, "not stored: %s", line.data);
		}
	}
	for (const char *at = stored.data; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		in_file += str_starts(str_of(at), "field ");
	}
	CHECK_INT(in_table, in_file);
	CHECK(in_file > 600);
}

TEST(table_agrees_with_generated_code)
{
	for (size_t i = 0; i < message_table_len; i++) {
		const struct message_desc *m = message_table[i];

		CHECK_STR(m->name, m->c->name);
		CHECK_INT(m->n_fields, m->c->n_fields);
		for (size_t k = 0; k < m->n_fields; k++) {
			CHECK_STR(m->fields[k].name, m->c->fields[k].name);
			CHECK_INT(m->fields[k].number, m->c->fields[k].id);
			CHECK(message_field(m, m->fields[k].number) == &m->fields[k]);
			if (m->fields[k].type == FIELD_MESSAGE)
				CHECK(m->fields[k].message->c == m->c->fields[k].descriptor);
		}
	}
}

TEST(find_by_name)
{
	const struct message_desc *m = message_desc_find(STR("flyteidl.core.LiteralMap"));

	CHECK(m == MESSAGE_DESC(flyteidl__core__literal_map));
	for (size_t i = 0; i < message_table_len; i++)
		CHECK(message_desc_find(str_of(message_table[i]->name)) == message_table[i]);
	CHECK(!message_desc_find(STR("flyteidl.core.LiteralMa")));
	CHECK(!message_desc_find(STR("flyteidl.core.LiteralMap.LiteralsEntry")));
	CHECK(!message_desc_find(STR("")));
}

TEST(suggests_names)
{
	CHECK_STR(message_desc_suggest(STR("flyteidl.core.LiteralMpa")),
		  "flyteidl.core.LiteralMap");
	CHECK_STR(message_desc_suggest(STR("LiteralMap")), "flyteidl.core.LiteralMap");
	CHECK_STR(message_desc_suggest(STR("TaskTemplat")), "flyteidl.core.TaskTemplate");
	CHECK(!message_desc_suggest(STR("nothing.like.any.of.these")));
	CHECK(!message_desc_suggest(STR("")));
}

TEST(unknown_numbers_and_names)
{
	const struct message_desc *m = MESSAGE_DESC(flyteidl__core__retry_strategy);

	CHECK(!message_field(m, 0));
	CHECK(!message_field(m, 4));
	CHECK(message_field(m, 5));
	CHECK(!message_field(m, 6));
	CHECK(!message_field(m, UINT64_MAX));
	CHECK(!message_field_named(m, STR("retrie")));
	CHECK(!message_field(MESSAGE_DESC(flyteidl__core__void), 1));
}

TEST(fields_by_both_names)
{
	const struct message_desc *m = MESSAGE_DESC(flyteidl__core__primitive);

	CHECK(message_field_named(m, STR("string_value")) ==
	      message_field_named(m, STR("stringValue")));
	CHECK_STR(
		message_field_named(MESSAGE_DESC(flyteidl__core__task_log), STR("ShowWhilePending"))
			->json_name,
		"ShowWhilePending");
}
