#include "sim/trial.h"

struct trial trial;

static enum script one_script(struct world *world, const struct dispatch_run *run)
{
	(void)world;
	(void)run;
	return trial.script;
}

static int64_t one_time(struct world *world, const struct dispatch_run *run)
{
	(void)world;
	(void)run;
	return trial.takes;
}

void trial_begin(void)
{
	static bool used;

	if (used)
		world_done(&trial.w);
	used = true;
	world_init(&trial.w, 1);
	trial.w.script_for = one_script;
	trial.w.run_time = one_time;
	trial.w.config.inline_most = 2000; /* BIG is more, */
	trial.w.config.reply_most = 8000;  /* HUGE_OUTPUTS more than this */
	trial.w.config.retry_first_ns = NS_S;
	trial.script = FINISH;
	trial.takes = 10 * MS;
	world_start(&trial.w);
}

void trial_pass(int64_t ns)
{
	int64_t until = trial.w.now + ns;

	while (world_step(&trial.w, until))
		;
	trial.w.now = until;
	if (trial.w.broken[0])
		test_fail(__FILE__, __LINE__, "%s", trial.w.broken);
	if (trial.w.d)
		CHECK_INT(dispatch_check(trial.w.d), 0);
}

struct dispatch_request trial_request(void)
{
	return (struct dispatch_request){
		.plugin = STR("arith"),
		.type = STR("add"),
		.spec = STR("request"),
		.output_prefix = STR("s3://bucket/out"),
		.owned = true,
		.priority = 5,
	};
}

void trial_on_created(struct dispatch_created *c)
{
	(void)c;
	trial.answered++;
}

int trial_create(const struct dispatch_request *r, struct dispatch_created *c)
{
	int before = trial.answered, result;

	*c = (struct dispatch_created){.done = trial_on_created};
	result = dispatch_create(trial.w.d, r, c);
	for (int i = 0; result == 0 && trial.answered == before && i < 1000; i++)
		trial_pass(MS);
	return c->status;
}

void trial_on_got(struct dispatch_get *g)
{
	(void)g;
	trial.answered++;
}

/* The answer, its spans moved to where they stay. */
struct dispatch_answer trial_get_meta(struct str meta)
{
	static struct dispatch_get g;
	int r;

	g = (struct dispatch_get){.done = trial_on_got};
	r = dispatch_get(trial.w.d, meta, &g);
	if (r == 0) {
		int before = trial.answered;
		struct dispatch_answer a;

		/* Spans die with `done`: state and phase are enough then. */
		for (int i = 0; trial.answered == before && i < 1000; i++)
			trial_pass(MS);
		a = g.answer;
		CHECK_INT(g.status, 0);
		a.message = a.code = STR_NULL;
		return a;
	}
	CHECK_INT(r, 1);
	snprintf(trial.text, sizeof(trial.text), STR_FMT, STR_ARG(g.answer.message));
	return g.answer;
}

struct dispatch_answer trial_get(const struct dispatch_created *c)
{
	return trial_get_meta((struct str){c->meta, c->meta_len});
}

void trial_on_deleted(struct dispatch_delete *del)
{
	(void)del;
	trial.answered++;
}

int trial_delete(struct str meta, struct dispatch_delete *del)
{
	int before = trial.answered, r;

	*del = (struct dispatch_delete){.done = trial_on_deleted};
	r = dispatch_delete(trial.w.d, meta, del);
	for (int i = 0; r == 0 && trial.answered == before && i < 1000; i++)
		trial_pass(MS);
	return r < 0 ? r : del->status;
}

struct dispatch_answer trial_outcome(enum script s, const char *prefix)
{
	struct dispatch_request r = trial_request();
	struct dispatch_created c;

	trial.script = s;
	r.output_prefix = str_of(prefix);
	CHECK_INT(trial_create(&r, &c), 0);
	trial_pass(4 * S);
	return trial_get(&c);
}

struct str trial_others_meta(uint64_t id, const char *prefix)
{
	static char meta[META_MAX + 1];
	struct meta_key key = {.bytes = {1, 2, 3}};
	struct store_row row = {.id = id, .incarnation = 77, .output_prefix = str_of(prefix)};

	return (struct str){meta, meta_format(&key, &row, meta)};
}

struct str trial_lost_meta(const char *prefix)
{
	return trial_others_meta(99, prefix);
}
