#include "runners/runner_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

int confine(const struct hello_serve *serve, const char *name, struct error *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot ask to die with the host");
	if (getppid() != serve->host)
		return err_set(err, ERR_STATE, "the host is gone");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot give up gaining rights");
	if (getpgrp() != getpid() && setpgid(0, 0) < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot make a process group");
	prctl(PR_SET_NAME, name, 0, 0, 0);
	/* What the plugin prints shall come line by line, and belong to the run that printed it. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	return limits_apply(&serve->limits, serve->cgroup != 0, err);
}
