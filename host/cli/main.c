/* taskhost: the table of verbs, and the names under which it stands in for flytekit's programs. */
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/output.h"
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

#include <taskhost/version.h>

struct verb {
	const char *name; /* one or two words */
	const char *about;
	int (*run)(const char *prog, int argc, char **argv);
};

static const struct verb verbs[] = {
	{"run", "run a task at the terminal", verb_run},
	{"execute", "run a task as Flyte starts it (pyflyte-execute)", verb_execute},
	{"map-execute", "run one element of a map task (pyflyte-map-execute)", verb_map_execute},
	{"fast-execute", "unpack plugins, then run a command (pyflyte-fast-execute)",
	 verb_fast_execute},
	{"serve", "serve tasks to Flyte and to the verbs below, until stopped", verb_serve},
	{"plugin ls", "list plugins, and what is wrong with those refused", verb_plugin_ls},
	{"plugin inspect", "show what a plugin file says of itself, without running it",
	 verb_plugin_inspect},
	{"plugin check", "load a plugin in a child and see that it behaves", verb_plugin_check},
	{"plugin new", "make a folder with a plugin to start from", verb_plugin_new},
	{"plugin reload", "make a worker look for changed plugins now", verb_plugin_reload},
	{"plugin enable", "take a plugin of a worker into service again", verb_plugin_enable},
	{"plugin disable", "take a plugin of a worker out of service", verb_plugin_disable},
	{"plugin unquarantine", "let a worker try a plugin again that only crashed",
	 verb_plugin_unquarantine},
	{"task submit", "give a task to a running worker", verb_task_submit},
	{"task ls", "list the executions of a worker", verb_task_ls},
	{"task get", "show one execution", verb_task_get},
	{"task wait", "wait for an execution, and print its outputs", verb_task_wait},
	{"task logs", "print what an execution has printed", verb_task_logs},
	{"task cancel", "stop executions", verb_task_cancel},
	{"task retry", "repeat a dead execution", verb_task_retry},
	{"worker status", "show how a running worker is", verb_worker_status},
	{"worker drain", "make a worker finish what runs, and end", verb_worker_drain},
	{"worker stats", "show the numbers of a worker", verb_worker_stats},
	{"store check", "look for damage in a worker's state directory", verb_store},
	{"store backup", "copy a worker's accepted executions to a file", verb_store},
	{"store gc", "remove finished executions that are old", verb_store},
	{"config show", "show the worker's settings and where they come from", verb_config_show},
	{"config check", "check the worker's settings", verb_config_check},
	{"resolve", "explain what a resolver's arguments stand for", verb_resolve},
	{"pb show", "print a message of Flyte as JSON", verb_pb_show},
	{"pb make", "make a message of Flyte from JSON", verb_pb_make},
	{"pb types", "list the messages of Flyte", verb_pb_types},
};

static const struct {
	const char *program, *verb;
} stand_ins[] = {
	{"pyflyte-execute", "execute"},
	{"pyflyte-fast-execute", "fast-execute"},
	{"pyflyte-map-execute", "map-execute"},
};

/* ---- what is not a verb ---------------------------------------------------------------------- */

static int print_version(void)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	buf_printf(&text, "taskhost %s\nplugin ABI %u.%u\nprotocol flyteidl.core (Flyte 1)\n",
		   TASKHOST_VERSION, TH_ABI_MAJOR, TH_ABI_MINOR);
	return output_text(&text);
}

/* `group`: only the verbs that start with it. */
static int print_help(const char *group)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	size_t len = group ? strlen(group) : 0;

	buf_printf(&text, "Usage: taskhost %s%sVERB [OPTIONS] ...\n\n", group ? group : "",
		   group ? " " : "");
	if (!group)
		buf_puts(&text, "  Runs Flyte tasks that are written in C or C++ as plugins.\n\n");
	buf_puts(&text, "Verbs:\n");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (!group ||
		    (strncmp(verbs[i].name, group, len) == 0 && verbs[i].name[len] == ' '))
			buf_printf(&text, "  %-21s%s\n", verbs[i].name, verbs[i].about);
	if (!group)
		buf_puts(&text,
			 "\nOptions:\n"
			 "  --version            Print the versions of program, plugin ABI and "
			 "protocol.\n"
			 "  --help               Show this message and exit; after a verb, its "
			 "own.\n"
			 "\nExamples:\n"
			 "  taskhost plugin new greet --dir greet\n"
			 "  taskhost run arith.add -i a=2 -i b=3\n"
			 "  taskhost run arith.add --help\n"
			 "  taskhost task submit arith.add -i a=2 -i b=3 --wait\n"
			 "  taskhost pb show --type LiteralMap outputs.pb\n");
	return output_text(&text);
}

