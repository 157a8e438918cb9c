/* Plugins of a running worker. */
#pragma once

#include "cli/worker_client.h"

/* One plugin with its generations, as indented text. */
void worker_plugin_text(const WorkerPlugin *p, struct buf *out);

/* `plugin ls --worker`. `all`: also files that are no plugins. */
int worker_plugin_ls(const char *prog, const struct worker_options *o, bool all);

/* Prints the plugin an answer holds: text, or the answer as JSON. */
int worker_plugin_print(struct worker *w, const ProtobufCMessage *answer, const WorkerPlugin *p);
