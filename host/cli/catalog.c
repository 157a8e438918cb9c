#include "cli/catalog_private.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

#define SETTLE_MAX_NS (5 * SECOND) /* a file that is written for longer holds nobody up */
#define TIDY_NS       (20 * SECOND)

/* ---- news ------------------------------------------------------------------------------------- */

static void on_tell(struct loop_later *later)
{
	struct catalog *c = CONTAINER_OF(later, struct catalog, tell);
	_cleanup_(freep) char *id = TAKE(c->tell_id);
	bool any = c->tell_any;

	c->tell_any = false;
	if (c->params.changed && !c->stopped)
		c->params.changed(c->params.user, any || !id ? STR_NULL : str_of(id));
}

void catalog_tell(struct catalog *c, const char *id)
{
	if (c->stopped)
		return;
	if (id && !c->tell_any && !c->tell_id)
		c->tell_id = strdup(id);
	else if (!id || !c->tell_id || !streq(c->tell_id, id))
		c->tell_any = true;
	loop_later_queue(c->params.loop, &c->tell);
}

static void change_done(struct catalog_change *x)
{
	free((char *)(uintptr_t)x->id);
	free((char *)(uintptr_t)x->file);
	free((char *)(uintptr_t)x->old_digest);
	free((char *)(uintptr_t)x->new_digest);
	free((char *)(uintptr_t)x->reason);
}

static void forget_changes(struct catalog *c)
{
	for (size_t i = 0; i < c->n_changes; i++)
		change_done(&c->changes[i]);
	free(c->changes);
	c->changes = NULL;
	c->n_changes = 0;
}

static void remember_change(struct catalog *c, struct catalog_change x)
{
	struct catalog_change *more;

	x = (struct catalog_change){x.what,
				    strdup(x.id),
				    strdup(x.file),
				    strdup(x.old_digest),
				    strdup(x.new_digest),
				    strdup(x.reason)};
	more = x.id && x.file && x.old_digest && x.new_digest && x.reason
		       ? realloc(c->changes, (c->n_changes + 1) * sizeof(*more))
		       : NULL;
	if (!more) {
		change_done(&x);
		log_warn("out of memory: a change of the plugins is not reported");
		return;
	}
	c->changes = more;
	more[c->n_changes++] = x;
}

void catalog_note_change(struct catalog *c,
			 enum catalog_what what,
			 const char *id,
			 const char *file,
			 const char *old_digest,
			 const char *new_digest,
			 const char *reason)
{
	static const char *const words[] = {
		[CHANGE_ADDED] = "is new",
		[CHANGE_REPLACED] = "was replaced",
		[CHANGE_REMOVED] = "is gone",
		[CHANGE_REFUSED] = "is not used",
	};
	bool bad = what == CHANGE_REFUSED;

	log_msg(bad ? LOG_WARN : LOG_INFO, "plugin %s (%s) %s%s%s%s%s", id, file, words[what],
		*reason ? ": " : "", reason, *new_digest ? "; sha256 " : "", new_digest);
	if (c->params.metrics && what != CHANGE_REMOVED)
		metric_inc(metric_with(c->params.metrics->reloads,
				       (struct str[]){bad ? STR("refused") : STR("ok")}),
			   1);
	if (c->reloads)
		remember_change(
			c, (struct catalog_change){what, id, file, old_digest, new_digest, reason});
}

/* ---- quiet ------------------------------------------------------------------------------------ */

bool catalog_busy(const struct catalog *c)
{
	if (c->looking || c->again || c->probes || c->line_up.link)
		return true;
	return c->settling_since_ns && loop_now_ns() - c->settling_since_ns < SETTLE_MAX_NS;
}

static unsigned count_unchanged(const struct catalog *c)
{
	unsigned n = 0;

	map_foreach (&c->plugins, e) {
		const struct known_plugin *p = e->value;
		bool changed = !p->current;

		for (size_t i = 0; i < c->n_changes; i++)
			changed = changed || streq(c->changes[i].id, p->id);
		n += !changed;
	}
	return n;
}

