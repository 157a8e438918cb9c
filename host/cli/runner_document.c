/* How a run ended, as the host is told. */
#include "cli/runner_private.h"

#include "base/log.h"
#include "runners/slab.h"

static struct str str_of_buf(const struct buf *b)
{
	return (struct str){b->len ? b->data : "", b->len};
}

int runner_no_memory(struct buf *out, struct error *err)
{
	const struct run_document d = {
		.kind = RUN_DOCUMENT_ERROR,
		.code = STR("SYSTEM"),
		.message = STR("out of memory"),
		.recoverable = true,
		.system_origin = true,
	};

	return run_document_write(&d, out, err);
}

/* ---- outputs --------------------------------------------------------------------------------- */

/* Large literals go to files of their own before anybody hears of the outputs. */
static void store_offloaded(struct runner_job *job)
{
	struct task_result *r = &job->result;
	struct error err = ERROR_INIT;

	if (r->outcome == TASK_ERROR || task_store_offloaded(r, &job->ctx, &err) == 0)
		return;
	task_result_fail(r, "SYSTEM", ERROR_RECOVERABLE, ORIGIN_SYSTEM, "%s", err.message);
}

/* Losing a deck is no reason to lose the result. */
static void render_deck(const struct runner_job *job, struct str inputs, struct buf *out)
{
	struct error err = ERROR_INIT;

	if (!job->params.template ||
	    task_render_deck(&job->result, &job->params, inputs, out, &err) == 0)
		return;
	buf_done(out);
	log_warn("the deck was not made: %s", err.message);
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* A plugin's words may hold anything; the host takes text only. */
static struct str clean(struct str s, struct arena *arena)
{
	char *copy;
	size_t bad;

	if (utf8_valid(s.ptr, s.len, NULL) && (s.len == 0 || !memchr(s.ptr, '\0', s.len)))
		return s;
	copy = arena_strndup(arena, s.ptr, s.len);
	if (!copy)
		return STR("out of memory");
	for (size_t i = 0; i < s.len; i++)
		if (copy[i] == '\0')
			copy[i] = '?';
	while (!utf8_valid(copy, s.len, &bad))
		copy[bad] = '?';
	return (struct str){copy, s.len};
}

static int describe_failure(struct runner_job *job,
			    struct buf *bytes,
			    struct run_document *d,
			    struct error *err)
{
	const struct failure *f = &job->result.failure;
	int code = failure_encode(f, bytes, err);

	/* A task that was asked to stop, and failed, has stopped. */
	d->kind = atomic_load(job->run->cancel) ? RUN_DOCUMENT_STOPPED : RUN_DOCUMENT_ERROR;
	d->error_document = str_of_buf(bytes);
	d->code = f->code.len > 0 ? clean(f->code, &job->arena) : STR("SYSTEM");
	d->message = clean(f->text, &job->arena);
	d->recoverable = f->kind == ERROR_RECOVERABLE;
	d->system_origin = f->origin == ORIGIN_SYSTEM;
	return code;
}

/* ---- the document ---------------------------------------------------------------------------- */

static int describe(struct runner_job *job,
		    struct str inputs,
		    struct buf *failure,
		    struct buf *deck,
		    struct run_document *d,
		    struct error *err)
{
	int code = 0;

	store_offloaded(job);
	switch (job->result.outcome) {
	case TASK_FUTURES:
		d->file_name = STR("futures.pb");
		__attribute__((fallthrough));
	case TASK_OUTPUTS:
		d->kind = RUN_DOCUMENT_OUTPUTS;
		d->outputs = str_of_buf(&job->result.document);
		break;
	case TASK_IGNORED:
		d->kind = RUN_DOCUMENT_OUTPUTS;
		d->ignored = true;
		break;
	case TASK_ERROR:
		code = describe_failure(job, failure, d, err);
		break;
	}
	if (code < 0)
		return code;
	render_deck(job, inputs, deck);
	d->deck = str_of_buf(deck);
	d->cpu_ns = job->cpu_ns;
	return 0;
}

static int write_document(struct run_document *d, struct buf *out, struct error *err)
{
	int code = run_document_write(d, out, err);

	if (code < 0 || out->len <= SLAB_MAX || d->deck.len == 0)
		return code;
	log_warn("the deck was left out: it has %zu bytes, and the result would be too large",
		 d->deck.len);
	d->deck = STR("");
	buf_clear(out);
	return run_document_write(d, out, err);
}

void runner_tell(struct runner_job *job, struct str inputs)
{
	_cleanup_(buf_done) struct buf failure = BUF_INIT, deck = BUF_INIT, out = BUF_INIT;
	struct run_document d = {.cpu_ns = 0};
	struct str told = str_of_buf(&job->state->no_memory);
	struct error err = ERROR_INIT;

	if (describe(job, inputs, &failure, &deck, &d, &err) == 0 &&
	    write_document(&d, &out, &err) == 0)
		told = str_of_buf(&out);
	else
		log_warn("the result of a run is lost: %s", err.message);
	if (!runner_complete(job->run, job->id, 0, told))
		log_warn("a run was completed twice");
}
