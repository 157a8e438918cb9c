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
