#include "cli/serve_runs.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/run_ending.h"
#include "cli/run_message.h"
#include "cli/template_limits.h"
#include "dispatch/hash.h"
#include "grpc/svc_request.h"
#include "loop/watch.h"
#include "store/ident.h"

#include <errno.h>
#include <stdio.h>

struct serve_runs {
	struct serve_runs_params params;
	struct agent_catalog agent;
	struct dispatch *dispatch;
	struct hash live; /* struct serve_run by id */
};

/* One run at the runners. */
struct serve_run {
	struct serve_runs *owner;
	struct hash_node node;
	struct run run;
	struct runner_generation *generation;
	uint64_t id;
	uint32_t number;
	char log[IDENT_TEXT + 1];
	char *work;         /* where its working directory may be */
	struct buf context; /* serialized run_context */
	struct str spec;    /* the request, which the spans of `run` point into; it lies in: */
	char *taken;        /* dispatch's memory, or NULL and: */
	char copy[];
};

static void run_free(struct serve_run *r)
{
	buf_done(&r->context);
	free(r->work);
	free(r->taken);
	free(r);
}

/* ---- what the runner is told ----------------------------------------------------------------- */

/* "arith.add" without the plugin. */
static struct str last_word(struct str name)
{
	struct str plugin, word;

	return str_split_last_dot(name, &plugin, &word) ? word : name;
}

/* Which task or executor of the plugin: the one the request names, else who claims the type. */
static int choose(struct serve_runs *s,
		  const struct dispatch_run *run,
		  const struct request_parts *parts,
		  struct run_context *ret,
		  struct error *err)
{
	struct catalog_offer offer;
	struct agent_type type;
	int rc;

	if (parts->task.len > 0) {
		ret->task = last_word(parts->task);
		return 0;
	}
	if (parts->executor.len > 0) {
		rc = catalog_find_offer(s->params.catalog, parts->executor, &offer, err);
		if (rc == 0)
			ret->executor = offer.name;
		return rc;
	}
	rc = s->agent.find(s->agent.user, run->type, run->type_version, &type, err);
	if (rc == 0)
		ret->executor = last_word(type.executor);
	return rc;
}

static int write_context(struct serve_run *r,
			 const struct dispatch_run *run,
			 const struct request_parts *parts,
			 struct error *err)
{
	struct run_context c = {
		.execution = str_of(r->log),
		.run = run->attempt_of,
		.runs = run->attempts,
		.output_prefix = run->output_prefix,
		.raw_prefix = run->output_prefix,
		.node = run->node,
		.metadata = parts->metadata,
		.work = str_of(r->work),
		.checked = true, /* as all requests are when they come */
	};
	int rc = choose(r->owner, run, parts, &c, err);

	return rc < 0 ? rc : run_context_write(&c, &r->context, err);
}

/* ---- news from the runners ------------------------------------------------------------------- */

static void on_started(struct run *run)
{
	struct serve_run *r = run->user;

	dispatch_run_started(r->owner->dispatch, r->id, r->number);
}

static void on_progress(struct run *run, double fraction, struct str text)
{
	struct serve_run *r = run->user;

	dispatch_run_progress(r->owner->dispatch, r->id, r->number, fraction, text);
}

static void on_note(struct run *run, int level, struct str text, uint32_t lost)
{
	const struct serve_run *r = run->user;

	if (lost > 0)
		log_warn("execution %s: %u notes of its runner were lost", r->log, lost);
	log_msg((enum log_level)level, "execution %s: " STR_FMT, r->log, STR_ARG(text));
}

/* ---- what a dead runner leaves behind -------------------------------------------------------- */

/* Lives by itself: it may end after everything else. */
struct leftover {
	struct loop_work work;
	int status;
	struct error err;
	char path[];
};

static void remove_leftover(struct loop_work *work)
{
	struct leftover *l = CONTAINER_OF(work, struct leftover, work);

	l->status = dir_remove(l->path, &l->err);
}

static void on_leftover_removed(struct loop_work *work)
{
	struct leftover *l = CONTAINER_OF(work, struct leftover, work);

	if (l->status < 0)
		log_warn("%s", l->err.message);
	free(l);
}

/* In another thread, since there may be much; under another name, since the next run of the
 * execution may want its own. What stays for any reason goes with the next start. */
static void remove_work(const struct serve_run *r)
{
	size_t size = strlen(r->work) + sizeof(".4294967295");
	struct leftover *l = malloc(sizeof(*l) + size);
	struct error err = ERROR_INIT;

	if (!l)
		return;
	*l = (struct leftover){.work = {.run = remove_leftover, .done = on_leftover_removed},
			       .err = ERROR_INIT};
	snprintf(l->path, size, "%s.%u", r->work, r->number);
	if (rename(r->work, l->path) < 0) {
		if (errno != ENOENT)
			log_warn("%s stays: %s", r->work, strerror(errno));
		free(l);
	} else if (loop_work_start(r->owner->params.loop, &l->work, &err) < 0) {
		log_warn("%s stays: %s", l->path, err.message);
		free(l);
	}
}

/* ---- the end --------------------------------------------------------------------------------- */

