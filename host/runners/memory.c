#include "runners/memory.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

struct str cgroup_path(const char *self)
{
	const char *line = self;

	while (line && strncmp(line, "0::", 3) != 0) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return STR_NULL;
	return (struct str){line + 3, strcspn(line + 3, "\n")};
}

/* The number after "oom_kill " at the start of a line. */
static bool says_killed(const char *events)
{
	static const char key[] = "oom_kill ";

	for (const char *line = events; line; line = strchr(line, '\n')) {
		uint64_t n;

		line += *line == '\n';
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		line += strlen(key);
		return parse_u64((struct str){line, strcspn(line, "\n")}, &n) && n > 0;
	}
	return false;
}

bool memory_oom_killed(const char *root, const char *self)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	_cleanup_(buf_done) struct buf path = BUF_INIT;
	_cleanup_(buf_done) struct buf events = BUF_INIT;
	struct str group;

	if (!self && file_read("/proc/self/cgroup", 1 << 16, &text, NULL) == 0)
		self = text.data;
	group = cgroup_path(self);
	if (group.len == 0)
		return false;
	buf_printf(&path, "%s" STR_FMT "/memory.events", root ? root : "/sys/fs/cgroup",
		   STR_ARG(group));
	if (path.failed || file_read(path.data, 1 << 16, &events, NULL) < 0)
		return false;
	return events.data && says_killed(events.data);
}
