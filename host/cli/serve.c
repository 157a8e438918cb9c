#include "cli/serve_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "cli/output.h"
#include "http/http.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

/* ---- ready ------------------------------------------------------------------------------------- */

static void add_addresses(const struct serve *s, struct buf *line)
{
	for (size_t i = 0; i < s->config->listen.n; i++)
		buf_printf(line, "%s%s", i == 0 ? "ready grpc=" : ",",
			   grpc_server_address(s->grpc, i));
	if (s->config->listen.n == 0)
		buf_puts(line, "ready grpc=none");
	buf_printf(line, " admin=%s", s->http ? http_server_address(s->http) : "none");
	buf_printf(line, " socket=%s pid=%ld\n", *s->config->socket ? s->config->socket : "none",
		   (long)getpid());
}

/* One line for whoever started us; nothing else goes to stdout. */
static void say_ready(struct serve *s)
{
	_cleanup_(buf_done) struct buf line = BUF_INIT;
	struct error err = ERROR_INIT;

	s->ready = true;
	add_addresses(s, &line);
	if (output_text(&line) != EXIT_DONE)
		log_warn("the ready line could not be printed");
	if (sd_notify_ready(&s->notify, &err) < 0 ||
	    sd_notify_status(&s->notify, &err, "serving %u plugins",
			     catalog_counts(s->catalog).active) < 0)
		log_debug("%s", err.message);
}

static void on_loaded(void *user)
{
	struct serve *s = user;
	struct catalog_counts n = catalog_counts(s->catalog);

	s->loaded = true;
	s->facts.scanned = true;
	if (n.active > 0)
		log_info("%u plugins, %u of them active", n.plugins, n.active);
	else
		log_warn("no plugin is active, of %u: not ready until one is", n.plugins);
	serve_tell_health(s);
	if (!s->draining) {
		say_ready(s);
		serve_forget_start();
	}
}

/* ---- timers ------------------------------------------------------------------------------------ */

static void on_stop_after(struct loop_timer *t)
{
	struct serve *s = CONTAINER_OF(t, struct serve, stop_after);

	log_info("the time given by --stop-after is over");
	serve_drain(s);
}

/* As long as the loop turns and the store's thread gets its work done, we are alive. */
static void on_watchdog(struct loop_timer *t)
{
	struct serve *s = CONTAINER_OF(t, struct serve, watchdog);
	struct error err = ERROR_INIT;

	if (serve_store_alive(s) && sd_notify_watchdog(&s->notify, &err) < 0)
		log_debug("%s", err.message);
	loop_timer_set(s->loop, t, loop_now_ns() + s->notify.watchdog_ns / 2);
}

static void start_timers(struct serve *s)
{
	serve_start_tidying(s);
	s->stop_after.fire = on_stop_after;
	s->watchdog.fire = on_watchdog;
	if (s->config->stop_after_ns > 0)
		loop_timer_set(s->loop, &s->stop_after, loop_now_ns() + s->config->stop_after_ns);
	if (s->notify.watchdog_ns > 0)
		loop_timer_set(s->loop, &s->watchdog, loop_now_ns() + s->notify.watchdog_ns / 2);
}

/* ---- life -------------------------------------------------------------------------------------- */

static int open_process(struct serve *s)
{
	struct error err = ERROR_INIT;
	int rc = loop_new(&s->loop, &s->err);

	if (rc < 0)
		return rc;
	/* A file that meets a size limit is an error of one write. */
	signal(SIGXFSZ, SIG_IGN);
	if (sd_notify_init(&s->notify, &err) < 0)
		log_warn("systemd is not told how we are: %s", err.message);
	if (pid1_needed())
		rc = pid1_new(s->loop, &s->pid1, &s->err);
	return rc < 0 ? rc : serve_open_metrics(s);
}

static int open_all(struct serve *s)
{
	int rc = open_process(s);

	/* Heard once the loop turns. Until there is a handler, process 1 loses its SIGTERM. */
	if (rc == 0)
		rc = serve_watch_signals(s);
	if (rc == 0)
		rc = serve_open_parts(s);
	if (rc == 0)
		rc = serve_open_rpc(s);
	if (rc == 0)
		rc = serve_open_admin(s);
	if (rc == 0)
		rc = catalog_start(s->catalog, on_loaded, s, &s->err);
	if (rc == 0)
		start_timers(s);
	return rc;
}

static void free_all(struct serve *s)
{
	struct error err = ERROR_INIT;

	serve_free_rpc(s);
	serve_free_parts(s);
	serve_free_admin(s);
	sd_notify_done(&s->notify);
	if (s->loop && loop_close(s->loop, &err) < 0)
		log_error("%s", err.message);
	free(s);
}

int serve(const struct worker_config *config)
{
	struct serve *s = calloc(1, sizeof(*s));
	int code;

	if (!s) {
		log_error("no memory");
		return EXIT_FAILED;
	}
	s->config = config;
	s->err = (struct error)ERROR_INIT;
	s->state = (struct state_dir)STATE_DIR_INIT;
	s->notify.fd = -1;
	s->facts.name = "taskhost";
	s->started_at = clock_realtime_ns();
	if (open_all(s) < 0) {
		log_error("%s", s->err.message);
		s->exit_code = EXIT_FAILED;
		if (s->loop)
			serve_close(s);
	}
	if (s->loop)
		loop_run(s->loop);
	/* A thread that writes a file has parts of ours in its hands. */
	while (s->loop && loop_works(s->loop) > 0)
		loop_run_once(s->loop, SECOND);
	code = s->exit_code;
	free_all(s);
	return code;
}
