/* The child's side of a probe. Inside the layer only. */
#pragma once

#include "registry/registry.h"

/* Runs every step and writes one record for each to `fd`:
 *
 *   S<step>      a step begins        T<task>      a task the resolvers list
 *   X<n> <name>  an executor and its max_inflight
 *   F<reason>    it failed; the end   K            all went well; the end
 *
 * each ended by a NUL. Runs the plugin's code, so anything may happen, also in between. */
void probe_child(const char *path,
		 const struct verify_policy *policy,
		 const struct host_extension *extensions,
		 int64_t timeout_ns,
		 int fd);
