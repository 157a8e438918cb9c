#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/unpack.h"
#include "cli/verb.h"
#include "data/data.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct options {
	const char *distribution, *dest_dir;
};

static const struct args_option options[] = {
	{.name = "additional-distribution",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, distribution),
	 .value = "URI",
	 .help = "A tar archive of plugins, plain or in gzip."},
	{.name = "dest-dir",
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, dest_dir),
	 .value = "DIR",
	 .help = "An existing directory to unpack it into; the current one unless given."},
};

static const struct args_command command = {
	.operands = "[TASK_EXECUTE_CMD]...",
	.about = "Unpacks an archive of plugins, then runs a command with them on the plugin path.",
	.plain_about = "Downloads a compressed code distribution specified by additional-\n"
		       "distribution and then calls the underlying task execute command for the\n"
		       "updated code.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.max_operands = SIZE_MAX,
	.notes = "The directory goes to the front of TASKHOST_PLUGIN_PATH and to the end of "
		 "PYTHONPATH.\nAn archive that would write outside of it is refused. SIGTERM is "
		 "passed on; the exit\ncode is the command's, 256-N when signal N ended it.",
	.examples = "taskhost fast-execute --additional-distribution plugins.tar.gz --dest-dir "
		    "/opt/p \\\n"
		    "    -- pyflyte-execute --inputs ... --resolver ... -- ...",
};

extern char **environ;

/* ---- the archive ----------------------------------------------------------------------------- */

/* "~" and "~/x" by $HOME; the caller frees. */
static char *expand_home(const char *dir)
{
	const char *home = getenv("HOME");

	if (dir[0] == '~' && (dir[1] == '/' || dir[1] == '\0') && home)
		return path_join(home, dir[1] ? dir + 2 : "");
	return strdup(dir);
}

static int unpack_local(const char *path, const char *uri, const char *dir, struct error *err)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "%s", uri);
	return unpack_archive(fd, uri, dir, &unpack_limits_default, err);
}

static int unpack_distribution(const char *uri, const char *dir, struct error *err)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(freep) char *temporary = NULL;
	struct error ignored = ERROR_INIT;
	struct stat st;
	int rc;

	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID,
			       "the destination %s is not a directory; make it first", dir);
	if (streq(path_base(uri), "pkl.gz"))
		return err_set(err, ERR_UNSUPPORTED,
			       "%s holds pickled Python code, which only Python can run", uri);
	rc = dir_make_temp(NULL, "taskhost-", &temporary, err);
	if (rc < 0)
		return rc;
	rc = data_local(uri, temporary, &path, err);
	if (rc == 0)
		rc = unpack_local(path, uri, dir, err);
	if (dir_remove(temporary, &ignored) < 0)
		log_warn("%s", ignored.message);
	return rc;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* Before each "--resolver" stands where the code came from, so that dynamic tasks can pass it on.
 */
static int build_command(const struct options *o,
			 const char *dir,
			 const struct args_list *words,
			 struct args_list *ret,
			 struct error *err)
{
	const char *const inserted[] = {"--dynamic-addl-distro", o->distribution,
					"--dynamic-dest-dir", dir};
	int rc = 0;

	for (size_t i = 0; i < words->n && rc == 0; i++) {
		if (o->distribution && streq(words->items[i], "--resolver"))
			for (size_t j = 0; j < ARRAY_LEN(inserted) && rc == 0; j++)
				rc = args_list_add(ret, inserted[j], err);
		if (rc == 0)
			rc = args_list_add(ret, words->items[i], err);
	}
	return rc == 0 ? args_list_add(ret, NULL, err) : rc;
}

static int join_path(const char *name, const char *dir, bool front, struct error *err)
{
	_cleanup_(buf_done) struct buf value = BUF_INIT;
	const char *old = getenv(name);
	const char *first = front ? dir : old, *second = front ? old : dir;

	if (old && *old)
		buf_printf(&value, "%s:%s", first, second);
	else
		buf_puts(&value, dir);
	if (value.failed || setenv(name, value.data, 1) < 0)
		return err_nomem(err, "the environment");
	return 0;
}

static int set_environment(const char *dir, struct error *err)
{
	_cleanup_(freep) char *real = realpath(dir, NULL);
	int rc;

	if (!real)
		return err_set_errno(err, err_from_errno(errno), errno, "%s", dir);
	if (strchr(real, ':'))
		log_warn("%s has a colon in its name, so it cannot be on TASKHOST_PLUGIN_PATH",
			 real);
	rc = join_path("TASKHOST_PLUGIN_PATH", real, true, err);
	return rc < 0 ? rc : join_path("PYTHONPATH", real, false, err);
}

static bool is_our_name(const char *name)
{
	return streq(name, "taskhost") || streq(name, "pyflyte-execute") ||
	       streq(name, "pyflyte-map-execute") || streq(name, "pyflyte-fast-execute");
}

/* `old` is the signal mask the command shall start with. */
static int spawn(char **argv, const sigset_t *old, pid_t *ret, struct error *err)
{
	posix_spawnattr_t attr;
	int rc = posix_spawnattr_init(&attr);

	if (rc != 0)
		return err_set_errno(err, ERR_NOMEM, rc, "%s", argv[0]);
	posix_spawnattr_setsigmask(&attr, old);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawnp(ret, argv[0], NULL, &attr, argv, environ);
	if (rc == ENOENT && is_our_name(argv[0]))
		rc = posix_spawn(ret, "/proc/self/exe", NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return rc == 0 ? 0 : err_set_errno(err, err_from_errno(rc), rc, "%s", argv[0]);
}

static int exit_code_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 - WTERMSIG(status);
}

static int run_command(char **argv, int *ret_code, struct error *err)
{
	sigset_t watched, old;
	int status, rc;
	pid_t pid;

	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&watched);
	sigaddset(&watched, SIGTERM);
	sigaddset(&watched, SIGCHLD);
	sigprocmask(SIG_BLOCK, &watched, &old);
	rc = spawn(argv, &old, &pid, err);
	if (rc < 0)
		return rc;
	for (;;) {
		int sig = sigwaitinfo(&watched, NULL);

		if (sig == SIGTERM)
			kill(pid, SIGTERM);
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
	}
	*ret_code = exit_code_of(status);
	return 0;
}

static int fast_execute(const char *prog, const struct options *o, const struct args_list *words)
{
	_cleanup_(freep) char *dir = expand_home(o->dest_dir ? o->dest_dir : ".");
	struct args_list line = ARGS_LIST_INIT;
	struct error err = ERROR_INIT;
	int code = EXIT_FAILED;
	int rc = dir ? 0 : err_nomem(&err, "the destination");

	if (rc == 0 && words->n == 0)
		rc = err_set(&err, ERR_INVALID, "no command: give it after --");
	if (rc == 0 && o->distribution)
		rc = unpack_distribution(o->distribution, dir, &err);
	if (rc == 0 && (o->distribution || o->dest_dir))
		rc = set_environment(dir, &err);
	if (rc == 0)
		rc = build_command(o, dir, words, &line, &err);
	if (rc == 0)
		rc = run_command((char **)(void *)line.items, &code, &err);
	if (rc < 0) {
		output_error(prog, &err);
		code = EXIT_FAILED;
	}
	args_list_done(&line);
	return code;
}

int verb_fast_execute(const char *prog, int argc, char **argv)
{
	struct options o = {0};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0)
		code = fast_execute(prog, &o, &operands);
	args_done(&command, &o, &operands);
	return code;
}