static void on_done(struct run *run, const struct run_end *end)
{
	struct serve_run *r = run->user;
	struct run_ending ending = RUN_ENDING_INIT;

	hash_remove(&r->owner->live, &r->node);
	/* A runner that lives has removed it, or a run given up on a thread still does. */
	if (end->how == RUN_DIED || end->death)
		remove_work(r);
	run_ending_of(end, r->owner->params.logs, r->log, &ending);
	dispatch_run_ended(r->owner->dispatch, r->id, r->number, &ending.result);
	run_ending_done(&ending);
	run_release(run);
	run_free(r);
}

static const struct run_ops run_ops = {
	.started = on_started,
	.progress = on_progress,
	.note = on_note,
	.done = on_done,
};

/* ---- dispatch's table ------------------------------------------------------------------------ */

static bool ready(void *user, struct str plugin, struct str type, struct dispatch_hold *hold)
{
	struct serve_runs *s = user;

	(void)type;
	return catalog_ready(s->params.catalog, plugin, hold);
}

static struct serve_run *run_new(struct serve_runs *s, const struct dispatch_run *run)
{
	bool take = run->spec_memory && *run->spec_memory;
	struct serve_run *r = malloc(sizeof(*r) + (take ? 0 : run->spec.len));

	if (!r)
		return NULL;
	*r = (struct serve_run){.owner = s, .spec = run->spec};
	r->id = run->id;
	r->number = run->run;
	ident_format(run->id, r->log);
	r->work = path_join(s->params.work_root, r->log);
	if (!r->work) {
		free(r);
		return NULL;
	}
	if (take) {
		r->taken = TAKE(*run->spec_memory);
	} else if (run->spec.len > 0) {
		memcpy(r->copy, run->spec.ptr, run->spec.len);
		r->spec.ptr = r->copy;
	}
	return r;
}

static int hand_over(struct serve_run *r,
		     const struct dispatch_run *run,
		     const struct request_parts *parts,
		     struct error *err)
{
	struct serve_runs *s = r->owner;
	struct dispatch_hold hold = {.until_ns = INT64_MAX};
	struct runner_generation *g;
	struct runner_limits limits;
	struct run_request request;
	int rc = template_limits(parts->task_template, &limits, err);

	if (rc < 0)
		return rc;
	g = catalog_generation(s->params.catalog, run->plugin, &limits, &hold);
	if (!g)
		return err_set(err, ERR_STATE, "%s", hold.why);
	request = (struct run_request){
		.task_template = parts->task_template,
		.inputs = parts->inputs,
		.context = {r->context.data, r->context.len},
		.deadline_ns = run->deadline_ns == INT64_MAX ? 0 : run->deadline_ns,
		.log = r->log,
	};
	r->generation = g;
	r->run.user = r;
	return run_start(g, &request, &run_ops, &r->run, err);
}

static int start(void *user, const struct dispatch_run *run, struct error *err)
{
	struct serve_runs *s = user;
	struct serve_run *r = run_new(s, run);
	struct request_parts parts;
	int rc;

	if (!r)
		return err_nomem(err, "a run");
	rc = request_parts(r->spec, &parts, err);
	if (rc == 0)
		rc = write_context(r, run, &parts, err);
	if (rc == 0)
		rc = hash_add(&s->live, &r->node, hash_number(r->id));
	if (rc == 0)
		rc = hand_over(r, run, &parts, err);
	if (rc < 0) {
		hash_remove(&s->live, &r->node);
		run_free(r);
	}
	return rc;
}

static void stop(void *user, uint64_t id, uint32_t number, enum stop_how how)
{
	struct serve_runs *s = user;
	struct hash_node *node = hash_find(&s->live, hash_number(id));

	for (; node; node = hash_again(node)) {
		struct serve_run *r = CONTAINER_OF(node, struct serve_run, node);

		if (r->id != id || r->number != number)
			continue;
		/* The pool climbs the rungs between asking and killing by itself. */
		if (how == STOP_KILL)
			run_kill(&r->run, ONCE_CANCEL_ASKED);
		else
			run_cancel(&r->run, ONCE_CANCEL_ASKED);
		return;
	}
}

struct dispatch_runners serve_runs_table(struct serve_runs *r)
{
	return (struct dispatch_runners){.ready = ready, .start = start, .stop = stop, .user = r};
}

/* ---- life ------------------------------------------------------------------------------------ */

int serve_runs_new(const struct serve_runs_params *params,
		   struct serve_runs **ret,
		   struct error *err)
{
	struct serve_runs *s = calloc(1, sizeof(*s));

	if (!s)
		return err_nomem(err, "the runs");
	s->params = *params;
	s->agent = catalog_agent(params->catalog);
	*ret = s;
	return 0;
}

void serve_runs_set_dispatch(struct serve_runs *r, struct dispatch *d)
{
	r->dispatch = d;
}

bool serve_runs_generation(const struct serve_runs *r, uint64_t id, struct str *ret_digest)
{
	struct hash_node *node = hash_find(&r->live, hash_number(id));
	struct runner_generation_status status;

	for (; node; node = hash_again(node)) {
		const struct serve_run *run = CONTAINER_OF(node, struct serve_run, node);

		if (run->id != id || !run->generation)
			continue;
		runner_generation_status(run->generation, &status);
		*ret_digest = str_of(status.digest);
		return true;
	}
	return false;
}

size_t serve_runs_live(const struct serve_runs *r)
{
	return r->live.n;
}

void serve_runs_free(struct serve_runs *r)
{
	if (!r)
		return;
	hash_done(&r->live);
	free(r);
}
