/* Checkpoints between attempts (contract 2.8). All: one thread of an execution at a time. */
#pragma once

#include "task/exec.h"

/* Without a checkpoint location all are ERR_UNSUPPORTED. */
int checkpoint_save(struct exec *e, struct str data, struct error *err);
int checkpoint_save_path(struct exec *e, const char *path, struct error *err);

/* The bytes of the only file the previous attempt saved, in the execution's memory. ERR_NOT_FOUND:
 * there is none; ERR_STATE: there are several. */
int checkpoint_read(struct exec *e, struct str *ret, struct error *err);

/* A local directory with all the previous attempt saved; fetched once. ERR_NOT_FOUND. */
int checkpoint_restore(struct exec *e, const char **ret, struct error *err);
