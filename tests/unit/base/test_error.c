#include "lib/test.h"

#include <errno.h>

TEST(set_writes_code_and_message)
{
	struct error err = ERROR_INIT;

	CHECK_INT(err_set(&err, ERR_INVALID, "bad %s %d", "thing", 7), ERR_INVALID);
	CHECK_INT(err.code, ERR_INVALID);
	CHECK_STR(err.message, "bad thing 7");
	CHECK_INT(err_set(NULL, ERR_LIMIT, "nobody reads %s", "this"), ERR_LIMIT);
}

TEST(set_errno_appends_the_reason)
{
	struct error err = ERROR_INIT;

	CHECK_INT(err_set_errno(&err, ERR_IO, ENOSPC, "cannot write %s", "/x"), ERR_IO);
	CHECK_STR(err.message, "cannot write /x: No space left on device");
	err_set_errno(&err, ERR_IO, 123456, "odd");
	CHECK_STR(err.message, "odd: error number 123456");
}

TEST(wrap_puts_context_first_and_keeps_the_code)
{
	struct error err = ERROR_INIT;

	err_set(&err, ERR_NOT_FOUND, "no such file");
	CHECK_INT(err_wrap(&err, "reading %s", "inputs.pb"), ERR_NOT_FOUND);
	CHECK_STR(err.message, "reading inputs.pb: no such file");
}

TEST(wrap_without_a_reader_still_fails)
{
	err_set(NULL, ERR_MISMATCH, "x");
	CHECK_INT(err_wrap(NULL, "context"), ERR_MISMATCH);
}

TEST(an_argument_may_be_the_old_message)
{
	struct error err = ERROR_INIT;

	err_set(&err, ERR_IO, "inner");
	err_set(&err, ERR_IO, "outer (%s)", err.message);
	CHECK_STR(err.message, "outer (inner)");
}

TEST(a_long_message_is_cut_at_a_character)
{
	char text[2 * ERR_MESSAGE_MAX];
	struct error err = ERROR_INIT;
	size_t bad;

	for (size_t shift = 0; shift < 3; shift++) {
		memset(text, 'a', shift);
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			strcpy(text + i, "€");
		err_set(&err, ERR_IO, "%s", text);
		CHECK(strlen(err.message) < ERR_MESSAGE_MAX);
		CHECK(strlen(err.message) > ERR_MESSAGE_MAX - 10);
		CHECK(str_ends(str_of(err.message), "…"));
		CHECK(utf8_valid(err.message, strlen(err.message), &bad));
	}
}

TEST(a_message_of_just_the_right_size_is_not_cut)
{
	char text[ERR_MESSAGE_MAX];
	struct error err = ERROR_INIT;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, ERR_IO, "%s", text);
	CHECK_STR(err.message, text);
}

TEST(messages_are_utf8_without_a_newline_at_the_end)
{
	struct error err = ERROR_INIT;

	err_set(&err, ERR_IO,
		"path /a\xff\xfe"
		"b\xc3: é\n\r\n");
	CHECK_STR(err.message, "path /a??b?: é");
}

TEST(every_code_has_a_name_and_a_text)
{
	CHECK_STR(err_name(ERR_NOT_FOUND), "NOT_FOUND");
	CHECK_STR(err_text(ERR_NOT_FOUND), "not found");
	CHECK_STR(err_name(ERR_OK), "OK");
	CHECK_STR(err_name(-999), "UNKNOWN");
	for (int code = ERR_CANCELLED; code < 0; code++) {
		CHECK(!streq(err_name(code), "UNKNOWN"));
		CHECK(!streq(err_text(code), "unknown error"));
	}
}

TEST(codes_for_errno)
{
	CHECK_INT(err_from_errno(ENOENT), ERR_NOT_FOUND);
	CHECK_INT(err_from_errno(EACCES), ERR_DENIED);
	CHECK_INT(err_from_errno(ENOMEM), ERR_NOMEM);
	CHECK_INT(err_from_errno(EPIPE), ERR_IO);
}
