/* COMMITTING: it is known how it ends; first what belongs in files is put there, then the row says
 * so, then everybody may know.
 *
 * Inline outputs and plain failures go straight to the last step. Outputs in files: their digest,
 * the row with the digest (a lost host recognises its own outputs.pb), the deck, the outputs. An
 * error document is worth a few tries and then left out. Uploads that fail are tried again until
 * `upload_ns` is over; a refusal is final at once. */
#include "dispatch/private.h"

#include <stdio.h>

#define ERROR_DOCUMENT_TRIES 3

/* ---- files ------------------------------------------------------------------------------- */

static void upload_free(struct upload *u)
{
	free(u->uri);
	free(u->bytes);
	free(u);
}

static void give_up(struct execution *x)
{
	x->files = false;
	exec_move(x, EXEC_CANCELLING, "%s", "");
}

static void upload_failed(struct execution *x, int status, const char *why)
{
	struct dispatch *d = x->d;
	bool owned = x->row.flags & ROW_OWNED;
	int64_t now = now_of(d);

	if (x->row.cancel != ROW_CANCEL_NONE && x->step == STEP_OUTPUTS) {
		give_up(x);
		return;
	}
	if (x->step == STEP_ERROR) {
		dispatch_log(d, LOG_WARN, x->row.id, "its error document cannot be written: %s",
			     why);
		if (status == ERR_DENIED || ++x->upload_tries >= ERROR_DOCUMENT_TRIES) {
			x->step = STEP_FINISH;
			commit_next(x);
			return;
		}
	} else if (status == ERR_DENIED || now >= x->upload_until_ns) {
		x->files = false;
		x->step = STEP_FINISH;
		exec_end(x,
			 status == ERR_DENIED ? EXEC_FAILED
			 : owned              ? EXEC_RETRYABLE_FAILED
					      : EXEC_FAILED,
			 "OutputUpload", "the outputs cannot be written: %s", why);
		commit_next(x);
		return;
	}
	if (x->step != STEP_ERROR && x->upload_tries == 0)
		dispatch_log(d, LOG_WARN, x->row.id, "its outputs cannot be written yet: %s", why);
	snprintf(x->progress_text, sizeof(x->progress_text), "%s", why);
	exec_set_timer(x, now + d->config.retry_first_ns / 2 +
				  retry_jitter(++x->upload_tries, d->config.retry_first_ns,
					       d->config.retry_most_ns, random_of(d)));
}

static void on_file(struct dispatch_file *f, int status, const char *why)
{
	struct upload *u = CONTAINER_OF(f, struct upload, file);
	struct execution *x = u->x;
	struct dispatch *d;

	if (!x) {
		upload_free(u);
		return;
	}
	d = x->d;
	dispatch_enter(d);
	x->upload = NULL;
	if (status < 0) {
		upload_failed(x, status, why ? why : err_text(status));
	} else {
		if (x->step == STEP_DIGEST)
			memcpy(x->digest, f->digest, sizeof(x->digest));
		x->step++;
		commit_next(x);
	}
	upload_free(u);
	dispatch_leave(d);
}

static char *uri_of(const struct execution *x, const char *name)
{
	struct str prefix = x->row.output_prefix;
	char *uri = malloc(prefix.len + strlen(name) + 2);
	bool slash = prefix.len > 0 && prefix.ptr[prefix.len - 1] == '/';

	if (uri)
		sprintf(uri, STR_FMT "%s%s", STR_ARG(prefix), slash ? "" : "/", name);
	return uri;
}

/* The bytes are copied: a cancel may drop the execution while they are on their way. */
static struct upload *new_upload(struct execution *x, const char *name, struct str bytes)
{
	struct upload *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->x = x;
	u->uri = uri_of(x, name);
	u->bytes = malloc(bytes.len + 1);
	if (!u->uri || !u->bytes) {
		upload_free(u);
		return NULL;
	}
	if (bytes.len > 0)
		memcpy(u->bytes, bytes.ptr, bytes.len);
	u->file = (struct dispatch_file){
		.uri = str_of(u->uri), .bytes = {u->bytes, bytes.len}, .done = on_file};
	return u;
}

