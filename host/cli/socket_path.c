#include "cli/socket_path.h"

#include <stdlib.h>
#include <unistd.h>

/* A variable that is there and not empty. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

int socket_path(const char *flag, struct buf *out, struct error *err)
{
	const char *set = variable("TASKHOST_SOCKET");
	const char *runtime = variable("XDG_RUNTIME_DIR");

	if (flag)
		buf_puts(out, flag);
	else if (set)
		buf_puts(out, set);
	else if (geteuid() == 0)
		buf_puts(out, "/run/taskhost/worker.sock");
	else if (runtime)
		buf_printf(out, "%s/taskhost/worker.sock", runtime);
	else
		return err_set(err, ERR_NOT_FOUND,
			       "nothing says where the worker's socket is: TASKHOST_SOCKET and "
			       "XDG_RUNTIME_DIR are not set; give --socket PATH");
	return buf_check(out, "the path of the socket", err);
}
