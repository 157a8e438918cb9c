/* The sqlite3 plugin's query templates: where each placeholder stands. */
#include "lib/test.h"

#include "query.h"

#include <string.h>

/* All pieces as text; a placeholder as <place:name>. */
static const char *show(const char *source)
{
	static const char *const places[] = {"",       "bare",    "string", "quoted",
					     "ticked", "bracket", "comment"};
	static char text[1000];
	struct query_scan scan;
	struct query_piece p;
	size_t n = 0;

	text[0] = 0;
	query_scan_init(&scan, source, strlen(source));
	while (query_scan_next(&scan, &p)) {
		if (p.place == QUERY_TEXT)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s", (int)p.len,
					      p.ptr);
		else
			n += (size_t)snprintf(text + n, sizeof(text) - n, "<%s:%.*s>",
					      places[p.place], (int)p.len, p.ptr);
	}
	return text;
}

TEST(bare)
{
	CHECK_STR(show("a = {{.inputs.x}} or {{ .inputs.y_2 }}"), "a = <bare:x> or <bare:y_2>");
	CHECK_STR(show("{{.INPUTS.x}}{{\n.Inputs.x\t}}"), "<bare:x><bare:x>");
	CHECK_STR(show(""), "");
}

TEST(quotes)
{
	CHECK_STR(show("'{{.inputs.a}}' {{.inputs.b}}"), "'<string:a>' <bare:b>");
	CHECK_STR(show("\"{{.inputs.a}}\" `{{.inputs.b}}` [{{.inputs.c}}] {{.inputs.d}}"),
		  "\"<quoted:a>\" `<ticked:b>` [<bracket:c>] <bare:d>");
	CHECK_STR(show("'it''s {{.inputs.a}}' {{.inputs.b}}"), "'it''s <string:a>' <bare:b>");
	CHECK_STR(show("'\" {{.inputs.a}}' {{.inputs.b}}"), "'\" <string:a>' <bare:b>");
}

TEST(comments)
{
	CHECK_STR(show("-- ' {{.inputs.a}}\n{{.inputs.b}}"), "-- ' <comment:a>\n<bare:b>");
	CHECK_STR(show("/* ' {{.inputs.a}} */{{.inputs.b}}"), "/* ' <comment:a> */<bare:b>");
	CHECK_STR(show("'--' {{.inputs.a}} - {{.inputs.b}}"), "'--' <bare:a> - <bare:b>");
	CHECK_STR(show("/*/ {{.inputs.a}}"), "/*/ <comment:a>");
}

TEST(what_is_no_placeholder)
{
	static const char *const plain[] = {
		"{{.inputs.}}", "{{.inputs.a}", "{{inputs.a}}", "{{. inputs.a}}", "{{.inputs.a-b}}",
		"{.inputs.a}",  "{{.inputs.a",  "{{",           "{{.input.a}}"};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		CHECK_STR(show(plain[i]), plain[i]);
}
