/* How many CPUs we may use. */
#pragma once

/* The CPU quota of our control group and those above it (version 2, or 1), in thousandths of a CPU;
 * 0 when there is none. `root` is "" for the real file system. */
long config_cpu_quota_milli(const char *root);

/* Whole CPUs: `usable`, or the quota when it is less, rounded up; at least 1. */
unsigned config_cpu_count(unsigned usable, long quota_milli);

/* CPUs that this process may be scheduled on. */
unsigned config_cpu_usable(void);
