#include "literal_help.h"

TEST(error_documents_byte_for_byte)
{
	struct failure f = {
		.code = STR("USER:RuntimeError"),
		.kind = ERROR_NON_RECOVERABLE,
		.origin = ORIGIN_USER,
		.timestamp_ns = 1700000000500000000,
	};
	struct buf out = BUF_INIT;
	char hex[256];

	CHECK_OK(failure_encode_message(&f, STR("m"), &out, &help_err), help_err);
	hex_encode(out.data, out.len, hex);
	CHECK_STR(hex,
		  "0a260a11555345523a52756e74696d654572726f7212016d20012a0c0880e2cfaa061080cab5"
		  "ee01");
	f = (struct failure){.code = STR("USER:Recoverable"),
			     .kind = ERROR_RECOVERABLE,
			     .origin = ORIGIN_USER,
			     .timestamp_ns = 1700000000000000000};
	buf_clear(&out);
	CHECK_OK(failure_encode_message(&f, STR("m"), &out, &help_err), help_err);
	hex_encode(out.data, out.len, hex);
	CHECK_STR(hex, "0a210a10555345523a5265636f76657261626c6512016d180120012a060880e2cfaa06");
	f.code = STR("SYSTEM");
	f.origin = ORIGIN_SYSTEM;
	buf_clear(&out);
	CHECK_OK(failure_encode_message(&f, STR("m"), &out, &help_err), help_err);
	hex_encode(out.data, out.len, hex);
	CHECK_STR(hex, "0a170a0653595354454d12016d180120022a060880e2cfaa06");
	buf_done(&out);
}

static void check_message(struct str trace, struct str text, const char *want)
{
	struct failure f = {.trace = trace, .text = text};
	struct buf out = BUF_INIT;

	failure_message(&f, &out);
	CHECK_STR(out.data, want);
	buf_done(&out);
}

TEST(message_layout)
{
	check_message(STR("frame 1\n\nframe 2\n"), STR("it broke\n\nbadly\n"),
		      "Trace:\n\n    frame 1\n\n    frame 2\n\nMessage:\n\n    it broke\n\n    "
		      "badly");
	check_message(STR(""), STR("x"), "Trace:\n\n\nMessage:\n\n    x");
	check_message(STR("no newline"), STR("x"), "Trace:\n\n    no newline\n\nMessage:\n\n    x");
	check_message(STR(""), STR("a\n  \nb"), "Trace:\n\n\nMessage:\n\n    a\n  \n    b");
}

/* Takes four spaces away from every line that has them. */
static struct str dedented(const char *from, size_t len)
{
	char *out = arena_alloc(&help_arena, len + 1), *to = out;

	for (size_t i = 0; i < len; i++) {
		bool starts = i == 0 || from[i - 1] == '\n';

		if (starts && i + 4 <= len && memcmp(from + i, "    ", 4) == 0)
			i += 4;
		*to++ = from[i];
	}
	*to = '\0';
	return (struct str){out, (size_t)(to - out)};
}

/* Trace and text of recorded errors, taken out, give the recorded message again. */
TEST(message_layout_of_the_fixtures)
{
	static const char *const cases[] = {"boom",           "wrong_type", "type_mismatch",
					    "float_from_int", "chained",    "boom_user"};
	static const char head[] = "Trace:\n\n", middle[] = "\nMessage:\n\n";

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct failure f = {.code = STR("x")};
		struct buf out = BUF_INIT;
		char path[128];
		const char *message, *at;
		void *m;

		snprintf(path, sizeof(path), "flytekit/exec/%s/error.pb", cases[i]);
		CHECK_OK(message_decode(MESSAGE_DESC(flyteidl__core__error_document),
					golden_read(path), NULL, &help_arena, &m, &help_err),
			 help_err);
		message = ((Flyteidl__Core__ErrorDocument *)m)->error->message;
		at = strstr(message, middle);
		CHECK(at && str_starts(str_of(message), head));
		f.trace = dedented(message + strlen(head), (size_t)(at - message) - strlen(head));
		f.text = dedented(at + strlen(middle), strlen(at + strlen(middle)));
		failure_message(&f, &out);
		CHECK_STR(out.data, message);
		buf_done(&out);
	}
}

TEST(failures_survive_bad_text)
{
	struct failure f = {.code = STR("C\xff"),
			    .text = (struct str){"a\0b\xfe", 4},
			    .worker = STR("w"),
			    .timestamp_ns = -1};
	struct buf out = BUF_INIT;
	Flyteidl__Core__ErrorDocument *d;
	void *m;

	CHECK_OK(failure_encode(&f, &out, &help_err), help_err);
	CHECK_OK(message_decode(MESSAGE_DESC(flyteidl__core__error_document),
				(struct str){out.data, out.len}, NULL, &help_arena, &m, &help_err),
		 help_err);
	d = m;
	CHECK_STR(d->error->code, "C\xef\xbf\xbd");
	CHECK_STR(d->error->message, "Trace:\n\n\nMessage:\n\n    a\xef\xbf\xbd"
				     "b\xef\xbf\xbd");
	CHECK_STR(d->error->worker, "w");
	CHECK_INT(d->error->timestamp->seconds, -1);
	CHECK_INT(d->error->timestamp->nanos, 999999999);
	buf_done(&out);
}

TEST(an_empty_input_file_is_the_empty_map)
{
	LiteralMap *m;

	CHECK_OK(literal_map_decode(STR(""), "inputs", &help_arena, &m, &help_err), help_err);
	CHECK_INT(m->n_literals, 0);
}

TEST(decode_errors_name_the_document)
{
	LiteralMap *m;
	Literal *l;

	CHECK_ERR(literal_map_decode(STR("\xff\xff"), "inputs /x.pb", &help_arena, &m, &help_err),
		  ERR_INVALID, help_err, "inputs /x.pb: ");
	CHECK_ERR(literal_decode(STR("\x0a\x05"), "literal", &help_arena, &l, &help_err),
		  ERR_INVALID, help_err, "literal: ");
}

TEST(templates_have_all_parts)
{
	TaskTemplate *t;

	CHECK_OK(task_template_decode(unhex("12017a"), "template", &help_arena, &t, &help_err),
		 help_err);
	CHECK_STR(t->type, "z");
	CHECK(t->id && t->metadata && t->interface && t->interface->inputs &&
	      t->interface->outputs);
	CHECK_INT(t->interface->inputs->n_variables, 0);
	CHECK_ERR(task_template_decode(STR(""), "template t.pb", &help_arena, &t, &help_err),
		  ERR_INVALID, help_err, "template t.pb: the task template has no type");
}

TEST(type_from_json)
{
	LiteralType *t;

	CHECK_OK(literal_type_from_json(STR("{\"collectionType\":{\"simple\":\"FLOAT\"}}"), "note",
					&help_arena, &t, &help_err),
		 help_err);
	CHECK_STR(hex_of(&t->base), "1a020802");
	CHECK_ERR(literal_type_from_json(STR("{\"collectionTyp\":{}}"), "note", &help_arena, &t,
					 &help_err),
		  ERR_INVALID, help_err, "note");
}
