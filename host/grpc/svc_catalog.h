/* What the worker offers to Flyte: which plugin takes which task type. The services see it through a
 * table of functions that is filled in where the worker is put together. [loop] */
#pragma once

#include "base/error.h"
#include "base/str.h"

/* One version of a task type. */
struct agent_type {
	struct str type;
	int32_t version;
	struct str plugin;   /* "echo" */
	struct str executor; /* "echo.Echo"; the name of the connector */
	bool sync;           /* offered as a sync connector */
	bool pending;        /* its executor is asynchronous: a run holds no slot of the host */
	int priority;        /* 0 to 9; 9 first */
	int64_t sync_ns;     /* most time of a sync call; 0: none */
	/* As in dispatch_request: 0 means what dispatch is configured to, negative none. */
	int64_t queue_ttl_ns, soft_ns, hard_ns;
};

struct agent_catalog {
	/* Who takes this version of a type. ERR_NOT_FOUND: nobody. ERR_DENIED: the configuration
	 * does not allow it. ERR_STATE: not now (plugins are being loaded, it is disabled). The spans
	 * are good until the loop turns. */
	int (*find)(void *user,
		    struct str type,
		    int32_t version,
		    struct agent_type *ret,
		    struct error *err);
	/* Calls `each` for everything that `find` would find, in any order. */
	void (*list)(void *user,
		     void (*each)(void *context, const struct agent_type *type),
		     void *context);
	void *user;
};
