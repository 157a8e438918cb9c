/* Will not quiesce. */
#include <taskhost/author.h>

static th_status quiesce(void *self, int64_t deadline_ns, th_errout *error)
{
	(void)self;
	(void)deadline_ns;
	TH_HOST->error_set(error, TH_E_SYSTEM, 0, th_s(""), th_s("two uploads are running"));
	return TH_BUSY;
}

TH_PLUGIN_WITH("busy", "1.0.0", "never done", ((th_plugin_hooks){NULL, quiesce, NULL}));
