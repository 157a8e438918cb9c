#include "cli/pid1.h"

#include "lib/test.h"
#include "loop/watch.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct loop *l;
static struct pid1 *p;
static struct error err;

static void start(void)
{
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	CHECK_OK(loop_new(&l, &err), err);
	CHECK_OK(pid1_new(l, &p, &err), err);
}

static void finish(void)
{
	pid1_free(p);
	CHECK_OK(loop_close(l, &err), err);
}

static void turn_until_buried(unsigned long n)
{
	int64_t end = loop_now_ns() + INT64_C(20000000000);

	while (pid1_buried(p) < n) {
		CHECK(loop_now_ns() < end);
		loop_run_once(l, INT64_C(50000000));
	}
}

static bool has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* A child that leaves `n` orphans, which end a little later. */
static void leave_orphans(int n)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < n; i++) {
			if (fork() == 0) {
				usleep(20000);
				_exit(3);
			}
		}
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
}

TEST(orphans_are_buried)
{
	start();
	leave_orphans(5);
	turn_until_buried(5);
	CHECK(!has_children());
	finish();
}

TEST(many_orphans_are_buried)
{
	start();
	leave_orphans(400); /* more than one look holds */
	turn_until_buried(400);
	CHECK(!has_children());
	finish();
}

TEST(orphans_that_were_there_before_are_buried)
{
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	leave_orphans(2);
	usleep(100000);
	start();
	turn_until_buried(2);
	finish();
}

struct mine {
	int ended, status;
};

static void on_ended(void *user, const struct child_end *end)
{
	struct mine *m = user;

	m->ended++;
	m->status = end->status;
}

TEST(children_of_others_are_left_to_them)
{
	struct mine mine[20] = {0};
	struct child_watch *w;
	int ended = 0;

	start();
	leave_orphans(3);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			usleep((useconds_t)(i * 100000));
			_exit(i);
		}
		CHECK_OK(child_watch_new(l, pid, on_ended, &mine[i], &w, &err), err);
	}
	/* The loop is stuck for longer than the second between two looks, at the worst moment. */
	loop_run_once(l, INT64_C(10000000));
	usleep(1500000);
	for (int64_t end = loop_now_ns() + INT64_C(20000000000); ended < 20;) {
		CHECK(loop_now_ns() < end);
		loop_run_once(l, INT64_C(50000000));
		ended = 0;
		for (int i = 0; i < 20; i++)
			ended += mine[i].ended;
	}
	for (int i = 0; i < 20; i++)
		CHECK(WIFEXITED(mine[i].status) && WEXITSTATUS(mine[i].status) == i);
	turn_until_buried(3);
	CHECK_INT(pid1_buried(p), 3);
	finish();
}

TEST(we_are_not_process_1)
{
	CHECK(!pid1_needed());
}