static void start_file(struct execution *x,
		       void (*work)(void *user, struct dispatch_file *f),
		       const char *name,
		       struct str bytes)
{
	struct dispatch *d = x->d;

	x->upload = new_upload(x, name, bytes);
	if (!x->upload) { /* no memory now */
		exec_set_timer(x, now_of(d) + NS_S / 10);
		return;
	}
	work(d->data.user, &x->upload->file);
}

/* ---- steps ------------------------------------------------------------------------------- */

static void finish(struct execution *x)
{
	if (x->is_sync) {
		x->row.outputs_kind = x->ending.to != EXEC_SUCCEEDED ? ROW_OUTPUTS_NONE
				      : x->files                     ? ROW_OUTPUTS_FILE
								     : ROW_OUTPUTS_INLINE;
		x->row.has_deck = x->files && x->ending.deck.len > 0;
		exec_move(x, x->ending.to, "%s", "");
		exec_finished(x);
		return;
	}
	exec_write_finish(x);
}

void commit_next(struct execution *x)
{
	const struct dispatch_data *data = &x->d->data;
	const struct ending *e = &x->ending;

	switch (x->step) {
	case STEP_DIGEST:
		start_file(x, data->digest, e->file_name, e->outputs);
		return;
	case STEP_WRITE:
		if (!x->is_sync) {
			exec_write_update(x, EXEC_COMMITTING, 0);
			return;
		}
		x->step = STEP_DECK;
		/* fall through */
	case STEP_DECK:
		if (e->deck.len > 0) {
			start_file(x, data->put, "deck.html", e->deck);
			return;
		}
		x->step = STEP_OUTPUTS;
		/* fall through */
	case STEP_OUTPUTS:
		start_file(x, data->put, e->file_name, e->outputs);
		return;
	case STEP_ERROR:
		if (x->ending.to != EXEC_SUCCEEDED) {
			start_file(x, data->put, "error.pb", e->error_document);
			return;
		}
		x->step = STEP_FINISH;
		/* fall through */
	case STEP_FINISH:
		finish(x);
	}
}

static enum upload_step first_step(struct execution *x)
{
	struct dispatch *d = x->d;

	if (x->files)
		return STEP_DIGEST;
	if (x->ending.error_document.len > 0 && x->row.output_prefix.len > 0 && d->data.can &&
	    d->data.can(d->data.user, x->row.output_prefix))
		return STEP_ERROR;
	return STEP_FINISH;
}

static void enter(struct dispatch *d, struct execution *x)
{
	x->upload_tries = 0;
	x->upload_until_ns = now_of(d) + d->config.upload_ns;
	x->step = first_step(x);
	commit_next(x);
}

static void timer(struct dispatch *d, struct execution *x)
{
	(void)d;
	if (!x->writing && !x->upload)
		commit_next(x);
}

static void wrote(struct dispatch *d, struct execution *x, const struct store_op *op)
{
	(void)d;
	if (op->kind == STORE_FINISH) {
		exec_move(x, x->ending.to, "%s", "");
		exec_finished(x);
		return;
	}
	x->step++;
	commit_next(x);
}

/* Too late once the end or the outputs are on their way to the disk: the execution ends as it would
 * have. Outputs that are there tell, should the state be lost, that it has succeeded. */
static void cancel(struct dispatch *d, struct execution *x)
{
	(void)d;
	if (x->end_written || x->step == STEP_FINISH || (x->step == STEP_OUTPUTS && x->upload))
		return;
	if (x->upload)
		x->upload->x = NULL;
	x->upload = NULL;
	give_up(x);
}

const struct state_work on_committing = {
	.enter = enter, .timer = timer, .wrote = wrote, .cancel = cancel};
