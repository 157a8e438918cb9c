/* wire_check told what need not be looked at again. */
#include "desc_table.h"
#include "lib/test.h"
#include "wire_made.h"

#include "base/mem.h"
#include "flyte/wire_known.h"

#include <stdio.h>

/* Text that was checked is not looked at again; all else is. */
TEST(checked_text)
{
	struct wire_limits limits = wire_limits_default;
	struct error err = ERROR_INIT;

	limits.text_checked = true;
	CHECK_OK(wire_check(VARIABLE, BYTES("\x12\x01\xff"), &limits, NULL, &err), err);
	CHECK_ERR(wire_check(VARIABLE, BYTES("\x12\x02\xff"), &limits, NULL, &err), ERR_INVALID,
		  err, "end inside a field");
}

static void check_as_unknown(struct str wire, struct wire_limits *limits)
{
	struct wire_info plain = {0}, known = {0};
	struct error err = ERROR_INIT;

	CHECK_OK(wire_check(LITERAL_MAP, wire, NULL, &plain, &err), err);
	CHECK_OK(wire_check(LITERAL_MAP, wire, limits, &known, &err), err);
	CHECK_INT(known.flags, plain.flags);
	CHECK(known.decoded >= plain.decoded);
}

TEST(known_parts)
{
	struct wire_known known = WIRE_KNOWN_INIT(LITERAL);
	struct wire_limits limits = wire_limits_default;
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	char text[32];

	limits.known = &known;
	put_string_input(&b, "a", STR("one"));
	put_string_input(&b, "b", STR("one"));
	put_string_input(&b, "c", STR("two"));
	check_as_unknown(whole(&b), &limits);
	CHECK_INT(known.accepted.len, 2);
	check_as_unknown(whole(&b), &limits);
	CHECK_INT(known.accepted.len, 2);
	/* flags are remembered too */
	check_as_unknown(BYTES("\x0a\x09\x0a\x01"
			       "a\x12\x04\x0a\x00\x0a\x00"),
			 &limits);
	check_as_unknown(BYTES("\x0a\x09\x0a\x01"
			       "a\x12\x04\x0a\x00\x0a\x00"),
			 &limits);
	/* a budget holds for what is known as well */
	limits.decoded = 200;
	CHECK_ERR(wire_check(LITERAL_MAP, whole(&b), &limits, NULL, &err), ERR_LIMIT, err, "200");
	limits = wire_limits_default;
	limits.known = &known;
	/* what is refused is not known */
	for (int i = 0; i < 2; i++) {
		buf_clear(&b);
		put_string_input(&b, "a", STR("\xff"));
		CHECK_ERR(wire_check(LITERAL_MAP, whole(&b), &limits, NULL, &err), ERR_INVALID, err,
			  "not UTF-8");
	}
	/* nor does it grow for ever */
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "text %d", i);
		buf_clear(&b);
		put_string_input(&b, "a", str_of(text));
		check_as_unknown(whole(&b), &limits);
		CHECK(known.accepted.len <= 64);
	}
	wire_known_done(&known);
}
