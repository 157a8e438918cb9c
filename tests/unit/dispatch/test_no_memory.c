/* Every allocation of one execution's life fails once: what was accepted still ends, what was not
 * is refused, and nothing is left over. */
#include "dispatch/dispatch.h"
#include "lib/fail_alloc.h"
#include "lib/idle_runners.h"
#include "lib/test.h"

#define MOST 64

static struct dispatch *d;
static int64_t now_ns;
static struct store_op *submitted[MOST];
static size_t n_submitted;
static struct store_row *kept; /* a copy made outside the failing part */
static bool fail_runs;

/* ---- around it --------------------------------------------------------------------------- */

static void submit(struct store *s, struct store_op *op)
{
	(void)s;
	CHECK(n_submitted < MOST);
	submitted[n_submitted++] = op;
}

static size_t complete(struct store *s)
{
	size_t n = n_submitted;

	(void)s;
	for (size_t i = 0; i < n; i++) {
		struct store_op *op = submitted[i];

		if (op->kind == STORE_ACCEPT) {
			struct store_accept *a = CONTAINER_OF(op, struct store_accept, op);

			a->outcome = STORE_ACCEPTED;
		} else if (op->kind == STORE_CANCEL) {
			CONTAINER_OF(op, struct store_cancel, op)->outcome = STORE_MARKED;
		} else if (op->kind == STORE_GET) {
			store_op_fail(op, ERR_NOT_FOUND, "none");
		}
		op->done(op);
	}
	memmove(submitted, submitted + n, (n_submitted - n) * sizeof(submitted[0]));
	n_submitted -= n;
	return n;
}

static int recover(struct store *s,
		   int (*row)(void *user, const struct store_row *row),
		   void *user,
		   uint64_t *ret_last_id,
		   struct error *err)
{
	(void)s;
	*ret_last_id = 0;
	if (kept && row(user, kept) < 0)
		return err_nomem(err, "a row");
	return 0;
}

static void stats(struct store *s, struct store_stats *ret)
{
	(void)s;
	*ret = (struct store_stats){.condition = STORE_WELL};
}

static const struct store_ops store_ops = {
	.submit = submit, .complete = complete, .recover = recover, .stats = stats};
static struct store store = {.ops = &store_ops};

static struct idle_runners runners;

static struct dispatch_file *files[MOST];
static size_t n_files;

static void take_file(void *user, struct dispatch_file *f)
{
	(void)user;
	CHECK(n_files < MOST);
	files[n_files++] = f;
}

static bool can(void *user, struct str uri)
{
	(void)user;
	(void)uri;
	return true;
}

static int64_t now(void *user)
{
	(void)user;
	return now_ns;
}

static uint64_t chance(void *user)
{
	(void)user;
	return 7;
}

static void wake_at(void *user, int64_t when)
{
	(void)user;
	(void)when;
}

/* Lets everything happen that can, for some seconds. */
static void drive(void)
{
	static char big[200000];
	struct run_result good = {.outputs = {big, sizeof(big)}, .deck = STR("deck")};
	struct run_result bad = {.outcome = RUN_ERROR,
				 .code = STR("USER:X"),
				 .message = STR("m"),
				 .error_document = STR("e")};

	for (int i = 0; i < 200; i++) {
		now_ns += 100 * NS_MS;
		store_complete(&store);
		idle_runners_end(&runners, d, fail_runs ? &bad : &good);
		while (n_files > 0) {
			n_files--;
			files[n_files]->done(files[n_files], 0, NULL);
		}
		dispatch_tick(d);
	}
}

static int make(struct error *err)
{
	struct dispatch_options o = {
		.config = dispatch_defaults(),
		.clock = {now, now, chance, wake_at, NULL},
		.runners = idle_runners(&runners),
		.data = {.can = can, .put = take_file, .digest = take_file},
		.store = &store,
	};
	int r;

	now_ns = NS_S;
	runners.n = n_files = n_submitted = 0;
	o.config.sweep_ns = 0;
	r = dispatch_new(&o, &d, err);
	if (r == 0)
		r = dispatch_recover(d, err);
	if (r < 0)
		dispatch_free(TAKE(d));
	return r;
}

