/* Signals, the stages of stopping, and closing everything in order:
 *
 *   TERM      drain: not ready; then no new runs; what runs finishes, is asked, is killed
 *   INT       the same; each further one skips to the next stage
 *   HUP       a look at the plugin directories
 *
 * Once nothing runs and everything is written: connections, then runners, then logs and store. */
#include "cli/serve_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "grpc/svc_worker.h"
#include "http/http.h"

#include <signal.h>
#include <stdio.h>

#define LAST_CALLS_NS INT64_C(1000000000)
#define CLOSING_NS    (10 * LAST_CALLS_NS) /* once everything is written */

static const int watched_signals[SERVE_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};

/* ---- closing ------------------------------------------------------------------------------------- */

static void on_logs_closed(void *user)
{
	struct serve *s = user;

	s->logs = NULL;
	loop_stop(s->loop);
}

static void on_pool_closed(void *user)
{
	struct serve *s = user;
	struct store *store = TAKE(s->store);

	s->pool = NULL;
	if (s->files)
		serve_files_close(s->files);
	store_close(store);
	wake_close(TAKE(s->store_wake));
	if (s->logs)
		logs_close(s->logs, on_logs_closed, s);
	else
		loop_stop(s->loop);
}

static void close_runners(struct serve *s)
{
	if (s->catalog)
		catalog_stop(s->catalog);
	if (s->pool)
		runner_pool_close(s->pool, on_pool_closed, s);
	else
		on_pool_closed(s);
}

static void on_rpc_closed(void *user)
{
	struct serve *s = user;

	s->grpc = NULL;
	close_runners(s);
}

static void close_timers(struct serve *s)
{
	loop_timer_cancel(s->loop, &s->dispatch_timer);
	loop_timer_cancel(s->loop, &s->stop_after);
	loop_timer_cancel(s->loop, &s->watchdog);
	loop_timer_cancel(s->loop, &s->last_calls);
	loop_timer_cancel(s->loop, &s->tidy);
}

void serve_close(struct serve *s)
{
	if (s->closing)
		return;
	s->closing = true;
	serve_close_admin(s);
	close_timers(s);
	for (size_t i = 0; i < ARRAY_LEN(s->signals); i++)
		if (s->signals[i])
			signal_watch_close(TAKE(s->signals[i]));
	/* Who asks again while we leave must not turn a good end into a death by signal. */
	for (size_t i = 0; i < ARRAY_LEN(watched_signals); i++)
		signal(watched_signals[i], SIG_IGN);
	if (s->pid1)
		pid1_free(TAKE(s->pid1));
	if (s->grpc)
		grpc_server_close(s->grpc, on_rpc_closed, s);
	else
		close_runners(s);
}

/* ---- draining ------------------------------------------------------------------------------------ */

static void say(struct serve *s, const char *what)
{
	struct error err = ERROR_INIT;

	log_info("stopping: %s", what);
	if (sd_notify_status(&s->notify, &err, "stopping: %s", what) < 0)
		log_debug("%s", err.message);
}

/* When that is before the last run's end, nobody is told any more, and the work goes on. */
static void on_connections_gone(void *user)
{
	struct serve *s = user;

	if (s->drained)
		serve_close(s);
}

static void on_last_calls(struct loop_timer *t)
{
	serve_close(CONTAINER_OF(t, struct serve, last_calls));
}

/* Those who are still connected may hear how it ended, but not for long. */
static void on_drained(struct serve *s)
{
	s->drained = true;
	s->last_calls.fire = on_last_calls;
	loop_timer_set(s->loop, &s->last_calls,
		       loop_now_ns() + (grpc_server_connections(s->grpc) > 0 ? LAST_CALLS_NS : 0));
}

/* Each stage anew: the grace may have been set meanwhile. */
static void ask_for_time(struct serve *s)
{
	int64_t most = dispatch_drain_most_ns(s->dispatch);
	struct error err = ERROR_INIT;

	if (sd_notify_extend(&s->notify, MIN(most, INT64_MAX - CLOSING_NS) + CLOSING_NS, &err) < 0)
		log_debug("%s", err.message);
}

void serve_on_drain(void *user, enum drain_stage stage)
{
	struct serve *s = user;

	ask_for_time(s);
	if (s->worker)
		worker_service_drain_moved(s->worker);
	switch (stage) {
	case DRAIN_NONE:
		break;
	case DRAIN_LAMEDUCK:
		say(s, "not ready any more, still serving");
		break;
	case DRAIN_GRACE:
		say(s, "no new runs; those that run may finish");
		if (s->health)
			health_shutdown(s->health);
		if (s->grpc)
			grpc_server_drain(s->grpc, on_connections_gone, s);
		break;
	case DRAIN_ASK:
		say(s, "what still runs is asked to stop");
		break;
	case DRAIN_KILL:
		say(s, "what still runs is killed");
		break;
	case DRAIN_DONE:
		say(s, "everything is written");
		on_drained(s);
		break;
	}
}

void serve_drain(struct serve *s)
{
	struct error err = ERROR_INIT;

	if (s->draining || s->closing)
		return;
	s->draining = true;
	if (sd_notify_stopping(&s->notify, &err) < 0)
		log_debug("%s", err.message);
	serve_tell_health(s);
	dispatch_drain(s->dispatch);
}

/* ---- signals ------------------------------------------------------------------------------------- */

static void on_stop(void *user, int signo)
{
	struct serve *s = user;

	if (!s->draining) {
		log_info("%s: stopping", signo == SIGINT ? "SIGINT" : "SIGTERM");
		serve_drain(s);
	} else if (signo == SIGINT) {
		log_info("SIGINT again: hurrying");
		dispatch_drain_hurry(s->dispatch);
	}
}

static void on_reloaded(struct catalog_reload *r,
			const struct catalog_change *changes,
			size_t n_changes,
			unsigned unchanged)
{
	struct serve *s = CONTAINER_OF(r, struct serve, reload);
	struct error err = ERROR_INIT;

	(void)changes;
	s->reloading = false;
	log_info("looked at the plugins: %zu changed, %u as before", n_changes, unchanged);
	if (sd_notify_ready(&s->notify, &err) < 0)
		log_debug("%s", err.message);
}

static void on_hangup(void *user, int signo)
{
	struct serve *s = user;
	struct error err = ERROR_INIT;

	(void)signo;
	if (s->reloading || s->closing)
		return;
	s->reloading = true;
	if (sd_notify_reloading(&s->notify, &err) < 0)
		log_debug("%s", err.message);
	s->reload.done = on_reloaded;
	catalog_reload(s->catalog, &s->reload);
}

int serve_watch_signals(struct serve *s)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(watched_signals) && rc == 0; i++)
		rc = signal_watch_new(s->loop, watched_signals[i],
				      watched_signals[i] == SIGHUP ? on_hangup : on_stop, s,
				      &s->signals[i], &s->err);
	return rc;
}
