/* Dispatch on a virtual clock, called by a test in the order it wants: the calls wait for their
 * answers. All runs follow one script. A broken law ends the test. */
#pragma once

#include "lib/test.h"
#include "sim/world.h"

struct trial {
	struct world w;
	enum script script;   /* what runs do */
	int64_t takes;        /* how long, ns */
	int answered;         /* calls, so far */
	char text[8193];      /* of the last answer: its message, or a sync call's code */
	char outputs[100000]; /* of the last sync call */
};

extern struct trial trial;

/* A new world with one process in it; the one before is put away. */
void trial_begin(void);
/* Time goes by, and what is due happens. */
void trial_pass(int64_t ns);

/* One for plugin arith, without a key. */
struct dispatch_request trial_request(void);
int trial_create(const struct dispatch_request *r, struct dispatch_created *c);
struct dispatch_answer trial_get(const struct dispatch_created *c);
struct dispatch_answer trial_get_meta(struct str meta);
int trial_delete(struct str meta, struct dispatch_delete *del);
/* Of a run that follows this script, four seconds after it was created. */
struct dispatch_answer trial_outcome(enum script s, const char *prefix);
/* A resource_meta that is ours, of an execution that no store knows. */
struct str trial_lost_meta(const char *prefix);

/* The same with that number, as another worker with the same key may give it out. */
struct str trial_others_meta(uint64_t id, const char *prefix);

/* They count in `answered`; for calls that the test makes itself. */
void trial_on_created(struct dispatch_created *c);
void trial_on_got(struct dispatch_get *g);
void trial_on_deleted(struct dispatch_delete *del);
