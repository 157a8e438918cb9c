/* Brings a malloc of its own, visible to all: neither side may get the other's. */
#include <taskhost/author.h>

#include <stdlib.h>

static char pool[1 << 16];
static size_t used;

TH_EXPORT void *malloc(size_t size);
TH_EXPORT void free(void *p);

void *malloc(size_t size)
{
	void *p = pool + used;

	used += (size + 15) / 16 * 16;
	return used <= sizeof(pool) ? p : NULL;
}

void free(void *p)
{
	if (p && ((char *)p < pool || (char *)p >= pool + sizeof(pool)))
		abort();
}

static th_status init(th_str config, void **ret_self, th_errout *error)
{
	(void)config;
	(void)error;
	*ret_self = malloc(10);
	return *ret_self ? TH_OK : TH_E_NOMEM;
}

static void deinit(void *self)
{
	free(self);
}

TH_PLUGIN_WITH("own_malloc", "1.0.0", "own allocator", ((th_plugin_hooks){init, NULL, deinit}));
