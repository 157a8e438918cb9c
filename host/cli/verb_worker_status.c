#include "base/clock.h"
#include "cli/execution_print.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "cli/worker_drain.h"
#include "cli/worker_format.h"
#include "cli/worker_json.h"

static const struct args_option options[] = {
	WORKER_OPTIONS(struct worker_only, worker),
};

static const struct args_command command = {
	.operands = "",
	.about = "Shows how a running worker is: whether it takes work, and if not, why; where it\n"
		 "listens, what it holds and what it does.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.notes = "JSON: GetStatusResponse of the worker's service; state is starting, ready, "
		 "not-ready or\ndraining. The exit code only says whether it "
		 "answers.\n" WORKER_EXIT_CODES,
	.examples = "taskhost worker status\n"
		    "taskhost worker status -o json --address 127.0.0.1:8000",
};

typedef Taskhost__Worker__V1__GetStatusResponse Status;

static void line(struct buf *out, const char *name, const char *value)
{
	if (*value)
		buf_printf(out, "%-12s%s\n", name, value);
}

static void lines(struct buf *out, const char *name, char *const *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		line(out, i == 0 ? name : "", values[i]);
}

static void print_state(const Status *s, struct buf *out)
{
	buf_printf(out, "%-12s", "state:");
	format_enum(&taskhost__worker__v1__get_status_response__state__descriptor, (int)s->state,
		    out);
	if (s->drain) {
		buf_puts(out, ", ");
		worker_drain_text(s->drain, out);
	}
	buf_putc(out, '\n');
	lines(out, "not ready:", s->not_ready, s->n_not_ready);
	buf_printf(out, "%-12s%s, process %u", "version:", s->version, s->pid);
	if (s->started_at) {
		buf_puts(out, ", up ");
		format_span(clock_realtime_ns() - timestamp_ns(s->started_at), out);
		buf_puts(out, " since ");
		format_time(s->started_at, out);
	}
	buf_putc(out, '\n');
}

static void print_places(const Status *s, struct buf *out)
{
	lines(out, "grpc:", s->grpc_addresses, s->n_grpc_addresses);
	line(out, "admin:", s->admin_address);
	line(out, "socket:", s->socket);
	line(out, "state in:", s->state_directory);
	lines(out, "plugins in:", s->plugin_directories, s->n_plugin_directories);
}

static void print_executions(const Status *s, struct buf *out)
{
	buf_printf(out, "%-12s", "executions:");
	for (size_t i = 0; i < s->n_executions; i++) {
		buf_printf(out, "%s%llu ", i ? ", " : "",
			   (unsigned long long)s->executions[i]->count);
		execution_state(s->executions[i]->state, out);
	}
	if (s->n_executions == 0)
		buf_puts(out, "none");
	if (s->oldest_queued) {
		buf_puts(out, "; the oldest waits for ");
		format_span(duration_ns(s->oldest_queued), out);
	}
	buf_putc(out, '\n');
}

static void print_status(const Status *s, struct buf *out)
{
	print_state(s, out);
	print_places(s, out);
	buf_printf(out, "%-12s%u of %u busy\n", "slots:", s->slots_busy, s->slots);
	print_executions(s, out);
	buf_printf(out, "%-12s%u, %u active\n", "plugins:", s->plugins, s->plugins_active);
	buf_printf(out, "%-12s%u, %u busy, isolation ", "runners:", s->runners, s->runners_busy);
	format_enum(&taskhost__worker__v1__generation__isolation__descriptor, (int)s->isolation,
		    out);
	buf_putc(out, '\n');
	line(out, "store:", s->store_condition);
	buf_printf(out, "%-12s", "memory:");
	format_size(s->rss_bytes, out);
	buf_printf(out, "\n%-12s%u\n", "connected:", s->connections);
}

static int status(struct worker *w, const char *operand)
{
	Taskhost__Worker__V1__GetStatusRequest request =
		TASKHOST__WORKER__V1__GET_STATUS_REQUEST__INIT;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	Status *s;
	int code = WORKER_CALL(w, "GetStatus", &request, get_status_response, &s);

	(void)operand; /* it has none */
	if (code != EXIT_DONE)
		return code;
	if (w->json)
		return worker_json_output(w->prog, &s->base, NULL);
	print_status(s, &text);
	return output_text(&text);
}

int verb_worker_status(const char *prog, int argc, char **argv)
{
	return worker_verb(&command, prog, argc, argv, status);
}
