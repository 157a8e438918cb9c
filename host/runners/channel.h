/* The shared memory between the host and one runner: what lies where, and the descriptors that go
 * with it.
 *
 *   header | run words | slab words | ring to the runner | ring to the host | crash | slabs
 *
 * It is one sealed memfd: neither side can shrink it under the other. Layout and sizes are the
 * host's choice; the host never reads them back. */
#pragma once

#include "runners/crash.h"
#include "runners/once.h"
#include "runners/ring.h"
#include "runners/slab.h"

#include <stdatomic.h>

/* ---- words of a run ---------------------------------------------------------------------- */

/* Who has a submitted run. The host writes QUEUED; the runner takes it, or the host takes it back,
 * whoever is first. The run's id is in the word, so that a late look at a slot that is somebody
 * else's by now finds out. */
enum claim { CLAIM_NONE = 0, CLAIM_QUEUED = 1, CLAIM_TAKEN = 2, CLAIM_BACK = 3 };

struct run_word {
	_Atomic uint64_t claim;  /* id * 4 + enum claim */
	_Atomic uint32_t cancel; /* reason, or 0 */
	uint32_t unused;
};

static inline uint64_t claim_word(uint64_t run, enum claim c)
{
	return run << 2 | c;
}

/* ---- the whole --------------------------------------------------------------------------- */

struct channel_header {
	_Atomic uint32_t stop;      /* the host: finish what you have and end */
	_Atomic uint32_t canceller; /* futex: counts the cancels, see runner_main.c */
	struct once_child about;    /* what the runner does, for the report of a crash */
};

struct channel_size {
	uint32_t ring_bytes; /* of each direction */
	uint32_t slots;      /* runs at a time */
};

struct channel {
	struct channel_size size;
	size_t mapped;
	struct channel_header *header;
	struct run_word *words;
	struct crash_record *crash;
	struct slab_area to_runner_slabs, to_host_slabs;
	struct ring_shared *to_runner, *to_host;
	int memory;    /* memfd; -1 once it has been given away */
	int wake;      /* eventfd, host to runner */
	int completed; /* eventfd, runner to host */
};

#define CHANNEL_SLOTS_MAX 65536u

/* Fresh memory and descriptors; what is used all the time has been touched. */
int channel_new(const struct channel_size *size, struct channel *ret, struct error *err);

/* Maps what channel_new of the other side made. Takes the descriptors over, also on failure. */
int channel_open(const struct channel_size *size,
		 int memory,
		 int wake,
		 int completed,
		 struct channel *ret,
		 struct error *err);
void channel_done(struct channel *c); /* zeroed or done before is fine */

/* A touch on one of the eventfds; never blocks. */
void channel_kick(int eventfd);

/* Empties an eventfd. False when it was empty. */
bool channel_unkick(int eventfd);
