/* One file as the registry knows it. Inside the layer only. */
#pragma once

#include "registry/registry.h"

/* Inspects the file; what is wrong with it becomes the entry's state and reason. `cache` is the
 * scan's; NULL is the quick way, which keeps the file's bytes for a load and leaves missing
 * libraries and symbols to dlopen, and the tasks' notes to registry_task_note. Fails only when out
 * of memory. */
int registry_entry_new(const char *path,
		       const struct verify_policy *policy,
		       struct library_cache *cache,
		       struct registry_entry **ret,
		       struct error *err);
void registry_entry_free(struct registry_entry *e);

/* Replaces state and reason. `reason` may be NULL. */
int registry_entry_set(struct registry_entry *e,
		       enum plugin_state state,
		       const char *reason,
		       struct error *err);

/* Active, with what a person should know as the reason. */
int registry_entry_activate(struct registry_entry *e, struct error *err);

/* registry_scan that leaves entries found without a scan alone, as someone may hold them. */
int registry_rescan(struct registry *r, struct error *err);

/* Fills the maps from the active entries, in order: the first wins. */
int registry_settle_claims(struct registry *r, struct error *err);

/* The offer of that name, task or executor; NULL when there is none. */
const struct note_offer *registry_offer(const struct registry_entry *e, struct str name);
