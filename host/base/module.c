#include "base/module.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static int host_error(struct error *err, int code, const char *fmt, va_list ap)
{
	return err_setv(err, code, fmt, ap);
}

static void host_warn(const char *fmt, va_list ap)
{
	char text[1024];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n > 0)
		log_str(LOG_WARN, (struct str){text, MIN((size_t)n, sizeof(text) - 1)});
}

static const struct module_host host = {.error = host_error, .warn = host_warn};

/* The program's directory, without a slash at its end. */
static bool program_dir(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;

	if (n <= 0)
		return false;
	out[n] = 0;
	slash = strrchr(out, '/');
	if (!slash)
		return false;
	*slash = 0;
	return true;
}

static void *open_in(const char *dir, const char *name, struct buf *tried)
{
	char path[PATH_MAX];
	void *handle;

	if (snprintf(path, sizeof(path), "%s/%s.so", dir, name) >= (int)sizeof(path))
		return NULL;
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		buf_printf(tried, "%s%s", tried->len ? "; " : "", dlerror());
	return handle;
}

static void *find(const char *name, struct buf *tried)
{
	const char *given = getenv("TASKHOST_MODULES");
	char dir[PATH_MAX];
	void *handle = given && *given ? open_in(given, name, tried) : NULL;

	if (!handle && program_dir(dir))
		handle = open_in(dir, name, tried);
	return handle;
}

int module_load(const char *name, const void **ret_table, struct error *err)
{
	_cleanup_(buf_done) struct buf tried = BUF_INIT;
	const struct module_entry *entry;
	void *handle = find(name, &tried);

	if (!handle)
		return err_set(err, ERR_NOT_FOUND, "cannot load the module %s: %s", name,
			       tried.data ? tried.data : "not found");
	entry = dlsym(handle, MODULE_SYMBOL);
	if (!entry) {
		dlclose(handle);
		return err_set(err, ERR_INVALID, "%s.so is no module of taskhost", name);
	}
	if (!streq(entry->version, TASKHOST_VERSION)) {
		err_set(err, ERR_MISMATCH, "the module %s belongs to version %s, this is %s", name,
			entry->version, TASKHOST_VERSION);
		dlclose(handle);
		return ERR_MISMATCH;
	}
	*ret_table = entry->start(&host);
	return 0;
}