void catalog_check_quiet(struct catalog *c)
{
	struct catalog_reload *r;

	if (c->stopped || catalog_busy(c))
		return;
	if (!c->loaded) {
		c->loaded = true;
		catalog_tell(c, NULL);
		if (c->on_loaded)
			c->on_loaded(c->on_loaded_user);
	}
	while (!c->stopped && !catalog_busy(c) && (r = c->reloads)) {
		c->reloads = r->next;
		r->next = NULL;
		r->done(r, c->changes, c->n_changes, count_unchanged(c));
	}
	if (!c->reloads)
		forget_changes(c);
}

/* What could not be run, for reasons that are not the plugin's, is tried again when asked for. */
static void retry_unknown(struct catalog *c)
{
	for (size_t i = 0; i < c->n_slots; i++) {
		struct verdict *v = c->slots[i].file.verdict;

		if (v && v->loadable && !v->probed && v->state != PLUGIN_ACTIVE)
			verdicts_judge(c->verdicts, v, PLUGIN_ACTIVE, "", false, NULL, 0, NULL);
	}
}

void catalog_reload(struct catalog *c, struct catalog_reload *r)
{
	retry_unknown(c);
	r->next = c->reloads;
	c->reloads = r;
	c->again = true;
	catalog_look_at(c, loop_now_ns());
}

void catalog_reload_forget(struct catalog *c, struct catalog_reload *r)
{
	struct catalog_reload **at = &c->reloads;

	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
	r->next = NULL;
}

/* ---- life ------------------------------------------------------------------------------------- */

static int add_dir(char ***list, size_t *n, const char *dir, struct error *err)
{
	_cleanup_(freep) char *here = dir[0] == '/' ? NULL : getcwd(NULL, 0);
	_cleanup_(freep) char *path =
		dir[0] == '/' ? strdup(dir) : path_join(here ? here : "/", dir);
	size_t len = path ? strlen(path) : 0;
	char **more;

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	for (size_t i = 0; path && i < *n; i++)
		if (streq((*list)[i], path))
			return 0;
	more = path ? realloc(*list, (*n + 2) * sizeof(*more)) : NULL;
	if (!more)
		return err_nomem(err, "the plugin directories");
	*list = more;
	more[(*n)++] = TAKE(path);
	more[*n] = NULL;
	return 0;
}

/* The configuration has merged flags, environment, file and default already. */
static int take_dirs(struct catalog *c, struct error *err)
{
	const struct worker_config *config = c->params.config;
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->plugins.n; i++)
		r = add_dir(&c->dirs, &c->n_dirs, config->plugins.items[i], err);
	for (size_t i = 0; r == 0 && i < config->trust.n; i++)
		r = add_dir(&c->trusted, &c->n_trusted, config->trust.items[i], err);
	if (r == 0 && !c->dirs)
		c->dirs = calloc(1, sizeof(*c->dirs));
	return r < 0 || c->dirs ? r : err_nomem(err, "the plugin directories");
}

static int open_verdicts(struct catalog *c, struct error *err)
{
	struct error why = ERROR_INIT;
	int r = verdicts_new(&c->verdicts, err);

	if (r < 0)
		return r;
	r = verdicts_load(c->verdicts, c->verdicts_path, &why);
	if (r == ERR_NOMEM)
		return err_set(err, r, "%s", why.message);
	if (r < 0)
		log_warn("what was known of plugins is left aside, so all are looked at anew: %s",
			 why.message);
	return 0;
}

