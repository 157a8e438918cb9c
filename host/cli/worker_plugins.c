#include "cli/worker_plugins.h"

#include "cli/output.h"
#include "cli/worker_format.h"
#include "cli/worker_json.h"

typedef Taskhost__Worker__V1__Generation Generation;
typedef Taskhost__Worker__V1__Limits Limits;
typedef Taskhost__Worker__V1__Offer Offer;

#define DIGEST_SHOWN 12

/* ---- generations ----------------------------------------------------------------------------- */

static void means_text(Taskhost__Worker__V1__Limits__Means means, struct buf *out)
{
	buf_puts(out, " (");
	format_enum(&taskhost__worker__v1__limits__means__descriptor, (int)means, out);
	buf_putc(out, ')');
}

static void limits_text(const Limits *l, struct buf *out)
{
	const size_t start = out->len;

	buf_puts(out, "limits: ");
	if (l && l->memory_bytes > 0) {
		buf_puts(out, "memory ");
		format_size(l->memory_bytes, out);
		means_text(l->memory_by, out);
		buf_puts(out, ", ");
	}
	if (l && l->cpu_milli > 0) {
		buf_printf(out, "CPU %llum", (unsigned long long)l->cpu_milli);
		means_text(l->cpu_by, out);
		buf_puts(out, ", ");
	}
	if (l && l->cpu_seconds > 0)
		buf_printf(out, "CPU time %llus, ", (unsigned long long)l->cpu_seconds);
	if (l && l->open_files > 0)
		buf_printf(out, "open files %llu, ", (unsigned long long)l->open_files);
	if (l && l->processes > 0)
		buf_printf(out, "processes %llu, ", (unsigned long long)l->processes);
	if (out->len > start + strlen("limits: "))
		out->len -= strlen(", ");
	else
		buf_puts(out, "none");
	if (l && *l->why_no_cgroup)
		buf_printf(out, "; no control group: %s", l->why_no_cgroup);
	buf_putc(out, '\n');
}

static void generation_text(const Generation *g, struct buf *out)
{
	const bool threads =
		g->isolation == TASKHOST__WORKER__V1__GENERATION__ISOLATION__IN_PROCESS;

	buf_printf(out, "  generation %.*s%s: ", DIGEST_SHOWN, g->digest,
		   g->retiring ? ", retiring" : "");
	if (threads)
		buf_puts(out, "in-process (crashes, limits and hard cancels are not contained), ");
	buf_printf(out, "runners %u of %u to %u", g->runners, g->runners_min, g->runners_max);
	if (g->runners_busy > 0 || g->runners_starting > 0)
		buf_printf(out, " (%u busy, %u starting)", g->runners_busy, g->runners_starting);
	buf_printf(out, ", %llu running, %llu waiting\n", (unsigned long long)g->running,
		   (unsigned long long)g->queued);
	buf_printf(out, "    %llu runs, %llu crashes", (unsigned long long)g->runs,
		   (unsigned long long)g->crashes);
	if (g->typical) {
		buf_puts(out, ", lately ");
		format_span(duration_ns(g->typical), out);
		buf_puts(out, " each");
	}
	if (g->loaded_at) {
		buf_puts(out, ", loaded ");
		format_time(g->loaded_at, out);
	}
	buf_puts(out, "\n    ");
	limits_text(g->limits, out);
	if (*g->last_trouble)
		buf_printf(out, "    last trouble: %s\n", g->last_trouble);
}

/* ---- plugins --------------------------------------------------------------------------------- */

static void offer_text(const Offer *o, struct buf *out)
{
	const char *separator = " (";

	buf_puts(out, o->name);
	for (size_t i = 0; i < o->n_task_types; i++, separator = ", ")
		buf_printf(out, "%stask type %s%s", separator, o->task_types[i]->name,
			   o->task_types[i]->sync ? " sync" : "");
	for (size_t i = 0; i < o->n_aliases; i++, separator = ", ")
		buf_printf(out, "%salias %s", separator, o->aliases[i]);
	if (*separator == ',')
		buf_putc(out, ')');
}

static void offers_text(const char *title, Offer *const *offers, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, i == 0 ? title : ", ");
		offer_text(offers[i], out);
	}
	if (n > 0)
		buf_putc(out, '\n');
}

void worker_plugin_text(const WorkerPlugin *p, struct buf *out)
{
	buf_printf(out, "%s%s%s  ", p->id, *p->version ? " " : "", p->version);
	format_enum(&taskhost__worker__v1__plugin__state__descriptor, (int)p->state, out);
	if (p->quarantined_until) {
		buf_puts(out, " until ");
		format_time(p->quarantined_until, out);
	}
	buf_printf(out, "  %s\n", p->file);
	if (*p->reason)
		buf_printf(out, "  reason: %s\n", p->reason);
	for (size_t i = 0; i < p->n_lost_claims; i++)
		buf_printf(out, "  without: %s\n", p->lost_claims[i]);
	offers_text("  tasks: ", p->tasks, p->n_tasks, out);
	offers_text("  executors: ", p->executors, p->n_executors, out);
	for (size_t i = 0; i < p->n_resolvers; i++)
		buf_printf(out, "%s%s%s", i == 0 ? "  resolvers: " : ", ", p->resolvers[i],
			   i + 1 == p->n_resolvers ? "\n" : "");
	for (size_t i = 0; i < p->n_generations; i++)
		generation_text(p->generations[i], out);
}

int worker_plugin_print(struct worker *w, const ProtobufCMessage *answer, const WorkerPlugin *p)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;

	if (!p)
		return output_fail(w->prog, EXIT_FAILED, "the worker's answer holds no plugin");
	if (w->json)
		return worker_json_output(w->prog, answer, NULL);
	worker_plugin_text(p, &text);
	return output_text(&text);
}

/* ---- all of them ----------------------------------------------------------------------------- */

typedef Taskhost__Worker__V1__ListPluginsResponse List;

static void list_text(const List *list, struct buf *out)
{
	for (size_t i = 0; i < list->n_plugins; i++)
		worker_plugin_text(list->plugins[i], out);
	if (list->n_plugins > 0)
		return;
	buf_puts(out, "no plugins in");
	for (size_t i = 0; i < list->n_directories; i++)
		buf_printf(out, "%s %s", i ? "," : "", list->directories[i]);
	buf_putc(out, '\n');
}

static int ls(struct worker *w, bool all)
{
	Taskhost__Worker__V1__ListPluginsRequest request =
		TASKHOST__WORKER__V1__LIST_PLUGINS_REQUEST__INIT;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	List *list;
	int code;

	request.all = all;
	code = WORKER_CALL(w, "ListPlugins", &request, list_plugins_response, &list);
	if (code != EXIT_DONE)
		return code;
	if (w->json)
		return worker_json_output(w->prog, &list->base, NULL);
	list_text(list, &text);
	return output_text(&text);
}

int worker_plugin_ls(const char *prog, const struct worker_options *o, bool all)
{
	struct worker w;
	int code = worker_open(&w, prog, o);

	if (code == EXIT_DONE)
		code = ls(&w, all);
	worker_close(&w);
	return code;
}
