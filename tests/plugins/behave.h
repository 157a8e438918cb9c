/* A plugin by the macros whose init does what the including file says. */
#include <taskhost/author.h>

#include <stdlib.h>
#include <unistd.h>

static th_status misbehave(th_str config, void **ret_self, th_errout *error);

#define BEHAVE(id)                                                                                 \
	TH_PLUGIN_WITH(id, "1.0.0", "misbehaves in init",                                          \
		       ((th_plugin_hooks){misbehave, NULL, NULL}));                                \
	static th_status misbehave(__attribute__((unused)) th_str config,                          \
				   __attribute__((unused)) void **ret_self,                        \
				   __attribute__((unused)) th_errout *error)
