/* All settings of the worker. A key is its path in the file, and what `config show` prints. */
#include "cli/config_key.h"

#include <ctype.h>
#include <stdio.h>

#define FIELD(member) .offset = offsetof(struct worker_config, member)
#define SECONDS       INT64_C(1000000000)
#define MIB           (INT64_C(1) << 20)
#define YEAR          (365 * 24 * 3600 * SECONDS)

#define COUNT_MAX INT64_C(1000000)

static const struct config_key keys[] = {
	{"plugins", CONFIG_PATHS, FIELD(plugins), NULL, "plugins", "TASKHOST_PLUGIN_PATH", "DIR",
	 "Serve the plugins in DIR; may be given again."},
	{"trust", CONFIG_PATHS, FIELD(trust), "", "trust-plugins", "TASKHOST_TRUST_PLUGINS", "DIR",
	 "Do not ask who owns the files below DIR; may be given again."},
	{"listen", CONFIG_ADDRESSES, FIELD(listen), "127.0.0.1:8000", "listen", NULL, "HOST:PORT",
	 "Listen for gRPC; port 0 picks one, host * is every address; may be given again."},
	{"admin", CONFIG_ADDRESS, FIELD(admin), "127.0.0.1:8080", "admin", NULL, "HOST:PORT",
	 "Listen for HTTP: health, metrics and the page; 'none' does not.", .optional = true},
	{"socket", CONFIG_PATH, FIELD(socket), NULL, "socket", NULL, "PATH",
	 "Listen for taskhost's own verbs on a Unix socket; 'none' does not.", .optional = true},
	{"state", CONFIG_PATH, FIELD(state), NULL, "state", NULL, "DIR",
	 "Keep accepted executions, logs and copies of plugins in DIR."},
	{"meta_key_file", CONFIG_PATH, FIELD(meta_key_file), NULL, "meta-key-file", NULL, "FILE",
	 "The key that makes resource_meta ours; replicas share one."},
	{"slots", CONFIG_AUTO, FIELD(slots), "auto", "slots", NULL, "N",
	 "Runs at a time; 'auto' is one per CPU of the cgroup's quota. For one plugin or task "
	 "type: "
	 "plugin:ID=N, type:TYPE=N; may be given again.",
	 .min = 1, .max = 100000},
	{"isolation", CONFIG_CHOICE, FIELD(runners.isolation), "process", "isolation", NULL,
	 "process|in-process",
	 "Run plugins in processes of their own, or in the worker's: a crash there ends it. For "
	 "one "
	 "plugin: ID=process; may be given again."},
	{"runners.min", CONFIG_COUNT, FIELD(runners.min), "0", NULL, NULL, "N",
	 "Processes kept for each plugin.", .max = 10000},
	{"runners.max", CONFIG_COUNT, FIELD(runners.max), "0", NULL, NULL, "N",
	 "Most processes of each plugin; 0 is as many as slots.", .max = 10000},
	{"runners.spares", CONFIG_COUNT, FIELD(spares), "1", NULL, NULL, "N",
	 "Processes started ahead, for any plugin.", .max = 1000},
	{"runners.idle", CONFIG_DURATION, FIELD(runners.idle_ns), "60s", NULL, NULL, "TIME",
	 "A process beyond the least number ends after so long without work.",
	 .min = SECONDS / 1000, .max = YEAR},
	{"runners.max_runs", CONFIG_COUNT, FIELD(runners.max_runs), "100000", NULL, NULL, "N",
	 "A process is replaced after so many runs; 0 is never.", .max = INT64_MAX},
	{"runners.max_growth", CONFIG_BYTES, FIELD(runners.max_growth), "256Mi", NULL, NULL,
	 "BYTES", "A process is replaced when it has grown by so much; 0 is never."},
	{"limits.memory", CONFIG_BYTES, FIELD(runners.memory), "0", NULL, NULL, "BYTES",
	 "Most memory of a process, unless the task asks for less; 0 is no limit."},
	{"limits.cpu_time", CONFIG_DURATION, FIELD(runners.cpu_time_ns), "0s", NULL, NULL, "TIME",
	 "Most CPU time of a process; 0s is no limit.", .max = YEAR},
	{"limits.open_files", CONFIG_COUNT, FIELD(runners.open_files), "0", NULL, NULL, "N",
	 "Most open files of a process; 0 is no limit of ours.", .max = COUNT_MAX},
	{"limits.processes", CONFIG_COUNT, FIELD(runners.processes), "0", NULL, NULL, "N",
	 "Most processes and threads below one; needs a cgroup; 0 is no limit.", .max = COUNT_MAX},
	{"time_limits.default", CONFIG_DURATION, FIELD(time_limits.timeout_ns), "0s",
	 "task-timeout", NULL, "TIME", "Most time for a run whose task names none; 0s is no limit.",
	 .max = YEAR},
	{"time_limits.queue", CONFIG_DURATION, FIELD(time_limits.queue_ns), "0s", "queue-timeout",
	 NULL, "TIME", "Most time to wait for a slot; 0s is no limit.", .max = YEAR},
	{"drain.lameduck", CONFIG_DURATION, FIELD(lameduck_ns), "5s", "lameduck", NULL, "TIME",
	 "On SIGTERM: be not ready, and go on accepting, for so long.", .max = YEAR},
	{"drain.grace", CONFIG_DURATION, FIELD(grace_ns), "25s", "grace", NULL, "TIME",
	 "Then let runs finish for so long.", .max = YEAR},
	{"drain.cancel", CONFIG_DURATION, FIELD(cancel_ns), "3s", "cancel-grace", NULL, "TIME",
	 "Then cancel them, and kill them after so long.", .max = YEAR},
	{"stop_after", CONFIG_DURATION, FIELD(stop_after_ns), "0s", "stop-after", NULL, "TIME",
	 "Stop as if by SIGTERM after so long; 0s is never.", .max = YEAR},
	{"task_types.allow", CONFIG_NAMES, FIELD(allow), "", "allow", NULL, "TYPE",
	 "Serve only these task types; may be given again."},
	{"task_types.deny", CONFIG_NAMES, FIELD(deny), "", "deny", NULL, "TYPE",
	 "Do not serve this task type; may be given again."},
	{"log.format", CONFIG_CHOICE, FIELD(log_format), "auto", "log-format", NULL,
	 "auto|text|json", "How to log; auto is text on a terminal, JSON otherwise."},
	{"log.level", CONFIG_CHOICE, FIELD(log_level), "info", "log-level", NULL,
	 "debug|info|warning|error", "What to log."},
	{"log.quota", CONFIG_BYTES, FIELD(log_quota), "1Mi", NULL, NULL, "BYTES",
	 "How much is kept of what one execution prints: the end.", .min = 4096},
	{"retention.finished", CONFIG_DURATION, FIELD(keep_finished_ns), "168h", NULL, NULL, "TIME",
	 "How long finished executions are remembered.", .min = SECONDS, .max = 10 * YEAR},
	{"retention.dead", CONFIG_DURATION, FIELD(keep_dead_ns), "720h", NULL, NULL, "TIME",
	 "How long dead executions are remembered.", .min = SECONDS, .max = 10 * YEAR},
	{"outputs", CONFIG_CHOICE, FIELD(outputs), "auto", "outputs", NULL, "auto|file",
	 "Where outputs go: auto answers small ones inline, file always writes them."},
	{"messages.receive_max", CONFIG_BYTES, FIELD(receive_max), "64Mi", NULL, NULL, "BYTES",
	 "Largest message that is received.", .min = 4096, .max = 2048 * MIB - 1},
	{"messages.reply_max", CONFIG_BYTES, FIELD(reply_max), "3584Ki", NULL, NULL, "BYTES",
	 "Largest message that is sent; Flyte's propeller takes 4 MiB.", .min = 32 << 10,
	 .max = 2048 * MIB - 1},
	{"tls.cert", CONFIG_PATH, FIELD(tls_cert), "", "tls-cert", NULL, "FILE",
	 "Speak TLS on the gRPC addresses with this certificate chain.", .optional = true},
	{"tls.key", CONFIG_PATH, FIELD(tls_key), "", "tls-key", NULL, "FILE",
	 "The certificate's private key.", .optional = true},
	{"tls.client_ca", CONFIG_PATH, FIELD(tls_client_ca), "", "tls-client-ca", NULL, "FILE",
	 "Serve only clients with a certificate of this authority.", .optional = true},
};

