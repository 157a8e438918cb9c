#include "cli/store_verbs.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/config_flags.h"
#include "cli/output.h"
#include "dispatch/machine.h"
#include "store/state_dir.h"
#include "store/store_sqlite.h"

#include <inttypes.h>
#include <stdio.h>

struct values {
	const char *state, *config, *output;
};

#define STATE_OPTIONS                                                                              \
	{.name = "state",                                                                          \
	 .kind = ARGS_TEXT,                                                                        \
	 .offset = offsetof(struct values, state),                                                 \
	 .value = "DIR",                                                                           \
	 .help = "The worker's state directory, unless it is the configured one."},                \
		{.name = "config",                                                                 \
		 .kind = ARGS_TEXT,                                                                \
		 .offset = offsetof(struct values, config),                                        \
		 .value = "FILE",                                                                  \
		 .help = "Read the worker's settings from FILE instead of " CONFIG_FILE_DEFAULT    \
			 "."},                                                                     \
	{                                                                                          \
		.name = "output", .letter = 'o', .kind = ARGS_CHOICE,                              \
		.offset = offsetof(struct values, output), .value = "text|json",                   \
		.help = "How to print."                                                            \
	}

static const struct args_option options[] = {STATE_OPTIONS};

/* ---- the directory ----------------------------------------------------------------------------- */

struct verb {
	const char *prog;
	struct values v;
	struct worker_config config;
	const char *dir;
	const char *operand; /* or NULL */
	int (*run)(struct verb *verb, struct error *err);
	struct buf text;
	bool json;
};

static int with_config(struct verb *verb, struct error *err)
{
	struct config_place place = config_place_here(TASKHOST_PLUGIN_DIR);
	const struct config_flags flags = {.file = verb->v.config};
	int rc = config_init(&verb->config, &place, err);

	if (rc == 0)
		rc = config_load(&verb->config, &place, &flags, err);
	if (rc == 0) {
		verb->dir = verb->v.state ? verb->v.state : verb->config.state;
		rc = verb->run(verb, err);
	}
	config_done(&verb->config);
	return rc;
}

/* A positive result of `run` is an exit code. */
static int store_main(const struct args_command *command, struct verb *verb, int argc, char **argv)
{
	struct args_list operands = ARGS_LIST_INIT;
	struct error err = ERROR_INIT;
	int code;

	verb->v.output = "text";
	code = args_read(command, verb->prog, argc, argv, &verb->v, &operands);
	if (code < 0) {
		verb->json = streq(verb->v.output, "json");
		verb->operand = operands.n > 0 ? operands.items[0] : NULL;
		code = with_config(verb, &err);
		if (code < 0)
			code = output_error(verb->prog, &err);
		else if (output_text(&verb->text) != EXIT_DONE)
			code = EXIT_FAILED;
	}
	buf_done(&verb->text);
	args_done(command, &verb->v, &operands);
	return code;
}

/* ---- check ------------------------------------------------------------------------------------- */

static const struct args_command check_command = {
	.operands = "",
	.about = "Looks for damage in the database of accepted executions, and for rows that break "
		 "a\n"
		 "rule. Works beside a running worker.",
	.options = options,
	.n_options = ARRAY_LEN(options),
	.notes = "JSON: {\"directory\",\"problems\":[…]}.\n"
		 "Exit codes: 0 all is well, 1 there are problems or it cannot be read, 2 usage.",
	.examples = "taskhost store check --state /var/lib/taskhost",
};

struct check {
	struct jw w;
	struct verb *verb;
};

static void problem(void *user, const char *text)
{
	struct check *c = user;

	if (c->verb->json)
		jw_strz(&c->w, text);
	else
		buf_printf(&c->verb->text, "%s\n", text);
}

static int run_check(struct verb *verb, struct error *err)
{
	struct check c = {.w = JW_INIT(&verb->text, 2), .verb = verb};
	int n;

	if (verb->json) {
		jw_object_begin(&c.w);
		jw_kv_strz(&c.w, "directory", verb->dir);
		jw_keyz(&c.w, "problems");
		jw_array_begin(&c.w);
	}
	n = store_sqlite_check(verb->dir, machine_allows_durable, problem, &c, err);
	if (n < 0)
		return n;
	if (verb->json) {
		jw_array_end(&c.w);
		jw_object_end(&c.w);
		buf_putc(&verb->text, '\n');
	} else {
		buf_printf(&verb->text, "%s: %s\n", verb->dir,
			   n == 0 ? "all is well" : "there are problems; they are above");
	}
	return n == 0 ? EXIT_DONE : EXIT_FAILED;
}

