/* Runners that follow scripts, and files. */
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

/* ---- runners ----------------------------------------------------------------------------- */

struct news {
	size_t run; /* index */
	struct run_result result;
	char bytes[]; /* of its outputs */
};

static char big[3000], huge[10000]; /* see laws.c: init */

static void tell_end(struct world *w, void *arg)
{
	struct news *n = arg;
	struct sim_run *r = &w->runs[n->run];

	r->active = false;
	if (w->d && r->epoch == w->epoch)
		dispatch_run_ended(w->d, r->id, r->run, &n->result);
	free(n);
}

static void tell_start(struct world *w, void *arg)
{
	struct sim_run *r = &w->runs[(size_t)(uintptr_t)arg];

	if (r->active && r->epoch == w->epoch) {
		dispatch_run_started(w->d, r->id, r->run);
		dispatch_run_progress(w->d, r->id, r->run, 0.5, STR("half"));
	}
}

/* Events of the world, so that their memory is not lost with the process. */
static void end_after(struct world *w, size_t run, int64_t delay, struct run_result result)
{
	struct news *n = malloc(sizeof(*n) + result.outputs.len + 1);

	if (!n)
		abort();
	n->run = run;
	n->result = result;
	if (result.outputs.len > 0)
		memcpy(n->bytes, result.outputs.ptr, result.outputs.len);
	n->result.outputs.ptr = n->bytes;
	world_after(w, delay, false, tell_end, n);
}

/* Every run has other bytes for its file. */
static struct run_result result_of(enum script s, const struct dispatch_run *run)
{
	struct run_result r = {.usage = {.cpu_ns = 5, .max_rss_bytes = 6}};

	switch (s) {
	case FAIL_AGAIN:
	case FAIL_TWICE:
		r.outcome = RUN_ERROR;
		r.recoverable = true;
		r.code = STR("USER:Flaky");
		r.message = STR("try again");
		break;
	case FAIL_FINAL:
		r.outcome = RUN_ERROR;
		r.code = STR("USER:Wrong");
		r.message = STR("never works");
		r.error_document = STR("error document");
		break;
	case CRASH:
		r.outcome = RUN_CRASHED;
		r.message = STR("SIGSEGV");
		break;
	case NO_MEMORY:
		r.outcome = RUN_NO_MEMORY;
		break;
	case LOSE:
		r.outcome = RUN_LOST;
		r.message = STR("killed for another");
		break;
	case BIG_FUTURES:
		r.file_name = "futures.pb";
		/* fall through */
	case BIG:
		memset(big, 'a' + (int)((run->id + run->run) % 26), sizeof(big));
		r.outputs = (struct str){big, sizeof(big) - run->run % 100};
		r.deck = STR("<html>");
		break;
	case HUGE_OUTPUTS:
		r.outputs = (struct str){huge, sizeof(huge)};
		break;
	default:
		r.outputs = STR("outputs");
	}
	return r;
}

static void check_start(struct world *w, const struct dispatch_run *run)
{
	struct sim_row *row = world_row(w, run->id);

	if (run->sync)
		return;
	if (!row || row->row->state != EXEC_STARTING || row->row->run != run->run) {
		world_law(w, "run %u of %llu starts and the row does not say so", run->run,
			  (unsigned long long)run->id);
		return;
	}
	if (row->reported)
		world_law(w, "%llu runs after it was reported finished",
			  (unsigned long long)run->id);
	if (row->deleted)
		world_law(w, "%llu runs after its cancel was confirmed",
			  (unsigned long long)run->id);
	if (!str_is(run->spec, "request") && !str_is(run->spec, "other request"))
		world_law(w, "%llu runs with another request", (unsigned long long)run->id);
	for (size_t i = 0; i < w->n_runs; i++)
		if (w->runs[i].id == run->id && w->runs[i].active && !w->runs[i].killed)
			world_law(w, "%llu runs twice at once", (unsigned long long)run->id);
}

static size_t add_run(struct world *w, const struct dispatch_run *run, enum script script)
{
	if (w->n_runs == w->runs_room) {
		w->runs_room = w->runs_room ? 2 * w->runs_room : 64;
		w->runs = realloc(w->runs, w->runs_room * sizeof(*w->runs));
		if (!w->runs)
			abort();
	}
	w->runs[w->n_runs] = (struct sim_run){.id = run->id,
					      .run = run->run,
					      .epoch = w->epoch,
					      .script = script,
					      .active = true};
	return w->n_runs++;
}

static int start(void *user, const struct dispatch_run *run, struct error *err)
{
	struct world *w = user;
	enum script script = w->script_for(w, run);
	int64_t takes = w->run_time(w, run);
	size_t i;

	check_start(w, run);
	if (script == NO_START)
		return err_set(err, ERR_IO, "cannot fork");
	if (script == WRONG)
		return err_set(err, ERR_INVALID, "\"abc\" is no amount");
	i = add_run(w, run, script);
	if (script == SLOW_START)
		return 0;
	world_after(w, takes / 4, true, tell_start, (void *)(uintptr_t)i);
	if (script >= HANG && script <= HANG_FOREVER)
		return 0;
	end_after(w, i, takes, result_of(script, run));
	if (script == TWICE) {
		struct run_result other = result_of(FINISH, run);

		other.outputs = STR("other outputs");
		end_after(w, i, takes + (int64_t)world_pick(w, 20 * MS), other);
	}
	if (script == FAIL_TWICE) {
		struct run_result other = result_of(FINISH, run);

		other.outputs = STR("other outputs");
		end_after(w, i, takes + (int64_t)world_pick(w, 3 * S), other);
	}
	return 0;
}

