/* grpc.health.v1.Health: whether the server and each of its services can do their work, as their
 * owners say. Check, List, and Watch, which tells of changes. [loop] */
#pragma once

#include "grpc/engine.h"

struct health;

/* The numbers of the protocol. */
enum health_status {
	HEALTH_UNKNOWN = 0,
	HEALTH_SERVING = 1,
	HEALTH_NOT_SERVING = 2,
	HEALTH_SERVICE_UNKNOWN = 3, /* only told to watchers of a name that nobody has set */
};

/* Adds the service to the engine. The server as a whole, "", and the service itself are SERVING. */
int health_new(struct grpc_engine *e, struct health **ret, struct error *err);

/* After the engine is gone. */
void health_free(struct health *h);

/* "" is the whole server. Watchers are told when it changed. */
int health_set(struct health *h, const char *service, enum health_status status, struct error *err);

/* Everything is NOT_SERVING from here on, and watches end, so that connections can. */
void health_shutdown(struct health *h);