int store_check_main(const char *prog, int argc, char **argv)
{
	struct verb verb = {.prog = prog, .run = run_check, .text = BUF_INIT};

	return store_main(&check_command, &verb, argc, argv);
}

/* ---- backup ------------------------------------------------------------------------------------ */

static const struct args_command backup_command = {
	.operands = "FILE",
	.about = "Copies the database of accepted executions to FILE, as it is at one moment. "
		 "Works\n"
		 "beside a running worker. FILE is outside the state directory. To restore, put it "
		 "as\n"
		 "state.db into an empty state directory, with meta.key beside it.",
	.options = options,
	.n_options = ARRAY_LEN(options),
	.min_operands = 1,
	.max_operands = 1,
	.notes = "JSON: {\"directory\",\"file\"}.\nExit codes: 0 done, 1 failed, 2 usage.",
	.examples = "taskhost store backup /backup/state.db --state /var/lib/taskhost",
};

static int run_backup(struct verb *verb, struct error *err)
{
	int rc = store_sqlite_backup(verb->dir, verb->operand, err);
	struct jw w = JW_INIT(&verb->text, 2);

	if (rc < 0)
		return rc;
	if (!verb->json) {
		buf_printf(&verb->text, "%s: copied to %s\n", verb->dir, verb->operand);
		return EXIT_DONE;
	}
	jw_object_begin(&w);
	jw_kv_strz(&w, "directory", verb->dir);
	jw_kv_strz(&w, "file", verb->operand);
	jw_object_end(&w);
	buf_putc(&verb->text, '\n');
	return EXIT_DONE;
}

int store_backup_main(const char *prog, int argc, char **argv)
{
	struct verb verb = {.prog = prog, .run = run_backup, .text = BUF_INIT};

	return store_main(&backup_command, &verb, argc, argv);
}

/* ---- gc ---------------------------------------------------------------------------------------- */

static const struct args_command gc_command = {
	.operands = "",
	.about = "Removes finished executions that are older than the configured retention, with "
		 "files\n"
		 "below outputs/ and logs/ that belong to none any more, and gives the room back\n"
		 "to the disk. Only while no worker runs there; a running one removes them by\n"
		 "itself.",
	.options = options,
	.n_options = ARRAY_LEN(options),
	.notes = "JSON: {\"directory\",\"removed\"}.\n"
		 "Exit codes: 0 done, 1 failed or a worker holds the directory, 2 usage.",
	.examples = "taskhost store gc --state /var/lib/taskhost",
};

static int run_gc(struct verb *verb, struct error *err)
{
	_cleanup_(state_dir_close) struct state_dir held = STATE_DIR_INIT;
	const int64_t now = clock_realtime_ns();
	struct jw w = JW_INIT(&verb->text, 2);
	uint64_t removed = 0;
	int rc = state_dir_open(&held, verb->dir, err);

	if (rc == 0)
		rc = store_sqlite_gc(held.path, now - verb->config.keep_finished_ns,
				     now - verb->config.keep_dead_ns, &removed, err);
	if (rc < 0)
		return rc;
	if (!verb->json) {
		buf_printf(&verb->text, "%s: %" PRIu64 " executions removed\n", verb->dir, removed);
		return EXIT_DONE;
	}
	jw_object_begin(&w);
	jw_kv_strz(&w, "directory", verb->dir);
	jw_keyz(&w, "removed");
	jw_uint(&w, removed);
	jw_object_end(&w);
	buf_putc(&verb->text, '\n');
	return EXIT_DONE;
}

int store_gc_main(const char *prog, int argc, char **argv)
{
	struct verb verb = {.prog = prog, .run = run_gc, .text = BUF_INIT};

	return store_main(&gc_command, &verb, argc, argv);
}
