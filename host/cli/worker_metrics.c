#include "cli/worker_metrics.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#define NS 1e9

static const double rows[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

#define SERIES(field_, kind_, name_, help_, ...)                                                   \
	{                                                                                          \
		.field = offsetof(struct worker_metrics, field_), .desc = {                        \
			.name = (name_),                                                           \
			.help = (help_),                                                           \
			.kind = (kind_),                                                           \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define COUNTER(field, name, help, ...)                                                            \
	SERIES(field, METRIC_COUNTER, name, help, .labels = {__VA_ARGS__})
#define GAUGE(field, name, help, ...)                                                              \
	SERIES(field, METRIC_GAUGE, name, help, .labels = {__VA_ARGS__})
#define HISTOGRAM(field, name, help, buckets_, ...)                                                \
	SERIES(field, METRIC_HISTOGRAM, name, help, .buckets = (buckets_),                         \
	       .n_buckets = ARRAY_LEN(buckets_), .labels = {__VA_ARGS__})

static const struct {
	size_t field;
	struct metric_desc desc;
} families[] = {
	GAUGE(queue_depth, "taskhost_queue_depth", "Executions that wait for a slot."),
	GAUGE(queue_oldest,
	      "taskhost_queue_oldest_seconds",
	      "How long the oldest of them has waited."),
	GAUGE(slots, "taskhost_slots", "Runs that may go on at a time."),
	GAUGE(slots_used, "taskhost_slots_used", "Runs that go on."),
	COUNTER(accepted, "taskhost_accepted_total", "Executions accepted.", "task_type"),
	COUNTER(outcomes,
		"taskhost_run_outcomes_total",
		"Runs ended, by error code; OK for none.",
		"task_type",
		"code"),
	HISTOGRAM(schedule_to_start,
		  "taskhost_schedule_to_start_seconds",
		  "From acceptance to the start of a run.",
		  metric_seconds,
		  "task_type"),
	HISTOGRAM(run, "taskhost_run_seconds", "How long runs took.", metric_seconds, "task_type"),
	COUNTER(key_conflicts,
		"taskhost_key_conflicts_total",
		"CreateTask under a known key with other inputs or another template."),
	COUNTER(large_outputs,
		"taskhost_large_outputs_total",
		"Outputs above 2 MiB, which come close to propeller's limit."),

	GAUGE(runners, "taskhost_runners", "Runner processes, by state.", "plugin", "state"),
	COUNTER(runner_starts,
		"taskhost_runner_starts_total",
		"Runner processes started.",
		"result"),
	COUNTER(recycles,
		"taskhost_runner_recycles_total",
		"Runner processes replaced for age or growth."),
	COUNTER(crashes,
		"taskhost_runner_crashes_total",
		"Runner processes that died, by signal or exit code.",
		"signal"),
	GAUGE(runner_memory,
	      "taskhost_runner_memory_bytes",
	      "Resident memory of a plugin's runners together.",
	      "plugin"),
	COUNTER(output_lost, "taskhost_output_lost_bytes_total", "Printed by runs, and not kept."),

	GAUGE(plugins, "taskhost_plugins", "Plugin files, by verdict.", "state"),
	COUNTER(reloads,
		"taskhost_plugin_reloads_total",
		"New plugin files, taken or refused.",
		"result"),

	HISTOGRAM(fsync,
		  "taskhost_store_commit_seconds",
		  "Time of a commit of the store, fsync included.",
		  metric_seconds),
	HISTOGRAM(commit_rows,
		  "taskhost_store_commit_writes",
		  "Writes that one commit of the store took along.",
		  rows),
	GAUGE(store_waiting, "taskhost_store_waiting", "Writes that wait for a commit."),
	GAUGE(store_free, "taskhost_store_free_bytes", "Room on the file system of the store."),

	HISTOGRAM(loop_lag,
		  "taskhost_loop_lag_seconds",
		  "How late the event loop fires a timer.",
		  metric_seconds),
	GAUGE(memory, "process_resident_memory_bytes", "Resident memory size in bytes."),
	COUNTER(cpu,
		"process_cpu_seconds_total",
		"Total user and system CPU time spent in seconds."),
	GAUGE(descriptors, "process_open_fds", "Number of open file descriptors."),
	GAUGE(connections, "taskhost_connections", "Open gRPC connections."),
	GAUGE(build, "taskhost_build_info", "1, with the version of this worker.", "version"),
};

/* ---- of the process ---------------------------------------------------------------------- */

static size_t count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n > 3 ? n - 3 : 0; /* ".", ".." and the directory itself */
}

static double resident_bytes(void)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	char *second;

	if (file_read("/proc/self/statm", 4096, &text, NULL) < 0 || text.len == 0)
		return 0;
	second = strchr(text.data, ' ');
	return second ? strtod(second, NULL) * (double)sysconf(_SC_PAGESIZE) : 0;
}

static void collect_process(struct metric_collector *c)
{
	struct worker_metrics *w = CONTAINER_OF(c, struct worker_metrics, process);

	metric_set(metric_with(w->memory, NULL), resident_bytes());
	metric_set(metric_with(w->cpu, NULL), (double)clock_cpu_ns() / NS);
	metric_set(metric_with(w->descriptors, NULL), (double)count_descriptors());
}

/* ---- life -------------------------------------------------------------------------------- */

int worker_metrics_init(struct worker_metrics *w, struct error *err)
{
	int r;

	memset(w, 0, sizeof(*w));
	r = metrics_new(&w->metrics, err);
	for (size_t i = 0; i < ARRAY_LEN(families) && r == 0; i++)
		r = metrics_register(
			w->metrics, &families[i].desc,
			(struct metric_family **)(void *)((char *)w + families[i].field), err);
	if (r < 0) {
		worker_metrics_done(w);
		return r;
	}
	w->process.collect = collect_process;
	metrics_collect(w->metrics, &w->process);
	metric_set(metric_with(w->build, (struct str[]){STR(TASKHOST_VERSION)}), 1);
	return 0;
}

void worker_metrics_done(struct worker_metrics *w)
{
	metrics_free(w->metrics);
	w->metrics = NULL;
}
