/* taskhostd: the worker. People start it as `taskhost serve`, Flyte's charts as `pyflyte serve
 * connector` or `c0`; all of them exec this program, and so do the verbs about its store. */
#include "base/file.h"
#include "base/log.h"
#include "cli/config_flags.h"
#include "cli/config_verb.h"
#include "cli/output.h"
#include "cli/serve.h"
#include "cli/store_verbs.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void set_up_log(const struct worker_config *c)
{
	static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
	enum log_format format = c->log_format == LOG_FORMAT_JSON ? LOG_JSON : LOG_TEXT;

	if (c->log_format == LOG_FORMAT_AUTO)
		format = isatty(STDERR_FILENO) ? LOG_TEXT : LOG_JSON;
	log_setup("taskhostd", levels[c->log_level], format);
}

/* Large requests pass through buffers of their size. Taken from the kernel and given back each time,
 * their pages would be faulted in anew for every request, which costs more than all that is done with
 * them: so what is smaller than a file of outputs comes from the heap, and its end is given back only
 * when there is much of it. */
static void set_up_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 8 << 20);
	mallopt(M_TRIM_THRESHOLD, 32 << 20);
}

static int run(const char *prog, const struct worker_config *c, int loaded, const struct error *err)
{
	if (loaded < 0) {
		config_print_problems(prog, c);
		return c->problems.n > 0 ? EXIT_FAILED : output_error(prog, err);
	}
	set_up_memory();
	set_up_log(c);
	for (size_t i = 0; i < c->notes.n; i++)
		log_warn("%s", c->notes.items[i]);
	return serve(c);
}

/* ---- taskhost serve ---------------------------------------------------------------------------- */

struct values {
	struct config_flags flags;
};

static const char about[] =
	"Serves tasks over gRPC (Flyte's connector protocol) until it is told to stop. Prints one\n"
	"line when it is ready: ready grpc=ADDR admin=ADDR socket=PATH pid=N.";

static const char notes[] =
	"Settings come from flags, TASKHOST_… variables, the file and defaults, in that order;\n"
	"'taskhost config show' prints them all. SIGTERM stops politely, SIGINT again hurries,\n"
	"SIGHUP looks at the plugins.\n"
	"Exit codes: 0 stopped, 1 could not start, 2 usage.";

static int run_serve(const char *prog, int argc, char **argv)
{
	struct args_option options[CONFIG_OPTIONS_MAX];
	struct args_command command = {
		.operands = "",
		.about = about,
		.options = options,
		.notes = notes,
		.examples = "taskhost serve --plugins ./plugins --state ./state"};
	struct config_place place = config_place_here(TASKHOST_PLUGIN_DIR);
	struct args_list operands = ARGS_LIST_INIT;
	struct values v = {.flags.file = NULL};
	struct error err = ERROR_INIT;
	struct worker_config c;
	int code;

	command.n_options = config_options(options, offsetof(struct values, flags));
	code = args_read(&command, prog, argc, argv, &v, &operands);
	if (code < 0) {
		if (config_init(&c, &place, &err) < 0)
			code = output_error(prog, &err);
		else
			code = run(prog, &c, config_load(&c, &place, &v.flags, &err), &err);
		config_done(&c);
	}
	args_done(&command, &v, &operands);
	return code;
}

/* ---- pyflyte serve connector, c0 ----------------------------------------------------------------- */

static int run_connector(const char *prog, int argc, char **argv)
{
	struct config_place place = config_place_here(TASKHOST_PLUGIN_DIR);
	struct config_connector v = CONFIG_CONNECTOR_INIT;
	struct args_list operands = ARGS_LIST_INIT;
	struct error err = ERROR_INIT;
	struct worker_config c;
	int code = args_read(&config_connector_command, prog, argc, argv, &v, &operands);

	if (code < 0) {
		if (config_init(&c, &place, &err) < 0)
			code = output_error(prog, &err);
		else
			code = run(prog, &c, config_load_connector(&c, &place, &v, &err), &err);
		config_done(&c);
	}
	args_done(&config_connector_command, &v, &operands);
	return code;
}

/* argv[0] tells what it is to be; whoever has exec'ed this has set it. */
int main(int argc, char **argv)
{
	const char *prog = argc > 0 ? argv[0] : "taskhostd";

	if (streq(prog, "taskhost store check"))
		return store_check_main(prog, argc - 1, argv + 1);
	if (streq(prog, "taskhost store backup"))
		return store_backup_main(prog, argc - 1, argv + 1);
	if (streq(prog, "taskhost store gc"))
		return store_gc_main(prog, argc - 1, argv + 1);
	if (str_starts(str_of(prog), "pyflyte serve ") || streq(prog, "c0"))
		return run_connector(prog, argc - 1, argv + 1);
	return run_serve(streq(prog, "taskhost serve") ? prog : "taskhostd",
			 argc > 0 ? argc - 1 : 0, argv + 1);
}
