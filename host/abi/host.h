/* The th_host table and what it hands out: error slots, sinks, counted allocations. Execution
 * handles (th_exec) belong to whoever runs executions and come in through host_exec_ops. */
#pragma once

#include "abi/load.h"

#include <pthread.h>
#include <stdatomic.h>

/* Error slot of one call. */
struct th_errout_h {
	bool set;
	th_status cls;
	bool recoverable;
	char code[256];
	char message[ERR_MESSAGE_MAX];
};

/* th_errout and th_sink are these, cast. */
static inline th_errout *errout_handle(struct th_errout_h *e)
{
	return (th_errout *)(void *)e;
}

struct sink {
	struct arena *arena;
	th_str *items; /* each NUL-terminated, in the arena */
	size_t n, cap;
	bool failed; /* out of memory */
};

static inline th_sink *sink_handle(struct sink *s)
{
	return (th_sink *)(void *)s;
}

void sink_done(struct sink *s); /* frees the array; the strings are the arena's */

/* What th_host needs of executions; the layer that runs them fills it. */
struct host_exec_ops {
	void *(*arena_alloc)(th_exec *exec, size_t size, size_t align);
	th_errout *(*exec_error)(th_exec *exec);
	void (*exec_complete)(th_exec *exec, th_status status);
};

/* One host table for one plugin: allocations are counted in it. */
struct host {
	th_host table;
	const struct host_extension *extensions;
	_Atomic size_t allocated;    /* bytes now */
	size_t quota;                /* most bytes; 0: no limit */
	_Atomic unsigned misbehaved; /* calls that broke a rule (a second free, …) */
	/* Set after host_init, before the plugin can allocate; may stay NULL. Called on the thread
	 * that asked, with no lock held, each time memory is refused: quota or out of memory. */
	void (*refused)(void *ctx);
	void *refused_ctx;
	pthread_mutex_t lock; /* over the rest: the live blocks, as a hash set */
	uintptr_t *blocks;
	size_t n_blocks, used_slots, n_slots;
};

/* `ops` may be NULL where nothing is executed (probing): those functions then fail politely. */
void host_init(struct host *h,
	       const struct host_extension *extensions,
	       const struct host_exec_ops *ops,
	       size_t quota);

/* Forgets which blocks are live. The plugin must not be called any more; what it did not free stays
 * allocated, for it may still point there. */
void host_done(struct host *h);

/* th_host.alloc and th_host.free. */
void *host_alloc(const th_host *host, size_t size, size_t align);
void host_free(const th_host *host, void *ptr);

/* The error of a plugin call as ours: code and words, or a default that names `what`. */
int host_status_error(th_status st,
		      const struct th_errout_h *slot,
		      const char *what,
		      struct error *err);
const char *th_status_name(th_status st);
