#include "lib/test.h"

#include "base/mem.h"
#include "runners/runner_limits.h"

TEST(kubernetes_quantities)
{
	struct error err = ERROR_INIT;
	uint64_t n;

	CHECK_OK(limits_memory(STR("512Mi"), &n, &err), err);
	CHECK_INT(n, 512 << 20);
	CHECK_OK(limits_memory(STR("1.5G"), &n, &err), err);
	CHECK_INT(n, 1500000000);
	CHECK_OK(limits_memory(STR("1001m"), &n, &err), err);
	CHECK_INT(n, 2); /* bytes, rounded up */
	CHECK_OK(limits_memory(STR(""), &n, &err), err);
	CHECK_INT(n, 0);
	CHECK_OK(limits_cpu(STR("1500m"), &n, &err), err);
	CHECK_INT(n, 1500);
	CHECK_OK(limits_cpu(STR("2"), &n, &err), err);
	CHECK_INT(n, 2000);
	CHECK_OK(limits_cpu(STR("0"), &n, &err), err); /* none */
	CHECK_INT(n, 0);
	n = 7;
	CHECK_OK(limits_memory(STR("0Mi"), &n, &err), err);
	CHECK_INT(n, 0);
}

TEST(bad_quantities)
{
	struct error err = ERROR_INIT;
	uint64_t n = 7;

	CHECK_ERR(limits_memory(STR("lots"), &n, &err), ERR_INVALID, err,
		  "\"lots\" is no amount of memory: write it as \"512Mi\"");
	CHECK_ERR(limits_memory(STR("-1Gi"), &n, &err), ERR_INVALID, err, "no amount of memory");
	CHECK_ERR(limits_memory(STR("9e18"), &n, &err), ERR_INVALID, err, "no amount of memory");
	CHECK_ERR(limits_cpu(STR("-1"), &n, &err), ERR_INVALID, err, "no amount of CPU");
	CHECK_INT(n, 7);
}

TEST(what_is_in_force)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct limits_in_force l = {.memory_by = LIMIT_NONE};

	limits_describe(&l, &text);
	CHECK_STR(text.data, "none");
	buf_clear(&text);
	l.limits =
		(struct runner_limits){.memory = 512 << 20, .cpu_seconds = 60, .open_files = 256};
	l.memory_by = LIMIT_RLIMIT;
	limits_describe(&l, &text);
	CHECK_STR(text.data, "memory 512 MiB (rlimit), CPU time 60 s, open files 256");
	buf_clear(&text);
	l.limits = (struct runner_limits){.memory = 3 << 19, .cpu_milli = 1500, .processes = 9};
	l.memory_by = l.cpu_by = LIMIT_CGROUP;
	limits_describe(&l, &text);
	CHECK_STR(text.data, "memory 1.5 MiB (cgroup), CPUs 1.5 (cgroup), processes 9");
}
