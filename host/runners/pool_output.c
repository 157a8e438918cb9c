/* What runners print, and whose it is. */
#include "runners/pool_internal.h"

#include "base/log.h"
#include "runners/logs.h"

#include <stdio.h>

#define CHATTY_RUNS 1000u

static struct log *open_log(struct logs *logs, const char *name)
{
	struct error err = ERROR_INIT;
	struct log *log;

	if (log_open(logs, name, &log, &err) == 0)
		return log;
	log_warn("no log for %s: %s", name, err.message);
	return NULL;
}

static struct log *log_of_run(struct run *run)
{
	struct logs *logs = run->pool->params.logs;

	if (!run->log && logs && run->request.log)
		run->log = open_log(logs, run->request.log);
	return run->log;
}

static struct log *log_of_generation(struct runner_generation *g)
{
	struct logs *logs = g->pool->params.logs;
	char name[LOG_NAME_MAX + 1];

	if (g->log || !logs)
		return g->log;
	if (snprintf(name, sizeof(name), "plugin-%s-%.12s", g->params.name, g->params.digest) <
	    (int)sizeof(name))
		g->log = open_log(logs, name);
	return g->log;
}

void runner_printed(struct pool_runner *r, const char *data, size_t len)
{
	struct runner_generation *g = r->generation;
	struct runner_pool_stats *stats = &g->pool->stats;
	struct log *log = NULL;

	/* With several runs in it nobody can tell whose it is; from now on they go one by one. */
	g->chatty = CHATTY_RUNS;
	if (r->runs.n == 1)
		log = log_of_run(r->runs.first);
	if (!log)
		log = log_of_generation(g);
	stats->output_bytes += len;
	if (log)
		log_append(log, data, len);
	else
		stats->output_lost += len;
}

/* The pipe may be behind the ring. Only where something is printed at all, because it costs a
 * system call. */
void runner_flush_output(struct pool_runner *r)
{
	struct runner_generation *g = r->generation;

	if (r->process && r->pid != 0 && (g->chatty > 0 || g->n_runs < 16))
		process_read_output(r->process);
}

static const char *level_name(int level)
{
	return level >= 40 ? "ERROR" : level >= 30 ? "WARNING" : level >= 20 ? "INFO" : "DEBUG";
}

void run_log_note(struct run *run, int level, struct str text, uint32_t lost)
{
	struct log *log = log_of_run(run);
	char line[RECORD_TEXT_MAX + 64];
	int n;

	if (!log)
		return;
	if (lost > 0) {
		n = snprintf(line, sizeof(line), "WARNING: %u notes were lost here\n", lost);
		log_append(log, line, (size_t)n);
	}
	n = snprintf(line, sizeof(line), "%s: " STR_FMT "\n", level_name(level), STR_ARG(text));
	log_append(log, line, (size_t)n);
}

void run_log_done(struct run *run)
{
	log_close(run->log);
	run->log = NULL;
}
