#include "cli/args.h"
#include "lib/test.h"

#include "base/mem.h"

struct values {
	bool test;
	const char *inputs, *output;
	int64_t number, span;
	struct args_list list;
};

static const struct args_option options[] = {
	{.name = "inputs",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct values, inputs),
	 .value = "URI",
	 .help = "What comes in.",
	 .required = true},
	{.name = "output",
	 .letter = 'o',
	 .kind = ARGS_CHOICE,
	 .offset = offsetof(struct values, output),
	 .value = "text|json",
	 .help = "How."},
	{.name = "test",
	 .letter = 't',
	 .kind = ARGS_FLAG,
	 .offset = offsetof(struct values, test),
	 .help = "Only look."},
	{.name = "max-concurrency",
	 .kind = ARGS_INTEGER,
	 .offset = offsetof(struct values, number),
	 .value = "N",
	 .help = "How many."},
	{.name = "timeout",
	 .kind = ARGS_DURATION,
	 .offset = offsetof(struct values, span),
	 .value = "DURATION",
	 .help = "How long."},
	{.name = "input",
	 .letter = 'i',
	 .kind = ARGS_LIST,
	 .offset = offsetof(struct values, list),
	 .value = "NAME=VALUE",
	 .help = "One of many.",
	 .ours = true},
};

static const struct args_command command = {
	.operands = "FILE [ARGS]...",
	.about = "About it.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = 3,
	.notes = "A note.",
	.examples = "prog --inputs x file",
};

/* One parse of a line of words without quoting. */
struct parse {
	struct values v;
	struct args_list operands;
	struct error err;
	char line[512];
	int rc;
};

static void parse(struct parse *p, const char *line)
{
	static char *argv[64];
	int argc = 0;
	char *save = NULL;

	*p = (struct parse){.v = {.output = "text"}};
	snprintf(p->line, sizeof(p->line), "%s", line);
	for (char *w = strtok_r(p->line, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	p->rc = args_parse(&command, argc, argv, &p->v, &p->operands, &p->err);
}

static void done(struct parse *p)
{
	args_done(&command, &p->v, &p->operands);
}

static void refused(const char *line, const char *message)
{
	struct parse p;

	parse(&p, line);
	CHECK_INT(p.rc, ERR_INVALID);
	CHECK_STR(p.err.message, message);
	done(&p);
}

TEST(both_spellings_of_a_value)
{
	struct parse p;

	parse(&p, "--inputs=a --timeout 1m30s --max-concurrency=-7 file");
	CHECK_OK(p.rc, p.err);
	CHECK_STR(p.v.inputs, "a");
	CHECK_INT(p.v.span, INT64_C(90000000000));
	CHECK_INT(p.v.number, -7);
	CHECK_STR(p.v.output, "text");
	done(&p);
	parse(&p, "--inputs --weird file");
	CHECK_OK(p.rc, p.err);
	CHECK_STR(p.v.inputs, "--weird");
	done(&p);
	parse(&p, "--inputs= file");
	CHECK_OK(p.rc, p.err);
	CHECK_STR(p.v.inputs, "");
	done(&p);
}

TEST(short_and_repeated)
{
	struct parse p;

	parse(&p, "-i a=1 -ib=2 --input c=3 -to json --inputs x file");
	CHECK_OK(p.rc, p.err);
	CHECK_INT(p.v.list.n, 3);
	CHECK_STR(p.v.list.items[0], "a=1");
	CHECK_STR(p.v.list.items[1], "b=2");
	CHECK_STR(p.v.list.items[2], "c=3");
	CHECK(p.v.test);
	CHECK_STR(p.v.output, "json");
	done(&p);
}

TEST(last_one_counts)
{
	struct parse p;

	parse(&p, "--inputs a --inputs b file");
	CHECK_OK(p.rc, p.err);
	CHECK_STR(p.v.inputs, "b");
	done(&p);
}

TEST(two_dashes_end_the_options)
{
	struct parse p;

	parse(&p, "one --inputs x -- --inputs -y");
	CHECK_OK(p.rc, p.err);
	CHECK_STR(p.v.inputs, "x");
	CHECK_INT(p.operands.n, 3);
	CHECK_STR(p.operands.items[0], "one");
	CHECK_STR(p.operands.items[1], "--inputs");
	CHECK_STR(p.operands.items[2], "-y");
	done(&p);
	parse(&p, "--inputs x -");
	CHECK_OK(p.rc, p.err);
	CHECK_STR(p.operands.items[0], "-");
	done(&p);
}

TEST(errors_in_the_words_of_click)
{
	refused("file", "Missing option '--inputs'.");
	refused("--inputs", "Option '--inputs' requires an argument.");
	refused("-i", "Option '-i' requires an argument.");
	refused("--test=1 --inputs x file", "Option '--test' does not take a value.");
	refused("--help=1", "Option '--help' does not take a value.");
	refused("--zzz", "No such option: --zzz");
	refused("-z", "No such option: -z");
	refused("--inputs x --max-concurrency 2x file",
		"Invalid value for '--max-concurrency': '2x' is not a valid integer.");
	refused("--inputs x -o yaml file",
		"Invalid value for '--output': 'yaml' is not one of text|json.");
	refused("--inputs x --timeout 5 file", "Invalid value for '--timeout': '5' is not a "
					       "duration such as 500ms, 90s or 1m30s.");
	refused("--inputs x --timeout -5s file",
		"Invalid value for '--timeout': '-5s' is not a duration such as 500ms, 90s or "
		"1m30s.");
	refused("--inputs x", "Missing argument 'FILE'.");
	refused("--inputs x a b c d", "Got unexpected extra argument (d)");
}

TEST(slips_of_the_finger)
{
	refused("--inputz=x file", "No such option: --inputz Did you mean --inputs?");
	refused("--tset", "No such option: --tset Did you mean --test?");
	refused("--halp", "No such option: --halp Did you mean --help?");
}

TEST(help_before_checks)
{
	struct parse p;

	parse(&p, "-h");
	CHECK_INT(p.rc, ARGS_HELP);
	done(&p);
	parse(&p, "-i a=1 task --help");
	CHECK_INT(p.rc, ARGS_HELP);
	CHECK_INT(p.operands.n, 1);
	done(&p);
	parse(&p, "--zzz --help");
	CHECK_INT(p.rc, ERR_INVALID);
	done(&p);
}

TEST(help_text)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	args_help(&command, "prog verb", false, &text);
	CHECK_STR(text.data, "Usage: prog verb [OPTIONS] FILE [ARGS]...\n"
			     "\n"
			     "  About it.\n"
			     "\n"
			     "Options:\n"
			     "  --inputs URI            What comes in. [required]\n"
			     "  -o, --output text|json  How.\n"
			     "  -t, --test              Only look.\n"
			     "  --max-concurrency N     How many.\n"
			     "  --timeout DURATION      How long.\n"
			     "  -i, --input NAME=VALUE  One of many.\n"
			     "  --help                  Show this message and exit.\n"
			     "\n"
			     "  A note.\n"
			     "\n"
			     "Examples:\n"
			     "  prog --inputs x file\n");
}

TEST(plain_help_is_the_other_programs)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	args_help(&command, "pyflyte-x", true, &text);
	CHECK(strstr(text.data, "  --inputs TEXT              [required]\n"));
	CHECK(strstr(text.data, "  --max-concurrency INTEGER\n"));
	CHECK(!strstr(text.data, "NAME=VALUE"));
	CHECK(!strstr(text.data, "A note."));
}
