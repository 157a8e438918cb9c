/* What host and runner tell each other, and what they refuse. */
#include "lib/test.h"

#include "base/mem.h"
#include "cli/run_message.h"
#include "flyte/wire.h"

static struct str str_of_buf(const struct buf *b)
{
	return (struct str){b->len ? b->data : "", b->len};
}

static bool same(struct str a, struct str b)
{
	return str_eq(a, b);
}

static struct run_context full_context(void)
{
	return (struct run_context){
		.execution = STR("7k2m000000000"),
		.run = 2,
		.runs = 4294967295,
		.task = STR("add"),
		.executor = STR(""),
		.output_prefix = STR("/out"),
		.raw_prefix = STR("s3://bucket/raw/"),
		.node = STR("p:d:e/n0"),
		.metadata = {"\x12\x00\xff", 3},
		.work = STR("/var/lib/w"),
		.checked = true,
	};
}

static struct run_document full_outputs(void)
{
	return (struct run_document){
		.kind = RUN_DOCUMENT_OUTPUTS,
		.outputs = {"\0\1\2", 3},
		.file_name = STR("futures.pb"),
		.deck = STR("<html>"),
		.cpu_ns = INT64_MAX,
	};
}

static struct run_document full_error(void)
{
	return (struct run_document){
		.kind = RUN_DOCUMENT_ERROR,
		.error_document = {"\xff\0", 2},
		.code = STR("USER:ValueError"),
		.message = STR("naïve"),
		.deck = STR("<html>"),
		.recoverable = true,
		.system_origin = true,
		.cpu_ns = 12345,
	};
}

TEST(context_comes_back)
{
	const struct run_context c = full_context();
	struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct run_context got;

	CHECK_OK(run_context_write(&c, &b, &err), err);
	CHECK_OK(run_context_read(str_of_buf(&b), &got, &err), err);
	CHECK(same(got.execution, c.execution) && same(got.task, c.task));
	CHECK(same(got.executor, c.executor) && same(got.output_prefix, c.output_prefix));
	CHECK(same(got.raw_prefix, c.raw_prefix) && same(got.node, c.node));
	CHECK(same(got.metadata, c.metadata) && same(got.work, c.work));
	CHECK_INT(got.run, 2);
	CHECK_INT(got.runs, 4294967295);
	CHECK(got.checked);
	buf_done(&b);
}

static void check_document(const struct run_document *d)
{
	struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct run_document got;

	CHECK_OK(run_document_write(d, &b, &err), err);
	CHECK_OK(run_document_read(str_of_buf(&b), &got, &err), err);
	CHECK_INT(got.kind, d->kind);
	CHECK(same(got.outputs, d->outputs) && same(got.file_name, d->file_name));
	CHECK(same(got.deck, d->deck) && same(got.error_document, d->error_document));
	CHECK(same(got.code, d->code) && same(got.message, d->message));
	CHECK_INT(got.ignored, d->ignored);
	CHECK_INT(got.recoverable, d->recoverable);
	CHECK_INT(got.system_origin, d->system_origin);
	CHECK_INT(got.cpu_ns, d->cpu_ns);
	buf_done(&b);
}