static void stop(void *user, uint64_t id, uint32_t run, enum stop_how how)
{
	struct run_result r = {.outcome = RUN_STOPPED};
	struct world *w = user;

	for (size_t i = w->n_runs; i-- > 0;) {
		struct sim_run *s = &w->runs[i];
		bool heeds;

		if (s->id != id || s->run != run || s->epoch != w->epoch)
			continue;
		if (how == STOP_KILL)
			s->killed = true;
		heeds = s->script == HANG           ? how >= STOP_ASK
			: s->script == HANG_TERM    ? how >= STOP_TERM
			: s->script == HANG_FOREVER ? false
						    : how == STOP_KILL;
		if (heeds && s->active)
			end_after(w, i, (int64_t)world_pick(w, 5 * MS), r);
		return;
	}
	world_law(w, "a run that was never started is stopped");
}

static bool ready(void *user, struct str plugin, struct str type, struct dispatch_hold *hold)
{
	struct world *w = user;

	(void)plugin;
	(void)type;
	return !w->hold || !w->hold(w, hold);
}

struct dispatch_runners sim_runners(struct world *w)
{
	return (struct dispatch_runners){.ready = ready, .start = start, .stop = stop, .user = w};
}

void sim_runs_die(struct world *w)
{
	for (size_t i = 0; i < w->n_runs; i++)
		w->runs[i].active = false;
}

/* ---- files ------------------------------------------------------------------------------- */

static void digest_of(struct str bytes, uint8_t out[STORE_DIGEST_SIZE])
{
	uint64_t h = 1469598103934665603u + bytes.len;

	for (size_t i = 0; i < bytes.len; i += 97)
		h = (h ^ (unsigned char)bytes.ptr[i]) * 1099511628211u;
	memset(out, 0, STORE_DIGEST_SIZE);
	memcpy(out, &h, sizeof(h));
}

static struct sim_file *find_file(struct world *w, struct str uri)
{
	for (size_t i = 0; i < w->n_files; i++)
		if (str_is(uri, w->files[i].uri))
			return &w->files[i];
	return NULL;
}

struct sim_file *world_file(struct world *w, struct str prefix, const char *name)
{
	char uri[256];

	snprintf(uri, sizeof(uri), STR_FMT "%s%s", STR_ARG(prefix),
		 str_ends(prefix, "/") ? "" : "/", name);
	return find_file(w, str_of(uri));
}

struct file_work {
	struct world *w;
	struct dispatch_file *f;
	bool put;
};

static void write_file(struct world *w, struct dispatch_file *f)
{
	struct sim_file *file = find_file(w, f->uri);

	if (!file) {
		w->files = realloc(w->files, (w->n_files + 1) * sizeof(*w->files));
		if (!w->files)
			abort();
		file = &w->files[w->n_files++];
		file->uri = strndup(f->uri.ptr, f->uri.len);
	}
	digest_of(f->bytes, file->digest);
}

/* Data outlives dispatch here: its callbacks come also after a kill, as a thread's would. */
static void on_file(struct world *w, void *arg)
{
	struct file_work *work = arg;
	struct dispatch_file *f = work->f;
	struct sim_file *file;
	int status = 0;

	if (work->put && w->put_status != 0) {
		status = w->put_status;
	} else if (work->put && world_chance(w, w->put_fails)) {
		status = world_chance(w, 100) ? ERR_DENIED : ERR_IO;
	} else if (work->put) {
		write_file(w, f);
	} else if (f->bytes.ptr) {
		digest_of(f->bytes, f->digest);
	} else {
		file = find_file(w, f->uri);
		status = file ? 0 : ERR_NOT_FOUND;
		if (file)
			memcpy(f->digest, file->digest, sizeof(f->digest));
	}
	free(work);
	f->done(f, status, status < 0 ? "trouble with the files" : NULL);
}

static void file_work(struct world *w, struct dispatch_file *f, bool put)
{
	struct file_work *work = malloc(sizeof(*work));

	if (!work)
		abort();
	*work = (struct file_work){w, f, put};
	world_after(w, (int64_t)world_pick(w, 20 * MS), false, on_file, work);
}

static void put(void *user, struct dispatch_file *f)
{
	file_work(user, f, true);
}

static void digest(void *user, struct dispatch_file *f)
{
	file_work(user, f, false);
}

static bool can(void *user, struct str uri)
{
	(void)user;
	return str_starts(uri, "s3://");
}

struct dispatch_data sim_data(struct world *w)
{
	return (struct dispatch_data){.can = can, .put = put, .digest = digest, .user = w};
}
