/* Control groups (v2) for runners, where a subtree is delegated to us. */
#pragma once

#include "base/error.h"
#include "runners/runner_limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct cgroup;

/* Looks for a delegated subtree: our own group, if we may write it and it has the memory
 * controller. Our own processes then move into a group of their own below it, as the kernel
 * demands. Always gives an object; one that cannot be used says why. `root` is where groups are
 * mounted, `self` the text of /proc/self/cgroup; NULL means the machine's own. */
int cgroup_new(const char *root, const char *self, struct cgroup **ret, struct error *err);
void cgroup_free(struct cgroup *c); /* leaves the groups as they are */

/* Why not, when it cannot be used. NULL cannot. */
bool cgroup_usable(const struct cgroup *c, char *why, size_t size);

/* A group for a runner, with its limits, and the process in it. */
int cgroup_add(struct cgroup *c, pid_t pid, const struct runner_limits *limits, struct error *err);

/* Has the kernel killed in it for lack of memory? */
bool cgroup_oom_killed(const struct cgroup *c, pid_t pid);

/* Kills what is left in it and removes it. False when it is not empty yet: try again later. */
bool cgroup_remove(struct cgroup *c, pid_t pid);
