/* gdb on a waiting child, in the foreground of the terminal. */
#pragma once

#include "base/error.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

/* ERR_NOT_FOUND when there is no gdb in PATH. */
int debugger_find(char **ret_path, struct error *err);

/* Starts it; its process id, or ERR_IO. The caller waits for it. */
int debugger_start(const char *gdb, pid_t pid, pid_t *ret_pid, struct error *err);

/* In the child: lets gdb attach, and waits until it has or *no_debugger becomes 1. */
void debugger_await(const _Atomic uint32_t *no_debugger);