static bool is_group(const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strncmp(verbs[i].name, word, len) == 0 && verbs[i].name[len] == ' ')
			return true;
	return false;
}

static int unknown_verb(const char *typed)
{
	const char *names[ARRAY_LEN(verbs) + 7] = {"store", "plugin", "pb",    "help",
						   "task",  "worker", "config"};
	const char *close;
	size_t n = 7;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		names[n++] = verbs[i].name;
	close = suggest(typed, names, n);
	fprintf(stderr,
		"Usage: taskhost VERB [OPTIONS] ...\nTry 'taskhost --help' for help.\n\n"
		"Error: No such verb: %s%s%s%s\n",
		typed, close ? " Did you mean " : "", close ? close : "", close ? "?" : "");
	return EXIT_USAGE;
}

static int missing_verb(const char *group)
{
	fprintf(stderr,
		"Usage: taskhost %s%sVERB [OPTIONS] ...\nTry 'taskhost --help' for help.\n\n"
		"Error: Missing verb.\n",
		group ? group : "", group ? " " : "");
	return EXIT_USAGE;
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (streq(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static int run_verb(const struct verb *v, int argc, char **argv)
{
	char prog[64];

	snprintf(prog, sizeof(prog), "taskhost %s", v->name);
	return v->run(prog, argc, argv);
}

static int run_words(int argc, char **argv)
{
	char name[64];
	const struct verb *v;
	int words = 1;

	if (argc == 0)
		return missing_verb(NULL);
	if (streq(argv[0], "--version") || streq(argv[0], "version"))
		return print_version();
	if (streq(argv[0], "--help") || streq(argv[0], "-h"))
		return print_help(NULL);
	if (streq(argv[0], "help")) {
		static char help[] = "--help";
		char *swapped[3] = {argc > 1 ? argv[1] : help, argc > 2 ? argv[2] : help, help};

		return run_words(argc == 1 ? 1 : MIN(argc, 3), swapped);
	}
	snprintf(name, sizeof(name), "%s", argv[0]);
	if (is_group(argv[0])) {
		if (argc == 1)
			return missing_verb(argv[0]);
		if (streq(argv[1], "--help") || streq(argv[1], "-h"))
			return print_help(argv[0]);
		snprintf(name, sizeof(name), "%s %s", argv[0], argv[1]);
		words = 2;
	}
	v = find_verb(name);
	return v ? run_verb(v, argc - words, argv + words) : unknown_verb(name);
}

/* `pyflyte serve connector`; agent is its older name. */
static int run_pyflyte(int argc, char **argv)
{
	char prog[32];

	if (argc < 3 || !streq(argv[1], "serve") ||
	    !(streq(argv[2], "connector") || streq(argv[2], "agent"))) {
		fprintf(stderr,
			"Usage: pyflyte serve connector|agent [OPTIONS]\n\n"
			"Error: of pyflyte, only this stands behind taskhost; the others are "
			"pyflyte-execute, pyflyte-fast-execute and pyflyte-map-execute.\n");
		return EXIT_USAGE;
	}
	snprintf(prog, sizeof(prog), "pyflyte serve %s", argv[2]);
	return verb_serve(prog, argc - 3, argv + 3);
}

int main(int argc, char **argv)
{
	const char *program = argc > 0 ? path_base(argv[0]) : "taskhost";

	log_setup_from_env("taskhost");
	for (size_t i = 0; i < ARRAY_LEN(stand_ins); i++)
		if (streq(program, stand_ins[i].program))
			return find_verb(stand_ins[i].verb)->run(program, argc - 1, argv + 1);
	if (streq(program, "pyflyte"))
		return run_pyflyte(argc, argv);
	if (streq(program, "c0"))
		return verb_serve("c0", argc - 1, argv + 1);
	return run_words(argc > 0 ? argc - 1 : 0, argv + 1);
}
