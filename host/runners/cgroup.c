#include "runners/cgroup.h"

#include "base/file.h"
#include "base/mem.h"
#include "runners/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CPU_PERIOD_US 100000u

struct cgroup {
	char *path;     /* of the subtree; NULL: none */
	char why[160];  /* it cannot be used; empty when it can */
	bool cpu, pids; /* controllers besides memory */
};

/* ---- files -------------------------------------------------------------------------------- */

static int read_in(const char *folder, const char *name, struct buf *out, struct error *err)
{
	_cleanup_(freep) char *path = path_join(folder, name);

	return path ? file_read(path, 1 << 16, out, err) : err_nomem(err, "a path");
}

/* Never creates: where the file is not, there is no control group. */
static int write_in(const char *folder, const char *name, const char *text, struct error *err)
{
	_cleanup_(freep) char *path = path_join(folder, name);
	_cleanup_(closep) int fd = -1;

	if (!path)
		return err_nomem(err, "a path");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot write \"%s\" to %s",
				     text, path);
	return 0;
}

static int write_number(const char *folder, const char *name, uint64_t n, struct error *err)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return write_in(folder, name, text, err);
}

/* Is `word` one of those in the file, separated by blanks? */
static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; at && (at = strstr(at, word)); at += n)
		if ((at == text || at[-1] == ' ') && strchr(" \n", at[n]))
			return true;
	return false;
}

/* ---- finding ------------------------------------------------------------------------------ */

static int no(struct cgroup *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int no(struct cgroup *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return -1;
}

static int find(struct cgroup *c, const char *root, const char *self)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	_cleanup_(buf_done) struct buf controllers = BUF_INIT;
	_cleanup_(buf_done) struct buf path = BUF_INIT;
	struct str group;

	if (!self && file_read("/proc/self/cgroup", 1 << 16, &text, NULL) == 0)
		self = text.data;
	group = cgroup_path(self);
	if (group.len == 0)
		return no(c, "there are no control groups of version 2");
	buf_printf(&path, "%s" STR_FMT, root ? root : "/sys/fs/cgroup", STR_ARG(group));
	if (path.failed)
		return no(c, "out of memory");
	if (read_in(path.data, "cgroup.controllers", &controllers, NULL) < 0)
		return no(c, "there are no control groups of version 2 at %.80s", path.data);
	if (!controllers.data || !has_word(controllers.data, "memory"))
		return no(c, "the memory controller is not delegated to %.80s", path.data);
	if (access(path.data, W_OK) < 0)
		return no(c, "%.80s is not ours to change", path.data);
	c->cpu = has_word(controllers.data, "cpu");
	c->pids = has_word(controllers.data, "pids");
	c->path = buf_take(&path, NULL);
	return c->path ? 0 : no(c, "out of memory");
}

/* A group with controllers for its children may have no processes itself. */
static int move_processes(struct cgroup *c)
{
	_cleanup_(freep) char *own = path_join(c->path, "host");
	_cleanup_(buf_done) struct buf pids = BUF_INIT;
	struct error err = ERROR_INIT;

	if (!own || (mkdir(own, 0755) < 0 && errno != EEXIST))
		return no(c, "cannot make a group below %.80s", c->path);
	if (read_in(c->path, "cgroup.procs", &pids, &err) < 0)
		return no(c, "%.150s", err.message);
	for (char *at = pids.data, *end; at && *at; at = end) {
		end = at + strcspn(at, "\n");
		if (*end)
			*end++ = '\0';
		/* One that has ended meanwhile is no harm. */
		if (*at && write_in(own, "cgroup.procs", at, &err) < 0 && err.code == ERR_DENIED)
			return no(c, "%.150s", err.message);
	}
	return 0;
}

static int enable(struct cgroup *c)
{
	struct error err = ERROR_INIT;

	if (write_in(c->path, "cgroup.subtree_control", "+memory", &err) < 0)
		return no(c, "%.150s", err.message);
	c->cpu = c->cpu && write_in(c->path, "cgroup.subtree_control", "+cpu", NULL) == 0;
	c->pids = c->pids && write_in(c->path, "cgroup.subtree_control", "+pids", NULL) == 0;
	return 0;
}

int cgroup_new(const char *root, const char *self, struct cgroup **ret, struct error *err)
{
	struct cgroup *c = calloc(1, sizeof(*c));

	if (!c)
		return err_nomem(err, "control groups");
	if (find(c, root, self) == 0 && move_processes(c) == 0)
		enable(c);
	*ret = c;
	return 0;
}

void cgroup_free(struct cgroup *c)
{
	if (!c)
		return;
	free(c->path);
	free(c);
}

bool cgroup_usable(const struct cgroup *c, char *why, size_t size)
{
	const char *text = c ? c->why : "control groups are not used";

	snprintf(why, size, "%s", text);
	return !text[0];
}

/* ---- groups of runners -------------------------------------------------------------------- */

static char *group_of(const struct cgroup *c, pid_t pid)
{
	char name[32];

	snprintf(name, sizeof(name), "runner-%d", pid);
	return path_join(c->path, name);
}

static int set_cpu(const char *group, uint64_t milli, struct error *err)
{
	char text[64];

	snprintf(text, sizeof(text), "%llu %u", (unsigned long long)milli * CPU_PERIOD_US / 1000,
		 CPU_PERIOD_US);
	return write_in(group, "cpu.max", text, err);
}

static int set_limits(const struct cgroup *c,
		      const char *group,
		      const struct runner_limits *l,
		      struct error *err)
{
	int r = 0;

	if (l->memory) {
		r = write_number(group, "memory.max", l->memory, err);
		write_number(group, "memory.swap.max", 0, NULL); /* not everywhere */
		write_number(group, "memory.oom.group", 1, NULL);
	}
	if (r == 0 && l->cpu_milli && c->cpu)
		r = set_cpu(group, l->cpu_milli, err);
	if (r == 0 && l->processes && c->pids)
		r = write_number(group, "pids.max", l->processes, err);
	return r;
}

int cgroup_add(struct cgroup *c, pid_t pid, const struct runner_limits *limits, struct error *err)
{
	_cleanup_(freep) char *group = group_of(c, pid);
	int r;

	if (!group)
		return err_nomem(err, "a control group");
	if (mkdir(group, 0755) < 0 && errno != EEXIST)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot make %s", group);
	r = set_limits(c, group, limits, err);
	if (r == 0)
		r = write_number(group, "cgroup.procs", (uint64_t)pid, err);
	if (r < 0)
		rmdir(group);
	return r;
}

bool cgroup_oom_killed(const struct cgroup *c, pid_t pid)
{
	_cleanup_(freep) char *group = group_of(c, pid);
	_cleanup_(buf_done) struct buf events = BUF_INIT;
	static const char key[] = "oom_kill ";
	const char *at;
	uint64_t n;

	if (!group || read_in(group, "memory.events", &events, NULL) < 0 || !events.data)
		return false;
	at = strncmp(events.data, key, strlen(key)) == 0 ? events.data
							 : strstr(events.data, "\noom_kill ");
	if (!at)
		return false;
	at += strlen(key) + (*at == '\n');
	return parse_u64((struct str){at, strcspn(at, "\n")}, &n) && n > 0;
}

bool cgroup_remove(struct cgroup *c, pid_t pid)
{
	_cleanup_(freep) char *group = group_of(c, pid);

	if (!group)
		return false;
	write_number(group, "cgroup.kill", 1, NULL);
	return rmdir(group) == 0 || errno == ENOENT;
}
