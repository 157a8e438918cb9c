/* Task types that tools/bench measures the worker with: one that does nothing, one that lasts, one
 * that dies and one that tells when it ran. The last two write CLOCK_MONOTONIC, in ns, to the file
 * that their input "file" names. */
#include <taskhost/author.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

TH_PLUGIN("bench_tasks", "1.0.0", "Task types to measure a worker with");

static th_status stamp(const th_run *run)
{
	struct timespec now;
	char path[4096];
	th_str name;
	FILE *to;
	int bad;

	if (TH_LIT->as_str(th_input(run, "file"), &name) != TH_OK || name.len >= sizeof(path))
		return th_fail(run, "USER:ValueError", "the input \"file\" is no path");
	memcpy(path, name.ptr, name.len);
	path[name.len] = '\0';
	to = fopen(path, "w");
	if (!to)
		return th_fail(run, "USER:OSError", "cannot write the file");
	clock_gettime(CLOCK_MONOTONIC, &now);
	bad = fprintf(to, "%lld\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec) < 0;
	bad |= fclose(to) != 0;
	return bad ? th_fail(run, "USER:OSError", "cannot write the file") : TH_OK;
}

TH_EXECUTOR(Nothing,
	    "Does nothing",
	    TH_TASK_TYPE("bench_nothing") TH_SYNC_TASK_TYPE("bench_nothing_sync"))
{
	(void)run;
	return TH_OK;
}

TH_EXECUTOR(Last, "Lasts until it is killed", TH_TASK_TYPE("bench_last"))
{
	while (pause() < 0)
		continue;
	return th_fail(run, "SYSTEM:Woken", "nothing should end it but a signal");
}

TH_EXECUTOR(Stamp, "Tells when it ran", TH_SYNC_TASK_TYPE("bench_stamp"))
{
	return stamp(run);
}

TH_EXECUTOR(Die, "Dies 30 ms after it began", TH_TASK_TYPE("bench_die"))
{
	th_status st;

	nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
	st = stamp(run);
	if (st != TH_OK)
		return st;
	raise(SIGKILL);
	return th_fail(run, "SYSTEM:Alive", "SIGKILL did not end the process");
}
