/* Where the worker's Unix socket is, for the worker itself and for those who ask it. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

/* Appends `flag` when it is given (--socket), else $TASKHOST_SOCKET, else for root
 * /run/taskhost/worker.sock, else $XDG_RUNTIME_DIR/taskhost/worker.sock. ERR_NOT_FOUND when none of
 * them is known. */
int socket_path(const char *flag, struct buf *out, struct error *err);
