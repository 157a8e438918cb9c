/* A raw TCP ping-pong on loopback, as a yardstick of latency: both ends wait in epoll, as servers
 * and clients with an event loop do.
 *
 *   bench-pingpong SERVER_CPU CLIENT_CPU ROUNDS      prints the p50 and p99 in microseconds */
#include "base/clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define THERE 300 /* bytes, about a CreateTask and its frames */
#define BACK  200

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench-pingpong: %s\n", what);
	exit(1);
}

static void on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("cannot use that CPU");
}

static int watch(int fd)
{
	struct epoll_event e = {.events = EPOLLIN};
	int one = 1, epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		die("cannot wait for the socket");
	return epoll;
}

/* False at the end of the stream. */
static bool take(int epoll, int fd, size_t n)
{
	char bytes[THERE];

	while (n > 0) {
		struct epoll_event e;
		ssize_t got;

		if (epoll_wait(epoll, &e, 1, -1) < 0)
			die("cannot wait");
		got = read(fd, bytes, n);
		if (got <= 0)
			return false;
		n -= (size_t)got;
	}
	return true;
}

static void give(int fd, size_t n)
{
	static const char bytes[THERE];

	if (write(fd, bytes, n) != (ssize_t)n)
		die("cannot write");
}

static _Noreturn void serve(int listener, int cpu)
{
	int fd, epoll;

	on_cpu(cpu);
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		die("cannot accept");
	epoll = watch(fd);
	while (take(epoll, fd, THERE))
		give(fd, BACK);
	_exit(0);
}

static int by_value(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void ask(int fd, size_t rounds)
{
	int64_t *took = calloc(rounds, sizeof(*took));
	int epoll = watch(fd);

	if (!took)
		die("out of memory");
	for (size_t i = 0; i < rounds; i++) {
		int64_t began = clock_monotonic_ns();

		give(fd, THERE);
		if (!take(epoll, fd, BACK))
			die("the other end is gone");
		took[i] = clock_monotonic_ns() - began;
	}
	qsort(took, rounds, sizeof(*took), by_value);
	printf("%.1f %.1f\n", (double)took[rounds / 2] / 1e3,
	       (double)took[rounds * 99 / 100] / 1e3);
	free(took);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, status;
	size_t rounds = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	pid_t child;

	if (rounds == 0)
		die("usage: bench-pingpong SERVER_CPU CLIENT_CPU ROUNDS");
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, size) < 0 ||
	    listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&at, &size) < 0)
		die("cannot listen");
	child = fork();
	if (child == 0)
		serve(listener, atoi(argv[1]));
	on_cpu(atoi(argv[2]));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (child < 0 || fd < 0 || connect(fd, (struct sockaddr *)&at, size) < 0)
		die("cannot connect");
	ask(fd, rounds);
	close(fd);
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
