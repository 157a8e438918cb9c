/* Files and directories that outputs point to, on their way under the raw output prefix. */
#pragma once

#include "task/exec.h"

/* The URI an output has for what the plugin called `place`: a remote URI as it is; a path that came
 * with the inputs as the URI it came from; a path under the raw output prefix as it is; any other
 * existing file (`multipart`: directory) gets a new place under the prefix and is noted for
 * upload_all. Text lives in the execution. ERR_INVALID: no such file, or a file where a directory
 * is meant. */
int upload_place(
	struct exec *e, const char *place, bool multipart, struct str *ret_uri, struct error *err);

/* Copies everything that was noted. */
int upload_all(struct exec *e, struct error *err);
