/* taskhost-runner: one plugin generation of a worker, in a process of its own. */
#include "base/log.h"
#include "cli/runner_ops.h"

#include <stdio.h>
#include <sys/socket.h>

#define CONTROL 3 /* the descriptor under which the host hands over its socket */

static bool has_host(void)
{
	socklen_t len = sizeof(int);
	int type;

	return getsockopt(CONTROL, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

int main(void)
{
	struct error err = ERROR_INIT;

	if (!has_host()) {
		fputs("taskhost-runner is started by taskhostd, not by hand; see taskhost serve.\n",
		      stderr);
		return 2;
	}
	log_setup_from_env("taskhost-runner");
	return runner_serve(CONTROL, &plugin_runner_ops, NULL, &err) < 0;
}
