/* serve and store: make way for taskhostd, which links what a worker needs and the others need not pay
 * for. `prog` tells it what it is to do. */
#include "base/mem.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/verb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int exec_taskhostd(const char *prog, int argc, char **argv)
{
	char **words = calloc((size_t)argc + 2, sizeof(*words));
	struct error err = ERROR_INIT;
	char *program;

	if (!words || !(words[0] = strdup(prog))) {
		free(words);
		return output_fail(prog, EXIT_FAILED, "out of memory");
	}
	for (int i = 0; i < argc; i++)
		words[i + 1] = argv[i];
	if (program_path("taskhostd", &program, &err) < 0) {
		free(words[0]);
		free(words);
		return output_error(prog, &err);
	}
	execv(program, words);
	return output_fail(prog, EXIT_FAILED, "cannot start %s: %s", program, strerror(errno));
}

int verb_serve(const char *prog, int argc, char **argv)
{
	return exec_taskhostd(prog, argc, argv);
}

int verb_store(const char *prog, int argc, char **argv)
{
	return exec_taskhostd(prog, argc, argv);
}
