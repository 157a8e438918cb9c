/* What th_lit is: a view of a value, with what was worked out about it so far. Handles live in the
 * arena of their home (an execution or a model) and are read by any thread. */
#pragma once

#include "base/mem.h"
#include "flyte/value.h"

#include <taskhost/plugin-api.h>

#include <pthread.h>
#include <stdatomic.h>

/* Where handles and all they hand out live. */
struct lit_home {
	struct arena arena; /* under the lock while plugins run */
	pthread_mutex_t lock;
};

struct lit_cache;

struct th_lit {
	struct value value;
	struct lit_home *home;
	_Atomic(struct lit_cache *) cache; /* made when something has to be kept */
};

void lit_home_init(struct lit_home *home);
void lit_home_done(struct lit_home *home);

/* From the home's arena, under its lock; NULL when out of memory. */
void *lit_home_alloc(struct lit_home *home, size_t size, size_t align);

/* NUL-terminated copy in the home; ptr is NULL when out of memory. */
th_str lit_home_text(struct lit_home *home, struct str s);

void lit_init(struct th_lit *lit, struct lit_home *home, struct value value);

/* The literal behind a handle, looking through unions; NULL for a value inside a struct or msgpack,
 * and for an unset one. */
const Literal *lit_literal(const struct th_lit *lit);

/* A literal for what the handle shows, for passing it on as an output: the literal itself, or for a
 * value inside a struct or msgpack a new one in the home. */
th_status lit_to_literal(const struct th_lit *lit, const Literal **ret);

/* JSON text as th_literal_api.as_json gives it, not cached. */
int lit_value_json(struct value v, struct buf *out, struct error *err);

static inline th_str th_of(struct str s)
{
	return (th_str){s.ptr ? s.ptr : "", s.len};
}

static inline struct str str_of_th(th_str s)
{
	return (struct str){s.len ? s.ptr : "", s.len};
}

static inline th_str th_z(const char *z)
{
	return th_s(z ? z : "");
}
