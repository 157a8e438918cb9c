#include "lib/idle_runners.h"

#include "base/clock.h"

static int start(void *user, const struct dispatch_run *run, struct error *err)
{
	struct idle_runners *r = user;

	r->n_started++;
	if (r->hang)
		return 0;
	if (r->n == IDLE_RUNS)
		return err_set(err, ERR_LIMIT, "there are %d runs already", IDLE_RUNS);
	r->runs[r->n].id = run->id;
	r->runs[r->n++].run = run->run;
	return 0;
}

static void stop(void *user, uint64_t id, uint32_t run, enum stop_how how)
{
	(void)user;
	(void)id;
	(void)run;
	(void)how;
}

static int64_t now(void *user)
{
	return clock_monotonic_ns() + ((struct idle_runners *)user)->skew_ns;
}

static int64_t wall(void *user)
{
	const struct idle_runners *r = user;

	return clock_realtime_ns() + r->skew_ns + r->jump_ns;
}

static uint64_t chance(void *user)
{
	static uint64_t x = 3;

	(void)user;
	return x = x * 6364136223846793005u + 1442695040888963407u;
}

static void wake_at(void *user, int64_t when_ns)
{
	(void)user;
	(void)when_ns;
}

struct dispatch_runners idle_runners(struct idle_runners *r)
{
	return (struct dispatch_runners){.start = start, .stop = stop, .user = r};
}

struct dispatch_clock idle_clock(struct idle_runners *r)
{
	return (struct dispatch_clock){now, wall, chance, wake_at, r};
}

void idle_runners_end(struct idle_runners *r, struct dispatch *d, const struct run_result *result)
{
	while (r->n > 0) {
		r->n--;
		dispatch_run_started(d, r->runs[r->n].id, r->runs[r->n].run);
		dispatch_run_ended(d, r->runs[r->n].id, r->runs[r->n].run, result);
	}
}
