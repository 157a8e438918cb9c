/* Clients of dispatch that do as they please: they create, ask, delete, call again and forget, and
 * hold every answer against what they were told before. */
#pragma once

#include "sim/world.h"

#define SIM_CLIENTS 14
#define SIM_KEYS    5

struct sim_client {
	struct world *w;
	struct sim *sim;
	bool creating, getting, deleting, syncing, acked, wants_other;
	uint32_t epoch; /* of the calls in flight */
	struct dispatch_created created;
	struct dispatch_get get;
	struct dispatch_delete del;
	struct dispatch_sync sync;
	struct dispatch_request request;
	const char *scheme;
	char prefix[32];
	uint64_t id;
	char meta[META_MAX + 1];
	size_t meta_len;
};

/* What was told about one execution. */
struct sim_told {
	uint64_t id;
	int rank;
	bool finished;
	enum task_phase phase;
	char code[64];
	uint64_t outputs;
};

struct sim {
	struct world w;
	struct sim_client clients[SIM_CLIENTS];
	struct sim_told told[256];
	size_t n_told;
	struct {
		char meta[META_MAX + 1];
		struct str spec;
	} keys[SIM_KEYS];
	size_t kill_at, drain_at, n_prefixes;
};

/* A client of a random kind, which acts from now on. */
void sim_client_init(struct sim *s, struct sim_client *c);
/* What was told about an execution so far; made when it is new. */
struct sim_told *sim_told_of(struct sim *s, uint64_t id);
