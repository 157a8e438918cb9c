#include "cli/config_cpu.h"

#include "base/file.h"
#include "lib/test.h"

static const char *root(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", test_tmpdir(), name);
	return path;
}

static void put(const char *base, const char *name, const char *text)
{
	struct error err = ERROR_INIT;
	char path[700], *slash;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	CHECK_OK(dir_make(path, 0755, &err), err);
	*slash = '/';
	CHECK_OK(file_write_atomic(path, text, strlen(text), 0644, false, &err), err);
}

TEST(quota_of_the_group_itself)
{
	const char *r = root("v2");

	put(r, "proc/self/cgroup", "0::/system.slice/taskhost.service\n");
	put(r, "sys/fs/cgroup/system.slice/taskhost.service/cpu.max", "250000 100000\n");
	CHECK_INT(config_cpu_quota_milli(r), 2500);
}

TEST(least_quota_above_counts)
{
	const char *r = root("above");

	put(r, "proc/self/cgroup", "0::/a/b/c\n");
	put(r, "sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
	put(r, "sys/fs/cgroup/a/cpu.max", "150000 100000\n");
	put(r, "sys/fs/cgroup/cpu.max", "400000 100000\n");
	CHECK_INT(config_cpu_quota_milli(r), 1500);
}

TEST(root_of_a_container)
{
	const char *r = root("container");

	put(r, "proc/self/cgroup", "0::/\n");
	put(r, "sys/fs/cgroup/cpu.max", "50000 100000\n");
	CHECK_INT(config_cpu_quota_milli(r), 500);
	r = root("foreign");
	put(r, "proc/self/cgroup", "0::/kubepods/pod1/x\n");
	put(r, "sys/fs/cgroup/cpu.max", "300000 100000\n");
	CHECK_INT(config_cpu_quota_milli(r), 3000);
}

TEST(version_1)
{
	const char *r = root("v1");

	put(r, "proc/self/cgroup",
	    "12:cpuset:/x\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n0::/\n");
	put(r, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n");
	put(r, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
	CHECK_INT(config_cpu_quota_milli(r), 2000);
	put(r, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
	CHECK_INT(config_cpu_quota_milli(r), 0);
}

TEST(no_quota)
{
	const char *r = root("none");

	CHECK_INT(config_cpu_quota_milli(r), 0);
	put(r, "proc/self/cgroup", "0::/a\ngarbage\n3:cpu\n");
	CHECK_INT(config_cpu_quota_milli(r), 0);
	put(r, "sys/fs/cgroup/a/cpu.max", "max 100000\n");
	CHECK_INT(config_cpu_quota_milli(r), 0);
	put(r, "sys/fs/cgroup/a/cpu.max", "0 0\n");
	CHECK_INT(config_cpu_quota_milli(r), 0);
}

TEST(whole_cpus)
{
	CHECK_INT(config_cpu_count(8, 0), 8);
	CHECK_INT(config_cpu_count(8, 2500), 3);
	CHECK_INT(config_cpu_count(8, 2000), 2);
	CHECK_INT(config_cpu_count(2, 64000), 2);
	CHECK_INT(config_cpu_count(8, 1), 1);
	CHECK_INT(config_cpu_count(0, 0), 1);
	CHECK(config_cpu_usable() >= 1);
}
