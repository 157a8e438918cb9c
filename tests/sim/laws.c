/* Laws of dispatch, under random trouble:
 *
 *   - an execution whose creation was confirmed is never lost, and ends
 *   - it never has two different outcomes, whoever asks and whenever, across restarts
 *   - it is never run after it was reported finished, nor after its cancel was confirmed
 *   - what Flyte sees never goes backwards
 *   - the same key gives the same resource_meta for ever; another request under it is refused
 *   - every history in the store is a path in the table
 *   - outputs in a file are those of the run that counts, and there before anybody is told
 *   - every call is answered exactly once; nothing waits for ever
 *
 *   laws [schedules [first seed]]     prints the seed of a schedule that breaks one, and its trace
 */
#include "sim/sim_clients.h"

#include <stdlib.h>
#include <string.h>

/* ---- one schedule ------------------------------------------------------------------------ */

static enum script random_script(struct world *w, const struct dispatch_run *run)
{
	(void)run;
	return world_chance(w, 500) ? (enum script)world_pick(w, SCRIPTS) : FINISH;
}

static int64_t random_time(struct world *w, const struct dispatch_run *run)
{
	(void)run;
	return (int64_t)world_pick(w, world_chance(w, 200) ? 5 * S : 200 * MS);
}

static bool random_hold(struct world *w, struct dispatch_hold *hold)
{
	if (!world_chance(w, 100))
		return false;
	snprintf(hold->why, sizeof(hold->why), "quarantined");
	hold->until_ns = w->now + (int64_t)world_pick(w, 3 * S);
	return true;
}

static void start_again(struct world *w, void *arg)
{
	(void)arg;
	if (!w->d)
		world_start(w);
}

static void kill_process(struct world *w)
{
	if (!w->d)
		return;
	world_kill(w);
	world_after(w, (int64_t)world_pick(w, 4 * S), false, start_again, NULL);
}

static void init(struct sim *s, uint64_t seed)
{
	struct world *w = &s->w;

	memset(s, 0, sizeof(*s));
	world_init(w, seed);
	w->accept_fails = (unsigned)world_pick(w, 100);
	w->commit_slow = (unsigned)world_pick(w, 100);
	w->put_fails = (unsigned)world_pick(w, 400);
	w->script_for = random_script;
	w->run_time = random_time;
	w->hold = random_hold;
	w->config.inline_most = 2000; /* BIG is more, */
	w->config.reply_most = 8000;  /* and HUGE_OUTPUTS more than this */
	w->config.slots = 1 + (uint32_t)world_pick(w, 4);
	w->config.retry_first_ns = 100 * MS;
	w->config.retry_most_ns = 2 * S;
	w->config.upload_ns = 20 * S;
	w->config.ended_most = world_pick(w, 6);
	w->config.spec_bytes_most = world_pick(w, 40);
	w->config.lameduck_ns = 500 * MS;
	w->config.grace_ns = 2 * S;
	w->config.soft_stop_ns = 500 * MS;
	w->config.commit_reserve_ns = S;
	s->kill_at = 20 + world_pick(w, 150);
	s->drain_at = 50 + world_pick(w, 3000);
	world_start(w);
	for (size_t i = 0; i < SIM_CLIENTS; i++)
		sim_client_init(s, &s->clients[i]);
}

static void check_process(struct sim *s)
{
	if (s->w.d && dispatch_check(s->w.d) > 0)
		world_law(&s->w, "an invariant does not hold");
}

/* Trouble for a while: kills between any two events, clocks that jump, drains. */
static void shake(struct sim *s)
{
	struct world *w = &s->w;

	while (!w->broken[0] && w->now < 25 * S && world_step(w, 25 * S)) {
		check_process(s);
		if (w->n_done >= s->kill_at) {
			kill_process(w);
			s->kill_at = w->n_done + 30 + world_pick(w, 400);
		}
		if (w->n_done >= s->drain_at && w->d) {
			dispatch_drain(w->d);
			s->drain_at = SIZE_MAX;
		}
		if (world_chance(w, 2))
			w->wall_offset += (int64_t)world_pick(w, 40 * S) - 20 * S;
		if (w->d && dispatch_drain_stage(w->d) == DRAIN_DONE)
			kill_process(w);
	}
}

static bool all_over(struct sim *s)
{
	if (!s->w.d || dispatch_drain_stage(s->w.d) != DRAIN_NONE)
		return false;
	for (size_t i = 0; i < s->w.n_rows; i++)
		if (!exec_state_finished(s->w.rows[i].row->state))
			return false;
	for (size_t i = 0; i < SIM_CLIENTS; i++)
		if (s->clients[i].acked && !sim_told_of(s, s->clients[i].id)->finished)
			return false;
	return dispatch_stats(s->w.d).live == 0;
}

static void settle(struct sim *s)
{
	struct world *w = &s->w;
	size_t most = w->n_done + 100000;

	w->calm = true;
	while (!w->broken[0] && !all_over(s)) {
		if (w->d && dispatch_drain_stage(w->d) == DRAIN_DONE)
			kill_process(w);
		if (!world_step(w, 4 * 3600 * S) || w->n_done > most) {
			world_law(w, "something never comes to an end");
			for (size_t i = 0; i < w->n_rows; i++)
				if (!exec_state_finished(w->rows[i].row->state))
					fprintf(stderr, "%llu is %s\n",
						(unsigned long long)w->rows[i].row->id,
						exec_state_name(w->rows[i].row->state));
		}
		check_process(s);
	}
}

static uint64_t n_events, n_ended[EXEC_STATES];

static bool schedule(uint64_t seed, bool tracing)
{
	static struct sim s;
	bool ok;

	init(&s, seed);
	s.w.tracing = tracing;
	shake(&s);
	settle(&s);
	ok = !s.w.broken[0];
	n_events += s.w.n_done;
	for (size_t i = 0; i < s.w.n_rows; i++)
		n_ended[s.w.rows[i].row->state]++;
	if (!ok && tracing)
		fprintf(stderr, "%sseed %llu: %s\n", s.w.trace ? s.w.trace : "",
			(unsigned long long)seed, s.w.broken);
	world_done(&s.w);
	return ok;
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

	for (uint64_t seed = first; seed < first + n; seed++) {
		if (schedule(seed, false))
			continue;
		schedule(seed, true);
		printf("not ok 1 - laws # seed %llu: laws 1 %llu\n1..1\n", (unsigned long long)seed,
		       (unsigned long long)seed);
		return 1;
	}
	printf("ok 1 - laws\n1..1\n# %llu schedules, %llu events; executions ended:",
	       (unsigned long long)n, (unsigned long long)n_events);
	for (int i = 0; i < EXEC_STATES; i++)
		if (n_ended[i])
			printf(" %s %llu", exec_state_name(i), (unsigned long long)n_ended[i]);
	printf("\n");
	return 0;
}
