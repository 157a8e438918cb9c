/* A writer killed at random moments: what it was told is kept, is there. */
#include "store_kit.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS  200
#define IN_TURN 48

/* What the child tells through its pipe, after `done`. */
struct told {
	uint64_t id;
	uint32_t step; /* 0 accepted, 1 started, 2 finished */
};

struct job {
	struct store_row row;
	struct store_accept accept;
	struct store_update update;
	struct store_finish finish;
	uint32_t step;
};

static int ledger;
static struct kit kit;
static struct job jobs[IN_TURN];
static uint64_t next_id;

static void next_step(struct job *j);

static void on_done(struct store_op *op)
{
	struct job *j = NULL;
	struct told told;

	for (size_t i = 0; i < IN_TURN && !j; i++)
		if (op == &jobs[i].accept.op || op == &jobs[i].update.op ||
		    op == &jobs[i].finish.op)
			j = &jobs[i];
	told = (struct told){.id = j->row.id, .step = j->step};
	if (op->status < 0 || write(ledger, &told, sizeof(told)) != sizeof(told))
		_exit(3);
	j->step++;
	next_step(j);
}

static void next_step(struct job *j)
{
	if (j->step == 3)
		j->step = 0;
	switch (j->step) {
	case 0:
		j->row = kit_row(next_id++);
		j->accept = (struct store_accept){.row = &j->row, .op.done = on_done};
		store_submit(kit.store, &j->accept.op, STORE_ACCEPT);
		break;
	case 1:
		j->update = (struct store_update){
			.id = j->row.id, .state = EXEC_STARTING, .run = 1, .op.done = on_done};
		store_submit(kit.store, &j->update.op, STORE_UPDATE);
		break;
	default:
		j->finish = (struct store_finish){.id = j->row.id,
						  .state = EXEC_SUCCEEDED,
						  .run = 1,
						  .at = 5,
						  .outputs_kind = ROW_OUTPUTS_INLINE,
						  .outputs = STR("outputs"),
						  .op.done = on_done};
		store_submit(kit.store, &j->finish.op, STORE_FINISH);
	}
}

static _Noreturn void child(const char *dir, uint64_t first)
{
	struct error err = ERROR_INIT;

	next_id = first;
	if (kit_try(&kit, dir, 0, 0, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		_exit(2);
	}
	for (size_t i = 0; i < IN_TURN; i++) {
		jobs[i].step = 0;
		next_step(&jobs[i]);
	}
	for (;;) {
		sem_wait(&kit.woken);
		store_complete(kit.store);
	}
}

/* Steps told per id, over all rounds. */
static uint8_t *known;
static size_t n_known;

static void remember(const struct told *t)
{
	if (t->id >= n_known) {
		size_t n = MAX(t->id + 1, n_known * 2);

		known = realloc(known, n);
		CHECK(known);
		memset(known + n_known, 0, n - n_known);
		n_known = n;
	}
	CHECK(known[t->id] == t->step); /* the child tells its steps in order */
	known[t->id]++;
}

static uint64_t read_ledger(int fd, uint64_t first)
{
	uint64_t last = first;
	struct told t;
	ssize_t n;

	while ((n = read(fd, &t, sizeof(t))) == sizeof(t)) {
		remember(&t);
		last = MAX(last, t.id);
	}
	CHECK_INT(n, 0);
	return last;
}

static uint64_t one_round(const char *dir, uint64_t first, unsigned after_us)
{
	int ends[2], status;
	uint64_t last;
	pid_t pid;

	CHECK(pipe(ends) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		ledger = ends[1];
		child(dir, first);
	}
	close(ends[1]);
	usleep(after_us);
	kill(pid, SIGKILL);
	last = read_ledger(ends[0], first);
	close(ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return last;
}

static const enum exec_state least[] = {EXEC_NEW, EXEC_QUEUED, EXEC_STARTING, EXEC_SUCCEEDED};

static void check_row(const struct store_row *row)
{
	uint8_t step = row->id < n_known ? known[row->id] : 0;

	CHECK(row->state >= least[step]);
	if (row->state == EXEC_SUCCEEDED)
		CHECK(str_is(row->outputs, "outputs"));
	if (row->id < n_known)
		known[row->id] = 255;
}

static void check_all(const char *dir)
{
	struct error err = ERROR_INIT;
	struct kit k;

	CHECK_OK(kit_try(&k, dir, 0, 0, &err), err);
	for (uint64_t id = 1; id < n_known; id++) {
		struct store_row *row = known[id] ? kit_get(&k, id) : NULL;

		if (known[id] && !row)
			test_fail(__FILE__, __LINE__, "%" PRIu64 " is lost (told %u)", id,
				  known[id]);
		if (row)
			check_row(row);
		store_row_free(row);
	}
	kit_close(&k);
}

static void say(void *user, const char *text)
{
	(void)user;
	test_fail(__FILE__, __LINE__, "%s", text);
}

TEST(what_was_acknowledged_is_there)
{
	_cleanup_(freep) char *dir = strdup(kit_path("kill"));
	struct error err = ERROR_INIT;
	uint64_t first = 1;

	srandom(1);
	for (int i = 0; i < ROUNDS; i++)
		first = one_round(dir, first, (unsigned)(random() % 40000)) + 2 * IN_TURN;
	CHECK(n_known > ROUNDS);
	check_all(dir);
	CHECK_INT(store_sqlite_check(dir, NULL, say, NULL, &err), 0);
	free(known);
}