static int set_up(struct catalog *c, struct error *err)
{
	struct scanner_params scan;
	int r = take_dirs(c, err);

	if (r < 0)
		return r;
	c->verdicts_path = path_join(c->params.state_dir, "verdicts");
	c->off_path = path_join(c->params.state_dir, "disabled.json");
	c->dir_wds = calloc(c->n_dirs + 1, sizeof(*c->dir_wds));
	c->parent_wds = calloc(c->n_dirs + 1, sizeof(*c->parent_wds));
	if (!c->verdicts_path || !c->off_path || !c->dir_wds || !c->parent_wds)
		return err_nomem(err, "the catalog of plugins");
	r = open_verdicts(c, err);
	if (r < 0)
		return r;
	scan = (struct scanner_params){.dirs = (const char *const *)c->dirs,
				       .n_dirs = c->n_dirs,
				       .trusted = (const char *const *)c->trusted,
				       .n_trusted = c->n_trusted,
				       .store_dir = c->params.state_dir};
	return scanner_new(&scan, c->verdicts, &c->scanner, err);
}

static void on_tidy(struct loop_timer *t)
{
	struct catalog *c = CONTAINER_OF(t, struct catalog, tidy);

	catalog_tidy(c);
	loop_timer_set(c->params.loop, t, loop_now_ns() + TIDY_NS);
}

static void on_soon(struct loop_timer *t)
{
	struct catalog *c = CONTAINER_OF(t, struct catalog, soon);

	loop_later_queue(c->params.loop, &c->line_up);
	catalog_save(c);
}

static void on_line_up(struct loop_later *later)
{
	struct catalog *c = CONTAINER_OF(later, struct catalog, line_up);

	catalog_judge(c);
	catalog_check_quiet(c);
}

int catalog_new(const struct catalog_params *params, struct catalog **ret, struct error *err)
{
	struct catalog *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_nomem(err, "the catalog of plugins");
	c->params = *params;
	c->notify_fd = -1;
	c->tell.run = on_tell;
	c->line_up.run = on_line_up;
	c->tidy.fire = on_tidy;
	c->soon.fire = on_soon;
	r = set_up(c, err);
	if (r < 0) {
		catalog_free(c);
		return r;
	}
	catalog_off_load(c);
	*ret = c;
	return 0;
}

int catalog_start(struct catalog *c, void (*loaded)(void *user), void *user, struct error *err)
{
	if (c->started)
		return err_set(err, ERR_STATE, "the catalog of plugins has been started");
	c->started = true;
	c->on_loaded = loaded;
	c->on_loaded_user = user;
	catalog_watch_open(c);
	c->again = true;
	catalog_look_now(c);
	loop_timer_set(c->params.loop, &c->tidy, loop_now_ns() + TIDY_NS);
	return 0;
}

void catalog_stop(struct catalog *c)
{
	struct loop *l = c->params.loop;

	if (c->stopped)
		return;
	c->stopped = true;
	catalog_watch_close(c);
	catalog_probe_stop(c);
	loop_timer_cancel(l, &c->timer);
	loop_timer_cancel(l, &c->tidy);
	loop_timer_cancel(l, &c->soon);
	loop_later_cancel(l, &c->tell);
	loop_later_cancel(l, &c->line_up);
	c->reloads = NULL;
}

static void free_list(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

/* A look or a save that is still under way in its thread is waited for. */
static void wait_for_threads(struct catalog *c)
{
	if (c->looking)
		loop_work_cancel(&c->work);
	while (c->looking || c->saving)
		loop_run_once(c->params.loop, SECOND / 20);
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	catalog_stop(c);
	wait_for_threads(c);
	if (c->started && verdicts_changed(c->verdicts))
		catalog_save_now(c);
	look_done(&c->look);
	catalog_plugins_free(c);
	for (size_t i = 0; i < c->n_slots; i++)
		slot_done(&c->slots[i]);
	free(c->slots);
	scanner_free(c->scanner);
	verdicts_free(c->verdicts);
	map_done(&c->off, free);
	forget_changes(c);
	free_list(c->dirs, c->n_dirs);
	free_list(c->trusted, c->n_trusted);
	free_list(c->forgotten, c->n_forgotten);
	free(c->dir_wds);
	free(c->parent_wds);
	free(c->keep);
	free(c->keep_list);
	free(c->tell_id);
	free(c->verdicts_path);
	free(c->off_path);
	free(c);
}

const char *const *catalog_directories(const struct catalog *c)
{
	return (const char *const *)c->dirs;
}