/* ---- lives ------------------------------------------------------------------------------- */

static int told;

static void on_created(struct dispatch_created *c)
{
	told = c->status < 0 ? -1 : 1;
}

static const struct dispatch_request request = {
	.plugin = STR("arith"),
	.type = STR("add"),
	.tenant = STR("p/d"),
	.spec = STR("request"),
	.output_prefix = STR("s3://b/o"),
	.has_key = true,
	.owned = true,
};

static void one_life(long n)
{
	struct dispatch_created c = {.done = on_created};
	struct error err = ERROR_INIT;
	bool failed;
	int r;

	told = 0;
	alloc_fail_after(n);
	r = make(&err);
	if (r < 0) {
		CHECK(alloc_stop_failing());
		CHECK_INT(r, ERR_NOMEM);
		return;
	}
	r = dispatch_create(d, &request, &c);
	drive();
	failed = alloc_stop_failing();
	CHECK(r == 0 ? told == 1 : r == ERR_LIMIT && failed);
	drive();
	CHECK_INT(dispatch_check(d), 0);
	CHECK_INT(dispatch_stats(d).live, 0);
	CHECK_INT(dispatch_stats(d).slots_used, 0);
	dispatch_free(TAKE(d));
}

TEST(create_to_succeeded)
{
	fail_runs = false;
	kept = NULL;
	for (long n = 0; n < 60; n++)
		one_life(n);
}

TEST(create_to_failed)
{
	fail_runs = true;
	kept = NULL;
	for (long n = 0; n < 60; n++)
		one_life(n);
}

TEST(recovered_executions_end)
{
	struct store_row row = {.id = 5,
				.state = EXEC_STARTING,
				.run = 1,
				.flags = ROW_OWNED,
				.plugin = STR("arith"),
				.type = STR("add"),
				.spec = STR("request"),
				.spec_size = 7,
				.max_runs = 1,
				.output_prefix = STR("s3://b/o"),
				.history = STR("12345678"),
				.has_digest = true};

	fail_runs = false;
	for (int state = EXEC_QUEUED; state <= EXEC_RETRY_WAIT; state++) {
		if (!exec_state_durable(state))
			continue;
		row.state = (enum exec_state)state;
		kept = store_row_copy(&row);
		for (long n = 0; n < 40; n++) {
			struct error err = ERROR_INIT;
			int r;

			alloc_fail_after(n);
			r = make(&err);
			if (r == 0)
				drive();
			alloc_stop_failing();
			if (r < 0)
				continue;
			drive();
			CHECK_INT(dispatch_check(d), 0);
			CHECK_INT(dispatch_stats(d).live, 0);
			dispatch_free(TAKE(d));
		}
		store_row_free(TAKE(kept));
	}
}

static void on_deleted(struct dispatch_delete *del)
{
	(void)del;
}

TEST(cancelled_executions_end)
{
	kept = NULL;
	for (long n = 0; n < 20; n++) {
		struct dispatch_created c = {.done = on_created};
		struct dispatch_delete del = {.done = on_deleted};
		struct error err = ERROR_INIT;
		int r;

		CHECK_OK(make(&err), err);
		CHECK_INT(dispatch_create(d, &request, &c), 0);
		store_complete(&store);
		runners.n = 0; /* it hangs */
		alloc_fail_after(n);
		r = dispatch_cancel(d, c.id, STR("why"), &del);
		drive();
		CHECK(!alloc_stop_failing() || r == ERR_NOMEM || r == 0);
		if (r == ERR_NOMEM)
			CHECK_INT(dispatch_cancel(d, c.id, STR("why"), &del), 0);
		drive();
		drive();
		CHECK_INT(dispatch_stats(d).live, 0);
		dispatch_free(TAKE(d));
	}
}
