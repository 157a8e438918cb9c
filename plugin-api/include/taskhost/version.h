/* taskhost plugin ABI: version and the one predicate that decides compatibility.
 *
 * major: something that was there changed or went. A host refuses a plugin of a newer major.
 * minor: something was added, always at the end of a struct or as a new extension. A plugin built
 *        against any minor of the same major runs on any host of that major: whoever is newer
 *        looks at `struct_size` before using what the other side may not have. */
#ifndef TASKHOST_VERSION_H
#define TASKHOST_VERSION_H

#define TH_ABI_MAJOR 1u
#define TH_ABI_MINOR 0u

/* Nonzero when a host of ABI (host_major, any minor) can run a plugin of plugin_major. */
#define TH_ABI_COMPATIBLE(host_major, plugin_major) ((host_major) == (plugin_major))

#endif
