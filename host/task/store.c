#include "task/store.h"

#include "base/digest.h"
#include "base/log.h"
#include "data/data.h"
#include "flyte/document.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define INPUTS_MAX ((size_t)2 << 30)

static char *output_uri(const struct task_context *ctx, const char *name, struct error *err)
{
	struct str prefix = ctx->items[TH_CTX_OUTPUT_PREFIX];
	_cleanup_(freep) char *text = NULL;
	char *uri;

	if (prefix.len == 0) {
		err_set(err, ERR_UNSUPPORTED, "%s: this execution has no output prefix", name);
		return NULL;
	}
	text = strndup(prefix.ptr, prefix.len);
	uri = text ? data_join(text, name) : NULL;
	if (!uri)
		err_nomem(err, name);
	return uri;
}

static int
put(const struct task_context *ctx, const char *name, struct str bytes, struct error *err)
{
	_cleanup_(freep) char *uri = output_uri(ctx, name, err);

	return uri ? data_put(uri, bytes.ptr, bytes.len, ctx->durable, err) : err->code;
}

static struct str str_of_buf(const struct buf *b)
{
	return (struct str){b->len ? b->data : "", b->len};
}

/* ---- reading inputs -------------------------------------------------------------------------- */

int task_read_inputs(const char *uri,
		     const struct task_context *ctx,
		     struct timeline *timeline,
		     struct buf *out,
		     struct task_result *ret_failure)
{
	struct timeline_mark mark = timeline_start(timeline);
	struct error err = ERROR_INIT;
	int r = data_get(uri, "inputs", INPUTS_MAX, out, &err);

	(void)ctx;
	timeline_end(timeline, mark, "Download data to local from %s", uri);
	if (r < 0) {
		task_result_fail(ret_failure, "SYSTEM", ERROR_RECOVERABLE, ORIGIN_SYSTEM,
				 "FlyteDataNotFoundException: %s", err.message);
		ret_failure->early = true;
	}
	return r;
}

/* ---- decks ----------------------------------------------------------------------------------- */

int store_deck(const struct task_context *ctx, const struct deck_page *page, struct error *err)
{
	_cleanup_(buf_done) struct buf html = BUF_INIT;
	int r = deck_render(page, &html, err);

	return r < 0 ? r : put(ctx, "deck.html", str_of_buf(&html), err);
}

static const LiteralMap *decode(struct str wire, const char *what, struct arena *arena)
{
	struct error err = ERROR_INIT;
	LiteralMap *map;

	return literal_map_decode(wire, what, arena, &map, &err) < 0 ? NULL : map;
}

bool task_wants_deck(const TaskTemplate *t)
{
	return t && t->metadata && t->metadata->generates_deck &&
	       t->metadata->generates_deck->value;
}

int task_render_deck(const struct task_result *r,
		     const struct task_params *p,
		     struct str inputs,
		     struct buf *out,
		     struct error *err)
{
	struct deck_page page = {
		.timeline = p && !r->early ? p->timeline : NULL,
		.decks = r->decks,
	};
	struct arena arena;
	int n;

	if (r->outcome == TASK_IGNORED || (p && p->map) || /* flytekit's map tasks have no deck */
	    (!r->wants_deck && !task_wants_deck(p ? p->template : NULL)))
		return 0;
	arena_init(&arena, 0);
	if (r->outcome == TASK_OUTPUTS) { /* flytekit makes these decks with the outputs */
		page.plugin = p ? p->plugin : NULL;
		page.inputs = decode(inputs, "inputs", &arena);
		page.outputs = decode(str_of_buf(&r->document), "outputs", &arena);
	}
	n = deck_render(&page, out, err);
	arena_done(&arena);
	return n;
}

/* Losing a deck is no reason to lose the result. */
static void write_deck(struct task_result *r,
		       const struct task_params *p,
		       const struct task_context *ctx,
		       struct str inputs)
{
	_cleanup_(buf_done) struct buf html = BUF_INIT;
	struct error err = ERROR_INIT;
	int n = task_render_deck(r, p, inputs, &html, &err);

