#include "cli/config_cpu.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX 65536

static bool read_text(const char *path, struct buf *out)
{
	return file_read(path, FILE_MAX, out, NULL) == 0 && out->len > 0;
}

/* "50000 100000" or "max 100000"; 0 when it sets no limit. */
static long parse_v2(const char *text)
{
	char *end;
	long quota = strtol(text, &end, 10), period = strtol(end, NULL, 10);

	return quota > 0 && period > 0 ? quota * 1000 / period : 0;
}

static long read_v2(const char *dir)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	char path[600];

	snprintf(path, sizeof(path), "%s/cpu.max", dir);
	return read_text(path, &text) ? parse_v2(text.data) : 0;
}

static long read_v1(const char *dir)
{
	_cleanup_(buf_done) struct buf quota = BUF_INIT, period = BUF_INIT;
	char path[600];
	long q, p;

	snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", dir);
	if (!read_text(path, &quota))
		return 0;
	snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", dir);
	if (!read_text(path, &period))
		return 0;
	q = strtol(quota.data, NULL, 10);
	p = strtol(period.data, NULL, 10);
	return q > 0 && p > 0 ? q * 1000 / p : 0;
}

/* The least of the group and all above it: each of them holds us back. Inside a container the path
 * may be one of the host's; what is missing sets no limit, and the mount's root is the container's
 * own group. */
static long least(const char *mount, const char *group, long (*read)(const char *dir))
{
	char dir[512];
	long found = 0;
	size_t end;

	snprintf(dir, sizeof(dir), "%s%s", mount, group);
	end = strlen(dir);
	for (;;) {
		long one;

		while (end > strlen(mount) && dir[end - 1] == '/')
			end--;
		dir[end] = '\0';
		one = read(dir);
		if (one > 0 && (found == 0 || one < found))
			found = one;
		if (end <= strlen(mount))
			return found;
		while (end > strlen(mount) && dir[end - 1] != '/')
			end--;
	}
}

/* One line of /proc/self/cgroup: "0::/path", or "4:cpu,cpuacct:/path". */
static long read_line(const char *root, char *line)
{
	char *controllers = strchr(line, ':'),
	     *group = controllers ? strchr(controllers + 1, ':') : NULL;
	char mount[256];

	if (!group)
		return 0;
	*group++ = '\0';
	controllers++;
	if (!*controllers) {
		snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup", root);
		return least(mount, group, read_v2);
	}
	for (const char *c = controllers; c; c = strchr(c, ',') ? strchr(c, ',') + 1 : NULL) {
		if (strcspn(c, ",") != 3 || strncmp(c, "cpu", 3) != 0)
			continue;
		snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup/%.100s", root, controllers);
		return least(mount, group, read_v1);
	}
	return 0;
}

long config_cpu_quota_milli(const char *root)
{
	_cleanup_(buf_done) struct buf groups = BUF_INIT;
	char path[256], *next = NULL;
	long found = 0;

	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	if (!read_text(path, &groups))
		return 0;
	for (char *line = strtok_r(groups.data, "\n", &next); line;
	     line = strtok_r(NULL, "\n", &next)) {
		long one = read_line(root, line);

		if (one > 0 && (found == 0 || one < found))
			found = one;
	}
	return found;
}

unsigned config_cpu_count(unsigned usable, long quota_milli)
{
	unsigned allowed = quota_milli > 0 ? (unsigned)((quota_milli + 999) / 1000) : usable;

	return MAX(MIN(usable, allowed), 1u);
}

unsigned config_cpu_usable(void)
{
	cpu_set_t set;
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	/* A set for 1024 CPUs; beyond that the kernel refuses, and the count of those on-line is
	 * near enough. */
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	return online > 0 ? (unsigned)online : 1;
}
