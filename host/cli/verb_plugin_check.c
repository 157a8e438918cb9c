#include "base/mem.h"
#include "cli/loader.h"
#include "cli/output.h"
#include "cli/plugin_print.h"
#include "cli/verb.h"
#include "task/task.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct options {
	struct search_options search;
	const char *output;
	int64_t timeout;
};

static const struct args_option options[] = {
	{.name = "timeout",
	 .kind = ARGS_DURATION,
	 .offset = offsetof(struct options, timeout),
	 .value = "DURATION",
	 .help = "End the child after this long; 5s unless given."},
	{.name = "output",
	 .letter = 'o',
	 .kind = ARGS_CHOICE,
	 .offset = offsetof(struct options, output),
	 .value = "text|json",
	 .help = "How to print."},
	{.name = "trust-plugins",
	 .kind = ARGS_LIST,
	 .offset = offsetof(struct options, search.trusted),
	 .value = "DIR",
	 .help = "Do not ask who owns the files below DIR; may be given again."},
};

static const struct args_command command = {
	.operands = "FILE",
	.about = "Loads a plugin in a child process under a deadline: load, init, list tasks, "
		 "compare\nwith the notes, quiesce, deinit. Exit code 0 when all is well, 1 when "
		 "not, 3 when\nthere is no such file.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = 1,
	.notes = "JSON: {\"file\",\"ok\",\"failed_step\",\"reason\",\"signal\",\"elapsed_ms\","
		 "\"tasks\":[...],\n\"executors\":[{\"name\",\"max_inflight\"}]}",
	.examples = "taskhost plugin check ./arith.so\n"
		    "taskhost plugin check ./arith.so --timeout 30s -o json",
};

static void result_json(const char *path, const struct probe_result *p, struct buf *out)
{
	struct jw w = JW_INIT(out, 2);

	jw_object_begin(&w);
	jw_kv_strz(&w, "file", path);
	jw_kv_bool(&w, "ok", p->ok);
	jw_kv_strz(&w, "failed_step", p->failed_step);
	jw_kv_strz(&w, "reason", p->reason);
	jw_kv_int(&w, "signal", p->signal);
	jw_keyz(&w, "elapsed_ms");
	jw_double(&w, (double)p->elapsed_ns / 1e6);
	jw_keyz(&w, "tasks");
	jw_array_begin(&w);
	for (size_t i = 0; i < p->n_tasks; i++)
		jw_strz(&w, p->tasks[i]);
	jw_array_end(&w);
	jw_keyz(&w, "executors");
	jw_array_begin(&w);
	for (size_t i = 0; i < p->n_executors; i++) {
		jw_object_begin(&w);
		jw_kv_strz(&w, "name", p->executors[i].name);
		jw_kv_int(&w, "max_inflight", p->executors[i].max_inflight);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	jw_object_end(&w);
	buf_putc(out, '\n');
}

static void result_text(const char *path, const struct probe_result *p, struct buf *out)
{
	double ms = (double)p->elapsed_ns / 1e6;

	if (!p->ok) {
		buf_printf(out, "%s: failed at \"%s\": %s\n", path,
			   p->failed_step ? p->failed_step : "load",
			   p->reason ? p->reason : "no reason given");
		return;
	}
	buf_printf(out, "%s: all is well, %zu task%s, %.1f ms\n", path, p->n_tasks,
		   p->n_tasks == 1 ? "" : "s", ms);
	for (size_t i = 0; i < p->n_tasks; i++)
		buf_printf(out, "  %s\n", p->tasks[i]);
}

static int print_result(const struct options *o, const char *path, const struct probe_result *p)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	int code;

	if (streq(o->output, "json"))
		result_json(path, p, &text);
	else
		result_text(path, p, &text);
	code = output_text(&text);
	return code == EXIT_DONE && !p->ok ? EXIT_FAILED : code;
}

static int check(const char *prog, const struct options *o, const char *path)
{
	struct probe_result result = {0};
	struct registry r;
	struct error err = ERROR_INIT;
	int code;

	if (access(path, F_OK) < 0)
		return output_fail(prog, EXIT_NOT_FOUND, "%s: %s", path, strerror(errno));
	if (search_open(&o->search, &r, &err) < 0)
		return output_error(prog, &err);
	if (registry_probe(&r, path, o->timeout, task_extensions, &result, &err) == 0) {
		code = print_result(o, path, &result);
		probe_result_done(&result);
	} else {
		char before[] = "inspect"; /* refused before any of its code ran */

		result = (struct probe_result){.failed_step = before, .reason = err.message};
		code = print_result(o, path, &result);
	}
	registry_done(&r);
	return code;
}

int verb_plugin_check(const char *prog, int argc, char **argv)
{
	struct options o = {.output = "text", .timeout = INT64_C(5000000000)};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0 && o.timeout == 0)
		code = args_usage_error(&command, prog,
					"Invalid value for '--timeout': it must be above 0.");
	if (code < 0)
		code = check(prog, &o, operands.items[0]);
	args_done(&command, &o, &operands);
	return code;
}
