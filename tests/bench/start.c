/* Times whole processes: spawns the contestants in turn, round after round, on one core, and prints
 * for each the median and the smallest wall time, the median CPU time and the largest memory, as
 * JSON.
 *
 *   bench-start ROUNDS NAME COMMAND… [::: NAME COMMAND…]… */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONTESTANTS_MAX 16

extern char **environ;

struct contestant {
	const char *name;
	char **argv;
	double *us, *cpu_us;
	long max_rss_kb;
	int failures;
};

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static double micros(struct timeval t)
{
	return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run(struct contestant *c, int round, posix_spawn_file_actions_t *actions)
{
	struct rusage usage;
	int status = 0;
	pid_t pid;
	double start = now_us();

	if (posix_spawnp(&pid, c->argv[0], actions, NULL, c->argv, environ) != 0 ||
	    wait4(pid, &status, 0, &usage) != pid) {
		c->failures++;
		return;
	}
	c->us[round] = now_us() - start;
	c->cpu_us[round] = micros(usage.ru_utime) + micros(usage.ru_stime);
	if (usage.ru_maxrss > c->max_rss_kb)
		c->max_rss_kb = usage.ru_maxrss;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		c->failures++;
}

static void pin(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		perror("bench-start: sched_setaffinity");
}

static int parse(int argc, char **argv, struct contestant *c, int rounds)
{
	int n = 0;

	for (int i = 2; i < argc && n < CONTESTANTS_MAX; i++) {
		c[n].name = argv[i++];
		c[n].argv = &argv[i];
		c[n].us = calloc((size_t)rounds, sizeof(double));
		c[n].cpu_us = calloc((size_t)rounds, sizeof(double));
		while (i < argc && strcmp(argv[i], ":::") != 0)
			i++;
		if (i < argc)
			argv[i] = NULL;
		if (!c[n].us || !c[n].cpu_us || !c[n].argv[0])
			return -1;
		n++;
	}
	return n;
}

int main(int argc, char **argv)
{
	struct contestant c[CONTESTANTS_MAX] = {0};
	posix_spawn_file_actions_t quiet;
	int rounds = argc > 1 ? atoi(argv[1]) : 0, n, failed = 0;

	n = rounds > 0 ? parse(argc, argv, c, rounds) : -1;
	if (n <= 0) {
		fprintf(stderr, "usage: bench-start ROUNDS NAME COMMAND… [::: NAME COMMAND…]…\n");
		return 2;
	}
	pin();
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	if (!getenv("BENCH_SHOW_ERRORS"))
		posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++)
			run(&c[i], round, &quiet);
	printf("{");
	for (int i = 0; i < n; i++) {
		qsort(c[i].us, (size_t)rounds, sizeof(double), by_value);
		qsort(c[i].cpu_us, (size_t)rounds, sizeof(double), by_value);
		printf("%s\"%s\":{\"p50_us\":%.1f,\"min_us\":%.1f,\"cpu_us\":%.1f,\"max_rss_kb\":%"
		       "ld,"
		       "\"failures\":%d}",
		       i ? "," : "", c[i].name, c[i].us[rounds / 2], c[i].us[0],
		       c[i].cpu_us[rounds / 2], c[i].max_rss_kb, c[i].failures);
		failed += c[i].failures;
	}
	printf("}\n");
	return failed ? 1 : 0;
}
