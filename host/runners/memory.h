/* Was it the kernel that killed for lack of memory? */
#pragma once

#include "base/str.h"

/* The path of a process's control group in the one hierarchy of v2, from the text of its
 * /proc/…/cgroup; NULL without. */
struct str cgroup_path(const char *self);

/* Has the kernel killed a process of this process's control group (v2) since that was made? `root`
 * is where cgroups are mounted, `self` the text of /proc/self/cgroup; NULL means the machine's own.
 */
bool memory_oom_killed(const char *root, const char *self);