#define RUNNERS(member) .offset = offsetof(struct config_runners, member)

static const struct config_key plugin_keys[] = {
	{"slots", CONFIG_COUNT, RUNNERS(slots), .min = 1, .max = 100000},
	{"isolation", CONFIG_CHOICE, RUNNERS(isolation), .value = "process|in-process"},
	{"min", CONFIG_COUNT, RUNNERS(min), .max = 10000},
	{"max", CONFIG_COUNT, RUNNERS(max), .max = 10000},
	{"idle", CONFIG_DURATION, RUNNERS(idle_ns), .min = SECONDS / 1000, .max = YEAR},
	{"max_runs", CONFIG_COUNT, RUNNERS(max_runs), .max = INT64_MAX},
	{"max_growth", CONFIG_BYTES, RUNNERS(max_growth)},
	{"memory", CONFIG_BYTES, RUNNERS(memory)},
	{"cpu_time", CONFIG_DURATION, RUNNERS(cpu_time_ns), .max = YEAR},
	{"open_files", CONFIG_COUNT, RUNNERS(open_files), .max = COUNT_MAX},
	{"processes", CONFIG_COUNT, RUNNERS(processes), .max = COUNT_MAX},
};

#define TYPE(member) .offset = offsetof(struct config_task_type, member)

static const struct config_key type_keys[] = {
	{"slots", CONFIG_COUNT, TYPE(slots), .min = 1, .max = 100000},
	{"timeout", CONFIG_DURATION, TYPE(timeout_ns), .max = YEAR},
	{"queue", CONFIG_DURATION, TYPE(queue_ns), .max = YEAR},
	{"priority", CONFIG_COUNT, TYPE(priority), .max = 9},
};

const struct config_table config_keys = {keys, ARRAY_LEN(keys)};
const struct config_table config_plugin_keys = {plugin_keys, ARRAY_LEN(plugin_keys)};
const struct config_table config_type_keys = {type_keys, ARRAY_LEN(type_keys)};

_Static_assert(ARRAY_LEN(keys) <= CONFIG_KEYS_MAX, "origins has room for every key");
_Static_assert(ARRAY_LEN(plugin_keys) <= CONFIG_RUNNER_KEYS_MAX, "and of a plugin");
_Static_assert(ARRAY_LEN(type_keys) <= CONFIG_RUNNER_KEYS_MAX, "and of a task type");

const struct config_key *config_key_find(const struct config_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (streq(t->keys[i].name, name))
			return &t->keys[i];
	return NULL;
}

const char *config_key_env(const struct config_key *k, char out[64])
{
	size_t n;

	if (k->env)
		return k->env;
	n = (size_t)snprintf(out, 64, "TASKHOST_%s", k->name);
	for (size_t i = 0; i < MIN(n, (size_t)63); i++)
		out[i] = (char)(out[i] == '.' ? '_' : toupper((unsigned char)out[i]));
	return out;
}
