/* The shell plugin's templates, piece by piece. */
#include "lib/test.h"

#include "shell_template.h"

#include <string.h>

/* All pieces as text: inputs as <i:name>, outputs <o:name>, ctx <c:name>, a quoted one with a !. */
static const char *show(enum shell_syntax syntax, const char *source)
{
	static const char *const marks[] = {"", "i:", "o:", "c:"};
	static char text[1000];
	struct shell_template t;
	struct shell_template_error error;
	struct shell_piece p;
	size_t n = 0;
	int r;

	text[0] = 0;
	shell_template_init(&t, syntax, source, strlen(source));
	while ((r = shell_template_next(&t, &p, &error)) == 1) {
		if (p.kind == SHELL_TEXT)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s", (int)p.len,
					      p.ptr);
		else
			n += (size_t)snprintf(text + n, sizeof(text) - n, "<%s%.*s%s>",
					      marks[p.kind], (int)p.len, p.ptr,
					      p.quoted ? "!" : "");
	}
	if (r < 0)
		snprintf(text, sizeof(text), "at %zu: %s", error.offset, error.message);
	return text;
}

TEST(text_alone)
{
	CHECK_STR(show(SHELL_SCRIPT, "echo hello"), "echo hello");
	CHECK_STR(show(SHELL_SCRIPT, ""), "");
	CHECK_STR(show(SHELL_COMMAND, "awk {print}"), "awk {print}");
}

TEST(values_of_a_script)
{
	CHECK_STR(show(SHELL_SCRIPT, "{inputs.a}-{outputs.b_1} {ctx.working_directory}"),
		  "<i:a>-<o:b_1> <c:working_directory>");
	CHECK_STR(show(SHELL_SCRIPT, "{inputs[a]}{inputs[b]!q}"), "<i:a><i:b!>");
	CHECK_STR(show(SHELL_SCRIPT, "{inputs.a!q}{inputs.a!s}"), "<i:a!><i:a>");
}

TEST(doubled_braces)
{
	CHECK_STR(show(SHELL_SCRIPT, "${{x}} {{{inputs.a}}}"), "${x} {<i:a>}");
	CHECK_STR(show(SHELL_SCRIPT, "{{inputs.a}}"), "{inputs.a}");
}

TEST(faults_of_a_script)
{
	CHECK(strstr(show(SHELL_SCRIPT, "ab{"), "at 2: expected {inputs.NAME}"));
	CHECK(strstr(show(SHELL_SCRIPT, "ab}"), "at 2: a } without {"));
	CHECK(strstr(show(SHELL_SCRIPT, "{inputs}"), "at 0: expected a dot"));
	CHECK(strstr(show(SHELL_SCRIPT, "{inputs.}"), "at 0: expected a name"));
	CHECK(strstr(show(SHELL_SCRIPT, "{inputs[a}"), "at 0: expected a name"));
	CHECK(strstr(show(SHELL_SCRIPT, "{inputsx.a}"), "at 0: expected {inputs.NAME}"));
	CHECK(strstr(show(SHELL_SCRIPT, "{inputs.a!r}"), "at 9: the conversions"));
	CHECK(strstr(show(SHELL_SCRIPT, "{inputs.a!"), "at 9: the conversions"));
	CHECK(strstr(show(SHELL_SCRIPT, "{inputs.a:d}"), "at 9: format"));
	CHECK(strstr(show(SHELL_SCRIPT, "{inputs.a"), "at 0: this { has no }"));
	CHECK(strstr(show(SHELL_SCRIPT, "{inputs.a b}"), "at 0: this { has no }"));
}

TEST(values_of_a_command)
{
	CHECK_STR(show(SHELL_COMMAND, "{{.inputs.a}}{{ .outputs.b }}{{.ctx.task_name}}"),
		  "<i:a><o:b><c:task_name>");
	CHECK_STR(show(SHELL_COMMAND, "{inputs.a} {{inputs.a}} {{"), "{inputs.a} {{inputs.a}} {{");
}

TEST(faults_of_a_command)
{
	CHECK(strstr(show(SHELL_COMMAND, "a{{.inputs.}}"), "at 1: expected {{.inputs.NAME}}"));
	CHECK(strstr(show(SHELL_COMMAND, "{{ .input }}"), "at 0: expected {{.inputs.NAME}}"));
	CHECK(strstr(show(SHELL_COMMAND, "{{.inputs.a}"), "at 0: expected {{.inputs.NAME}}"));
}

TEST(span_up_to_a_quote)
{
	CHECK_INT(shell_unquoted_span("abc", 3), 3);
	CHECK_INT(shell_unquoted_span("a'c", 3), 1);
	CHECK_INT(shell_unquoted_span("'", 1), 0);
	CHECK_INT(shell_unquoted_span("", 0), 0);
	CHECK_INT(shell_unquoted_span("abc'", 3), 3);
}