	if (n == 0 && html.len > 0)
		n = put(ctx, "deck.html", str_of_buf(&html), &err);
	if (n < 0)
		log_warn("deck.html was not written: %s", err.message);
}

/* ---- results --------------------------------------------------------------------------------- */

/* What an earlier try left there would be read beside, or instead of, the new file. */
static int remove_stale(const struct task_context *ctx, const char *name, struct error *err)
{
	_cleanup_(freep) char *uri = output_uri(ctx, name, err), *path = NULL;
	int r;

	if (!uri)
		return err->code;
	if (data_is_remote(uri))
		return 0;
	r = data_local(uri, NULL, &path, err);
	if (r == ERR_NOT_FOUND)
		return 0;
	if (r < 0)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot remove the old %s",
				     path);
	return 0;
}

static int remove_stale_but(const struct task_context *ctx, const char *keep, struct error *err)
{
	static const char *const names[] = {"outputs.pb", "futures.pb", "error.pb"};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(names) && r == 0; i++)
		if (!streq(names[i], keep))
			r = remove_stale(ctx, names[i], err);
	return r;
}

/* "error.pb", or one name per worker so that they do not overwrite each other's. */
static int error_name(const struct task_context *ctx, char name[64], struct error *err)
{
	uint8_t random[16];
	char hex[33];
	int r;

	if (ctx->dist_error_strategy.len == 0) {
		snprintf(name, 64, "error.pb");
		return 0;
	}
	r = random_bytes(random, sizeof(random), err);
	if (r < 0)
		return r;
	hex_encode(random, sizeof(random), hex);
	snprintf(name, 64, "error-%s.pb", hex);
	return 0;
}

static int store_error(struct task_result *r, const struct task_context *ctx, struct error *err)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	char name[64];
	int n = error_name(ctx, name, err);

	if (n < 0)
		return n;
	r->failure.worker = ctx->dist_error_strategy.len ? ctx->items[TH_CTX_WORKER_NAME] : STR("");
	n = failure_encode(&r->failure, &bytes, err);
	if (n == 0)
		n = remove_stale_but(ctx, name, err);
	return n < 0 ? n : put(ctx, name, str_of_buf(&bytes), err);
}

int task_store_offloaded(const struct task_result *r,
			 const struct task_context *ctx,
			 struct error *err)
{
	int n = 0;

	for (size_t i = 0; i < r->n_offloaded && n == 0; i++)
		n = put(ctx, r->offloaded[i].file, str_of_buf(&r->offloaded[i].bytes), err);
	return n;
}

static int store_document(struct task_result *r,
			  const struct task_context *ctx,
			  const char *name,
			  struct error *err)
{
	int n = remove_stale_but(ctx, name, err);

	if (n == 0)
		n = task_store_offloaded(r, ctx, err);
	return n < 0 ? n : put(ctx, name, str_of_buf(&r->document), err);
}

int task_store_result(struct task_result *r,
		      const struct task_params *params,
		      const struct task_context *ctx,
		      struct str inputs,
		      struct error *err)
{
	struct timeline *timeline = params ? params->timeline : NULL;
	struct timeline_mark mark = timeline_start(timeline);
	int n = 0;

	switch (r->outcome) {
	case TASK_OUTPUTS:
		n = store_document(r, ctx, "outputs.pb", err);
		break;
	case TASK_FUTURES:
		n = store_document(r, ctx, "futures.pb", err);
		break;
	case TASK_ERROR:
		n = store_error(r, ctx, err);
		break;
	case TASK_IGNORED:
		break;
	}
	if (n < 0)
		return n;
	if (r->outcome != TASK_IGNORED)
		timeline_end(timeline, mark, "Upload data to " STR_FMT,
			     STR_ARG(ctx->items[TH_CTX_OUTPUT_PREFIX]));
	write_deck(r, params, ctx, inputs);
	return 0;
}
