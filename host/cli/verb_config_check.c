#include "cli/config_verb.h"
#include "cli/output.h"
#include "cli/verb.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char about[] =
	"Checks the worker's settings, and that the files they name are there. Says all that\n"
	"is wrong; exit code 1 when anything is. Takes the options of 'serve'.";

/* ---- what is on the disk ----------------------------------------------------------------- */

static void check_file(struct worker_config *c, const char *key, const char *path)
{
	if (*path && access(path, R_OK) < 0)
		config_problem(c, "%s: %s: %s", key, path, strerror(errno));
}

static void check_directory(struct worker_config *c, const char *key, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		config_problem(c, "%s: %s: %s", key, path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		config_problem(c, "%s: %s is not a directory", key, path);
}

static void to_parent(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		*path = '.';
	if (!slash || slash == path)
		path[1] = '\0';
	else
		*slash = '\0';
}

/* It is made when it is missing, so the nearest one above that exists must be writable. */
static void check_state(struct worker_config *c)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s", c->state);
	while (access(path, F_OK) < 0 && errno == ENOENT && !streq(path, ".") && !streq(path, "/"))
		to_parent(path);
	if (access(path, W_OK | X_OK) < 0)
		config_problem(c, "state: %s cannot be written: %s", path, strerror(errno));
}

static void check_disk(struct worker_config *c)
{
	for (size_t i = 0; i < c->plugins.n; i++)
		check_directory(c, "plugins", c->plugins.items[i]);
	check_file(c, "tls.cert", c->tls_cert);
	check_file(c, "tls.key", c->tls_key);
	check_file(c, "tls.client_ca", c->tls_client_ca);
	if (*c->state)
		check_state(c);
	/* Its default is made at the first start. */
	if (access(c->meta_key_file, F_OK) == 0 || !str_starts(str_of(c->meta_key_file), c->state))
		check_file(c, "meta_key_file", c->meta_key_file);
}

/* ---- the verb ---------------------------------------------------------------------------- */

static int check(const char *prog, struct worker_config *c, bool json, bool good)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct jw w = JW_INIT(&text, 2);
	int code;

	(void)good;
	check_disk(c);
	if (json) {
		jw_object_begin(&w);
		jw_kv_bool(&w, "ok", c->problems.n == 0);
		config_list_json(&w, "problems", &c->problems);
		config_list_json(&w, "notes", &c->notes);
		jw_object_end(&w);
		buf_putc(&text, '\n');
	} else {
		config_print_problems(prog, c);
		if (c->problems.n == 0)
			buf_puts(&text, "ok\n");
	}
	code = output_text(&text);
	return code != EXIT_DONE ? code : c->problems.n ? EXIT_FAILED : EXIT_DONE;
}

int verb_config_check(const char *prog, int argc, char **argv)
{
	return config_verb(prog, argc, argv, about, "taskhost config check --config worker.json",
			   check);
}
