/* flytekit's four metrics of a connector, by their names and labels. [loop] */
#pragma once

#include "base/metrics.h"
#include "grpc/status.h"

#include <stdint.h>

enum agent_operation { AGENT_CREATE, AGENT_GET, AGENT_DELETE, AGENT_DO, AGENT_OPERATIONS };

struct agent_stats;

int agent_stats_new(struct metrics *m, struct agent_stats **ret, struct error *err);
void agent_stats_free(struct agent_stats *s); /* the metrics stay */

/* A type that is offered gets its series now, so that names made up by clients cannot take their
 * place. Without memory it is counted among the others. */
void agent_stats_know(struct agent_stats *s, struct str type);

/* One call that was answered. */
void agent_stats_count(struct agent_stats *s,
		       struct str type,
		       enum agent_operation op,
		       enum grpc_status status,
		       int64_t took_ns);
void agent_stats_inputs(struct agent_stats *s, struct str type, size_t bytes);
