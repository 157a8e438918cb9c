/* The verbs: each file verb_<name>.c holds one. They get the words after the verb and return the
 * exit code. `prog` is what usage texts call it: "taskhost run", or the name it was started by. */
#pragma once

int verb_execute(const char *prog, int argc, char **argv);
int verb_map_execute(const char *prog, int argc, char **argv);
int verb_fast_execute(const char *prog, int argc, char **argv);
int verb_run(const char *prog, int argc, char **argv);
int verb_resolve(const char *prog, int argc, char **argv);
int verb_plugin_ls(const char *prog, int argc, char **argv);
int verb_plugin_inspect(const char *prog, int argc, char **argv);
int verb_plugin_check(const char *prog, int argc, char **argv);
int verb_plugin_new(const char *prog, int argc, char **argv);
int verb_pb_show(const char *prog, int argc, char **argv);
int verb_pb_make(const char *prog, int argc, char **argv);
int verb_pb_types(const char *prog, int argc, char **argv);

int verb_config_show(const char *prog, int argc, char **argv);
int verb_config_check(const char *prog, int argc, char **argv);

int verb_serve(const char *prog, int argc, char **argv);
int verb_store(const char *prog, int argc, char **argv); /* check, backup and gc */

/* On a running worker: */
int verb_task_submit(const char *prog, int argc, char **argv);
int verb_task_ls(const char *prog, int argc, char **argv);
int verb_task_get(const char *prog, int argc, char **argv);
int verb_task_wait(const char *prog, int argc, char **argv);
int verb_task_logs(const char *prog, int argc, char **argv);
int verb_task_cancel(const char *prog, int argc, char **argv);
int verb_task_retry(const char *prog, int argc, char **argv);
int verb_plugin_reload(const char *prog, int argc, char **argv);
int verb_plugin_enable(const char *prog, int argc, char **argv);
int verb_plugin_disable(const char *prog, int argc, char **argv);
int verb_plugin_unquarantine(const char *prog, int argc, char **argv);
int verb_worker_status(const char *prog, int argc, char **argv);
int verb_worker_drain(const char *prog, int argc, char **argv);
int verb_worker_stats(const char *prog, int argc, char **argv);
