/* On a tree of plain files that looks like a delegated group; the kernel's part is not there. */
#include "lib/test.h"

#include "base/file.h"
#include "base/mem.h"
#include "runners/cgroup.h"

#include <sys/stat.h>
#include <unistd.h>

static char root[300];

static const char *at(const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void make(const char *name, const char *text)
{
	struct error err = ERROR_INIT;

	CHECK_OK(file_write_atomic(at(name), text, strlen(text), 0600, false, &err), err);
}

static void make_dir(const char *name)
{
	struct error err = ERROR_INIT;

	CHECK_OK(dir_make(at(name), 0700, &err), err);
}

static void make_tree(const char *controllers)
{
	static unsigned n;

	snprintf(root, sizeof(root), "%s/cg%u", test_tmpdir(), n++);
	make_dir("unit/host");
	make_dir("unit/runner-77");
	make("unit/cgroup.controllers", controllers);
	make("unit/cgroup.subtree_control", "");
	make("unit/cgroup.procs", "41\n42\n");
	make("unit/host/cgroup.procs", "");
	make("unit/runner-77/memory.max", "max\n");
	make("unit/runner-77/memory.swap.max", "max\n");
	make("unit/runner-77/memory.oom.group", "0\n");
	make("unit/runner-77/memory.events", "low 0\noom 1\noom_kill 2\n");
	make("unit/runner-77/cpu.max", "max 100000\n");
	make("unit/runner-77/pids.max", "max\n");
	make("unit/runner-77/cgroup.procs", "");
	make("unit/runner-77/cgroup.kill", "");
}

static void expect(const char *name, const char *text)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(file_read(at(name), 1000, &b, &err), err);
	if (strncmp(b.data, text, strlen(text)) != 0)
		test_fail(__FILE__, __LINE__, "%s is \"%s\"", name, b.data);
}

static struct cgroup *open_tree(void)
{
	struct error err = ERROR_INIT;
	struct cgroup *c;

	CHECK_OK(cgroup_new(root, "1:name=x:/\n0::/unit\n", &c, &err), err);
	return c;
}

TEST(a_delegated_group_is_used)
{
	struct runner_limits l = {.memory = 1 << 30, .cpu_milli = 1500, .processes = 50};
	struct error err = ERROR_INIT;
	struct cgroup *c;
	char why[160];

	make_tree("cpuset cpu io memory pids\n");
	c = open_tree();
	CHECK(cgroup_usable(c, why, sizeof(why)));
	expect("unit/host/cgroup.procs", "42");
	expect("unit/cgroup.subtree_control", "+pids");
	CHECK_OK(cgroup_add(c, 77, &l, &err), err);
	expect("unit/runner-77/memory.max", "1073741824");
	expect("unit/runner-77/memory.swap.max", "0");
	expect("unit/runner-77/memory.oom.group", "1");
	expect("unit/runner-77/cpu.max", "150000 100000");
	expect("unit/runner-77/pids.max", "50");
	expect("unit/runner-77/cgroup.procs", "77");
	CHECK(cgroup_oom_killed(c, 77));
	CHECK(!cgroup_remove(c, 77)); /* it holds files here */
	expect("unit/runner-77/cgroup.kill", "1");
	make("unit/runner-77/memory.events", "oom_kill 0\n");
	CHECK(!cgroup_oom_killed(c, 77));
	cgroup_free(c);
}

static void cannot(const char *words)
{
	struct cgroup *c = open_tree();
	char why[160];

	CHECK(!cgroup_usable(c, why, sizeof(why)));
	if (!strstr(why, words))
		test_fail(__FILE__, __LINE__, "why is \"%s\"", why);
	cgroup_free(c);
}

TEST(what_cannot_be_used_says_why)
{
	struct error err = ERROR_INIT;
	struct cgroup *c;
	char why[160];

	make_tree("cpu memory.x xmemory pids\n");
	cannot("the memory controller is not delegated");
	make_tree("memory\n");
	CHECK_INT(unlink(at("unit/cgroup.controllers")), 0);
	cannot("no control groups of version 2 at");
	make_tree("memory\n");
	CHECK_INT(unlink(at("unit/cgroup.subtree_control")), 0);
	cannot("cannot write \"+memory\"");
	CHECK_OK(cgroup_new(root, "1:memory:/x\n", &c, &err), err);
	CHECK(!cgroup_usable(c, why, sizeof(why)));
	CHECK_STR(why, "there are no control groups of version 2");
	cgroup_free(c);
	CHECK(!cgroup_usable(NULL, why, sizeof(why)));
}

TEST(a_group_that_takes_no_limit_is_no_group)
{
	struct runner_limits l = {.memory = 1 << 30};
	struct error err = ERROR_INIT;
	struct cgroup *c;

	make_tree("memory\n");
	CHECK_INT(unlink(at("unit/runner-77/memory.max")), 0);
	c = open_tree();
	CHECK_ERR(cgroup_add(c, 77, &l, &err), ERR_NOT_FOUND, err, "memory.max");
	cgroup_free(c);
}
