#include "cli/config_verb.h"

#include "cli/output.h"

#include <stdio.h>

struct values {
	const char *output;
	struct config_flags flags;
};

void config_list_json(struct jw *w, const char *key, const struct config_list *list)
{
	jw_keyz(w, key);
	jw_array_begin(w);
	for (size_t i = 0; i < list->n; i++)
		jw_strz(w, list->items[i]);
	jw_array_end(w);
}

void config_print_problems(const char *prog, const struct worker_config *c)
{
	for (size_t i = 0; i < c->notes.n; i++)
		fprintf(stderr, "%s: note: %s\n", prog, c->notes.items[i]);
	for (size_t i = 0; i < c->problems.n; i++)
		fprintf(stderr, "%s: %s\n", prog, c->problems.items[i]);
}

static int load(const char *prog,
		const struct values *v,
		int (*use)(const char *prog, struct worker_config *c, bool json, bool good))
{
	struct config_place place = config_place_here(TASKHOST_PLUGIN_DIR);
	struct error err = ERROR_INIT;
	struct worker_config c;
	int code;

	if (config_init(&c, &place, &err) < 0)
		return output_error(prog, &err);
	/* Problems with settings are told one by one; others end it here. */
	if (config_load(&c, &place, &v->flags, &err) < 0 && c.problems.n == 0)
		code = output_error(prog, &err);
	else
		code = use(prog, &c, streq(v->output, "json"), c.problems.n == 0);
	config_done(&c);
	return code;
}

int config_verb(const char *prog,
		int argc,
		char **argv,
		const char *about,
		const char *examples,
		int (*use)(const char *prog, struct worker_config *c, bool json, bool good))
{
	struct args_option options[CONFIG_OPTIONS_MAX + 1] = {
		{.name = "output",
		 .letter = 'o',
		 .kind = ARGS_CHOICE,
		 .offset = offsetof(struct values, output),
		 .value = "text|json",
		 .help = "How to print."}};
	struct args_command command = {
		.operands = "", .about = about, .options = options, .examples = examples};
	struct args_list operands = ARGS_LIST_INIT;
	struct values v = {.output = "text"};
	int code;

	command.n_options = 1 + config_options(options + 1, offsetof(struct values, flags));
	code = args_read(&command, prog, argc, argv, &v, &operands);
	if (code < 0)
		code = load(prog, &v, use);
	args_done(&command, &v, &operands);
	return code;
}
