/* Files and directories that outputs point to, on their way under the raw output prefix. */
#pragma once

#include "task/exec.h"

/* The URI an output has for what the plugin called `place`: a remote URI as it is; a directory that
 * came with the inputs as the URI it came from, a file as upload_input_file says; a path under the
 * raw output prefix as it is; any other existing file (`multipart`: directory) gets a new place
 * under the prefix and is noted for upload_all. Text lives in the execution. ERR_INVALID: no such
 * file, or a file where a directory is meant. */
int upload_place(
	struct exec *e, const char *place, bool multipart, struct str *ret_uri, struct error *err);

/* A file that a task passes on from its inputs (`exec` is a struct exec): as flytekit does, a local
 * one gets a new place under the raw output prefix, if data can be put there; the same one twice
 * gets one place. Other URIs stay. `uri` lives as long as the execution. */
int upload_input_file(void *exec, const char *uri, struct str *ret_uri, struct error *err);

/* The URI of an input of which `place` is the local copy, or the place itself; NULL: of none. */
const char *upload_input_uri(struct exec *e, const char *place);

/* Copies everything that was noted. */
int upload_all(struct exec *e, struct error *err);
