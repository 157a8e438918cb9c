#include "cli/serve_http_private.h"

#include "base/mem.h"
#include "cli/catalog.h"

#include <string.h>

/* ---- texts ----------------------------------------------------------------------------------- */

static struct str state_text(enum catalog_state state)
{
	static const char *const texts[] = {
		[CATALOG_ACTIVE] = "active",
		[CATALOG_LOADING] = "loading",
		[CATALOG_REFUSED] = "refused",
		[CATALOG_QUARANTINED] = "quarantined",
		[CATALOG_DISABLED] = "disabled",
		[CATALOG_REMOVED] = "removed",
		[CATALOG_NOT_A_PLUGIN] = "not a plugin",
	};

	return str_of((size_t)state < ARRAY_LEN(texts) ? texts[state] : "?");
}

static void join(struct buf *out, const char *text)
{
	if (text && *text)
		buf_printf(out, "%s%s", out->len > 0 ? "; " : "", text);
}

/* Of an active plugin: what it has to do without, and its last crash. */
static void put_reason(const struct catalog_view *v, struct buf *out)
{
	join(out, v->reason);
	for (size_t i = 0; i < v->n_lost_claims; i++)
		join(out, v->lost_claims[i]);
	if (v->n_generations > 0 && out->len == 0)
		join(out, v->generations[0].status.reason);
}

/* Tasks by their full names, executors by the task types they take. */
static size_t put_offers(const struct note_plugin *note, struct arena *arena, struct str **ret)
{
	size_t max = note->n_tasks, n = 0;
	struct str *list;

	for (size_t i = 0; i < note->n_executors; i++)
		max += note->executors[i].n_task_types;
	list = arena_array(arena, max + 1, sizeof(*list));
	if (!list)
		return 0;
	for (size_t i = 0; i < note->n_tasks; i++)
		list[n++] = str_of(arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(note->id),
						STR_ARG(note->tasks[i].name)));
	for (size_t i = 0; i < note->n_executors; i++)
		for (size_t k = 0; k < note->executors[i].n_task_types; k++)
			list[n++] = note->executors[i].task_types[k].type;
	*ret = list;
	return n;
}

/* ---- one plugin ------------------------------------------------------------------------------ */

static void add_generations(const struct catalog_view *v, struct http_plugin *out)
{
	for (size_t i = 0; i < v->n_generations; i++) {
		const struct runner_generation_status *s = &v->generations[i].status;

		out->runners += s->runners;
		out->busy += s->busy;
		out->queued += s->queued;
		out->running += s->running;
		out->runs += s->runs;
		out->crashes += s->crashes;
	}
}

static void each_plugin(void *context, const struct catalog_view *v)
{
	_cleanup_(buf_done) struct buf reason = BUF_INIT, limits = BUF_INIT;
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	struct str *offers = NULL;
	struct http_plugin out = {
		.id = str_of(v->id),
		.file = str_of(v->file),
		.state = state_text(v->state),
		.quarantined_until_ns = v->quarantined_until,
	};

	put_reason(v, &reason);
	out.reason = (struct str){reason.data, reason.len};
	if (v->note) {
		out.version = v->note->version;
		out.n_offers = put_offers(v->note, &arena, &offers);
		out.offers = offers;
	}
	if (v->n_generations > 0) {
		const struct runner_generation_status *s = &v->generations[0].status;

		out.digest = str_of(v->generations[0].digest);
		out.isolation =
			s->in_process
				? STR("in-process: crashes and hard cancels are not contained")
				: STR("process");
		limits_describe(&s->limits, &limits);
		out.limits = (struct str){limits.data, limits.len};
	}
	add_generations(v, &out);
	http_answer_plugin(context, &out);
}

void on_plugins(void *user, struct http_answer *a)
{
	const struct serve_http *h = user;

	catalog_list(h->params.catalog, false, each_plugin, a);
	http_answer_end(a, false);
}