TEST(document_comes_back)
{
	const struct run_document outputs = full_outputs(), error = full_error();
	const struct run_document ignored = {.kind = RUN_DOCUMENT_OUTPUTS, .ignored = true};
	const struct run_document empty = {.kind = RUN_DOCUMENT_OUTPUTS};
	struct run_document stopped = error;

	stopped.kind = RUN_DOCUMENT_STOPPED;
	check_document(&outputs);
	check_document(&error);
	check_document(&stopped);
	check_document(&ignored);
	check_document(&empty);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void refuse_context(const struct run_context *c, const char *words)
{
	struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct run_context got;

	CHECK_OK(run_context_write(c, &b, &err), err);
	CHECK_INT(run_context_read(str_of_buf(&b), &got, &err), ERR_INVALID);
	CHECK(strstr(err.message, words));
	buf_done(&b);
}

static void refuse_document(const struct run_document *d, const char *words)
{
	struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct run_document got;

	CHECK_OK(run_document_write(d, &b, &err), err);
	CHECK_INT(run_document_read(str_of_buf(&b), &got, &err), ERR_INVALID);
	CHECK(strstr(err.message, words));
	buf_done(&b);
}

TEST(contexts_that_make_no_sense)
{
	struct run_context c = full_context();

	c.executor = STR("Echo");
	refuse_context(&c, "exactly one");
	c.task = c.executor = STR("");
	refuse_context(&c, "exactly one");
	c = full_context();
	c.task = STR("\xff");
	refuse_context(&c, "task is not UTF-8");
	c.task = (struct str){"a\0b", 3};
	refuse_context(&c, "task is not UTF-8");
}

TEST(documents_that_make_no_sense)
{
	struct run_document d = full_outputs();

	d.file_name = STR("../../etc/passwd");
	refuse_document(&d, "unknown kind");
	d = full_outputs();
	d.code = STR("X");
	refuse_document(&d, "both");
	d = full_outputs();
	d.ignored = true;
	refuse_document(&d, "ignored");
	d = full_error();
	d.outputs = STR("x");
	refuse_document(&d, "both");
	d = full_error();
	d.code = STR("");
	refuse_document(&d, "without a code");
	d = full_error();
	d.message = STR("\xc0\x80");
	refuse_document(&d, "message is not UTF-8");
	d = full_error();
	d.kind = (enum run_document_kind)4;
	refuse_document(&d, "kind is too large");
	d.kind = (enum run_document_kind)0;
	refuse_document(&d, "no kind");
}

static void refuse_bytes(const char *bytes, size_t len, const char *words)
{
	struct error err = ERROR_INIT;
	struct run_document d;

	CHECK_INT(run_document_read((struct str){bytes, len}, &d, &err), ERR_INVALID);
	if (!strstr(err.message, words))
		test_fail(__FILE__, __LINE__, "\"%s\" lacks \"%s\"", err.message, words);
}

TEST(fields_that_are_wrong)
{
	refuse_bytes("", 0, "no kind");
	refuse_bytes("\x08\x01\x60\x01", 4, "unknown field 12");
	refuse_bytes("\x08\x01\x08\x01", 4, "kind is there twice");
	refuse_bytes("\x0a\x01\x01", 3, "kind is no number");
	refuse_bytes("\x08\x01\x10\x01", 4, "outputs is no text");
	refuse_bytes("\x08\x01\x20\x02", 4, "ignored is too large");
	refuse_bytes("\x08\x02\x3a\x01X\x58\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 16,
		     "cpu_ns is too large");
	refuse_bytes("\x08", 1, "damaged");
	refuse_bytes("\x08\x01\x12\x05x", 5, "damaged");
}

/* Cut anywhere and with any byte changed: an error or a document that makes sense. */
TEST(damaged_bytes)
{
	const struct run_document d = full_error();
	const struct run_context c = full_context();
	struct buf b = BUF_INIT, a = BUF_INIT;
	struct error err = ERROR_INIT;
	struct run_document got;
	struct run_context context;
	unsigned refused = 0;

	CHECK_OK(run_document_write(&d, &b, &err), err);
	CHECK_OK(run_context_write(&c, &a, &err), err);
	for (size_t i = 0; i < b.len; i++) {
		char *copy = malloc(i ? i : 1); /* so that a read past the end is seen */

		memcpy(copy, b.data, i);
		refused += run_document_read((struct str){copy, i}, &got, &err) < 0;
		free(copy);
	}
	CHECK(refused >= b.len / 2);
	for (size_t i = 0; i < b.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			b.data[i] ^= (char)(1U << bit);
			if (run_document_read(str_of_buf(&b), &got, &err) == 0) {
				CHECK(got.kind >= RUN_DOCUMENT_OUTPUTS &&
				      got.kind <= RUN_DOCUMENT_STOPPED);
				CHECK(utf8_valid(got.message.ptr, got.message.len, NULL));
			}
			b.data[i] ^= (char)(1U << bit);
		}
	}
	for (size_t i = 0; i < a.len; i++) {
		a.data[i] ^= 0x55;
		if (run_context_read(str_of_buf(&a), &context, &err) == 0)
			CHECK((context.task.len > 0) != (context.executor.len > 0));
		a.data[i] ^= 0x55;
	}
	buf_done(&b);
	buf_done(&a);
}

TEST(a_document_stays_as_it_was_when_the_bytes_are_bad)
{
	struct run_document d = {.kind = RUN_DOCUMENT_STOPPED, .cpu_ns = 7};
	struct error err = ERROR_INIT;

	CHECK_INT(run_document_read(STR("\x08\x01\x12\x05x"), &d, &err), ERR_INVALID);
	CHECK_INT(d.kind, RUN_DOCUMENT_STOPPED);
	CHECK_INT(d.cpu_ns, 7);
}
