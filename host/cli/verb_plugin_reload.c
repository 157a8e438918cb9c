#include "cli/output.h"
#include "cli/verb.h"
#include "cli/worker_client.h"
#include "cli/worker_format.h"
#include "cli/worker_json.h"

static const struct args_option options[] = {
	WORKER_OPTIONS(struct worker_only, worker),
};

static const struct args_command command = {
	.operands = "",
	.about = "Makes a running worker look at its plugin directories now, and tells what has "
		 "changed.\nA plugin that is refused changes nothing but that; then the exit code "
		 "is "
		 "1.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.notes = "JSON: {\"changes\":[{\"what\",\"id\",\"file\",\"old_digest\",\"new_digest\","
		 "\"reason\"}],\n\"unchanged\"}. what is added, replaced, removed or "
		 "refused.\n" WORKER_EXIT_CODES,
	.examples = "taskhost plugin reload\n"
		    "taskhost plugin reload -o json",
};

typedef Taskhost__Worker__V1__ReloadPluginsResponse Reloaded;

#define REFUSED TASKHOST__WORKER__V1__PLUGIN_CHANGE__WHAT__REFUSED

static void changes_text(const Reloaded *r, struct buf *out)
{
	for (size_t i = 0; i < r->n_changes; i++) {
		const Taskhost__Worker__V1__PluginChange *c = r->changes[i];

		format_enum(&taskhost__worker__v1__plugin_change__what__descriptor, (int)c->what,
			    out);
		buf_printf(out, "  %s", c->id);
		if (*c->old_digest)
			buf_printf(out, "  %.12s ->", c->old_digest);
		if (*c->new_digest)
			buf_printf(out, "%s%.12s", *c->old_digest ? " " : "  ", c->new_digest);
		else if (*c->old_digest)
			buf_puts(out, " gone");
		buf_printf(out, "  %s\n", c->file);
		if (*c->reason)
			buf_printf(out, "  reason: %s\n", c->reason);
	}
	if (r->n_changes == 0)
		buf_puts(out, "nothing has changed; ");
	buf_printf(out, "%u plugin%s as before\n", r->unchanged, r->unchanged == 1 ? "" : "s");
}

static int reload(struct worker *w, const char *operand)
{
	Taskhost__Worker__V1__ReloadPluginsRequest request =
		TASKHOST__WORKER__V1__RELOAD_PLUGINS_REQUEST__INIT;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	bool refused = false;
	Reloaded *r;
	int code = WORKER_CALL(w, "ReloadPlugins", &request, reload_plugins_response, &r);

	(void)operand; /* it has none */
	if (code != EXIT_DONE)
		return code;
	for (size_t i = 0; i < r->n_changes; i++)
		refused = refused || r->changes[i]->what == REFUSED;
	changes_text(r, &text);
	code = w->json ? worker_json_output(w->prog, &r->base, NULL) : output_text(&text);
	return code == EXIT_DONE && refused ? EXIT_FAILED : code;
}

int verb_plugin_reload(const char *prog, int argc, char **argv)
{
	return worker_verb(&command, prog, argc, argv, reload);
}
