#include "cli/program.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>
#include <unistd.h>

/* Beside this program; NULL when that cannot be told. */
static char *beside(const char *name)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	return path_join(self, name);
}

int program_path(const char *name, char **ret, struct error *err)
{
	static const char *const installed[] = {TASKHOST_LIBEXEC_DIR, TASKHOST_BIN_DIR};
	char *path = beside(name);

	if (path && access(path, X_OK) == 0) {
		*ret = path;
		return 0;
	}
	free(path);
	for (size_t i = 0; i < ARRAY_LEN(installed); i++) {
		path = path_join(installed[i], name);
		if (!path)
			return err_nomem(err, "the path of a program");
		if (access(path, X_OK) == 0) {
			*ret = path;
			return 0;
		}
		free(path);
	}
	return err_set(err, ERR_NOT_FOUND,
		       "the program %s is missing: it is neither beside this one nor in %s or %s; "
		       "install taskhost again",
		       name, TASKHOST_LIBEXEC_DIR, TASKHOST_BIN_DIR);
}
