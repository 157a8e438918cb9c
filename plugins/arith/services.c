/* What a running task can ask of its host: time, progress, checkpoints, decks, secrets, who it
 * is. */
#include <taskhost/author.h>

#include <time.h>

static void nap(long milliseconds)
{
	struct timespec t = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	nanosleep(&t, NULL);
}

/* ---- progress, cancel, deadline -------------------------------------------------------------- */

/* Why the task should stop now, or TH_OK. */
static th_status asked_to_stop(const th_run *run)
{
	int64_t deadline = TH_DEADLINE->deadline_ns ? TH_DEADLINE->deadline_ns(run->exec) : 0;
	uint32_t reason = th_cancelled(run);

	if (reason == TH_CANCEL_DEADLINE || (deadline && TH_DEADLINE->now_ns() >= deadline))
		return TH_E_DEADLINE;
	return reason ? TH_E_CANCELLED : TH_OK;
}

#define SLEEP(X)                                                                                   \
	X(in, seconds, float, "how long")                                                          \
	X(out, o0, float, "how long it was")
TH_TASK_WITH(sleep,
	     SLEEP,
	     "Sleeps, and wakes up when asked to stop",
	     TH_NEEDS("th.cancel/1") TH_NEEDS("th.progress/1"))
{
	while (out->o0 < in->seconds) {
		double rest = in->seconds - out->o0;
		double step = rest < 0.02 ? rest : 0.02;
		th_status st = asked_to_stop(run);

		if (st != TH_OK)
			return st;
		th_progress(run, out->o0 / in->seconds, "sleeping");
		nap((long)(step * 1000 + 0.5));
		out->o0 += step;
	}
	return TH_OK;
}

/* ---- checkpoints: a later attempt goes on where the last one was ----------------------------- */

static th_status load_count(const th_run *run, int64_t *ret)
{
	th_bytes data;
	th_status st;

	*ret = 0;
	if (!TH_CHECKPOINT->prev_exists || !TH_CHECKPOINT->prev_exists(run->exec))
		return TH_OK;
	st = TH_CHECKPOINT->read(run->exec, &data, run->error);
	if (st == TH_E_NOT_FOUND)
		return TH_OK;
	if (st == TH_OK && data.len == sizeof(*ret))
		memcpy(ret, data.ptr, sizeof(*ret));
	return st;
}

#define COUNT(X)                                                                                   \
	X(in, to, integer, "where the count ends")                                                 \
	X(opt, fail_at, integer, -1, "a first attempt fails here, recoverably")                    \
	X(out, started, integer, "where this attempt began")                                       \
	X(out, o0, integer, "where it ended")
TH_TASK_WITH(count,
	     COUNT,
	     "Counts, and remembers how far it came",
	     TH_RETRIES(3) TH_NEEDS("th.checkpoint/1"))
{
	th_status st = load_count(run, &out->started);

	for (out->o0 = out->started; st == TH_OK && out->o0 < in->to; out->o0++) {
		th_bytes data = {(const uint8_t *)&out->o0, sizeof(out->o0)};

		st = TH_CHECKPOINT->save(run->exec, data, run->error);
		if (st == TH_E_UNSUPPORTED) /* started without a checkpoint location */
			st = TH_OK;
		if (st == TH_OK && out->o0 == in->fail_at && !out->started)
			return th_fail_recoverable(run, "USER:Recoverable", "failed at %lld",
						   (long long)out->o0);
	}
	return st;
}

/* ---- decks ----------------------------------------------------------------------------------- */

#define REPORT(X)                                                                                  \
	X(in, title, string, "a heading")                                                          \
	X(in, xs, floats, "numbers, drawn as bars")                                                \
	X(out, o0, integer, "how many bars")
TH_TASK_WITH(report, REPORT, "Draws numbers into deck.html", TH_DECK() TH_NEEDS("th.deck/1"))
{
	char bar[200];
	th_deck *deck;
	th_status st = TH_DECK_API->open(run->exec, th_s("Bars"), &deck);

	if (st == TH_OK)
		st = TH_DECK_API->append_text(deck, in->title); /* escaped */
	for (size_t i = 0; st == TH_OK && i < in->xs.len; i++, out->o0++) {
		snprintf(bar, sizeof(bar), "<div style=\"background:#48c;width:%.1f%%\">%g</div>",
			 in->xs.ptr[i] < 0     ? 0.0
			 : in->xs.ptr[i] > 100 ? 100.0
					       : in->xs.ptr[i],
			 in->xs.ptr[i]);
		st = TH_DECK_API->append_html(deck, th_s(bar)); /* as it is */
	}
	return st;
}

/* ---- secrets: never printed, never part of an output ----------------------------------------- */

#define SECRET(X)                                                                                  \
	X(in, group, string, "the secret's group")                                                 \
	X(in, key, string, "the secret's key")                                                     \
	X(out, o0, integer, "how many bytes it has")
TH_TASK_WITH(secret_length, SECRET, "Measures a secret", TH_NEEDS("th.secrets/1"))
{
	th_str secret;
	th_status st =
		TH_SECRETS->get(run->exec, in->group, in->key, th_s(""), &secret, run->error);

	if (st == TH_OK)
		out->o0 = (int64_t)secret.len;
	return st;
}

/* ---- context --------------------------------------------------------------------------------- */

#define WHOAMI(X)                                                                                  \
	X(out, execution, string, "the execution's name")                                          \
	X(out, task, string, "the task's name")                                                    \
	X(out, attempt, integer, "0 for the first try")
TH_TASK_WITH(whoami, WHOAMI, "Tells which execution this is", TH_NEEDS("th.context/1"))
{
	th_status st = TH_CONTEXT->get(run->exec, TH_CTX_EXECUTION_NAME, &out->execution);

	if (st == TH_OK)
		st = TH_CONTEXT->get(run->exec, TH_CTX_TASK_NAME, &out->task);
	out->attempt = TH_CONTEXT->attempt(run->exec);
	th_logf(run, TH_LOG_INFO, "attempt %lld of %s", (long long)out->attempt,
		out->execution.ptr);
	return st;
}
