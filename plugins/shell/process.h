/* One child process in a process group of its own: its output is read while it runs, and it is
 * ended, with everything it started, when the caller says so. Knows nothing of tasks. */
#ifndef SHELL_PROCESS_H
#define SHELL_PROCESS_H

#include <stddef.h>

#define PROCESS_OUTPUT_MAX (1u << 20) /* kept from the start of stdout; more is an overflow */
#define PROCESS_TAIL_MAX   1400u      /* kept from the end of stderr */

struct process {
	char *const *argv; /* argv[0] is searched in PATH */
	char *const *env;
	const char *directory;
	/* Called at least every 50 ms. Nonzero: end the process. */
	int (*stop)(void *ctx);
	void *ctx;

	/* set by process_run */
	int status;   /* of waitpid */
	int stopped;  /* what stop returned */
	char *output; /* stdout, freed by process_done */
	size_t output_len;
	int output_cut; /* there was more than PROCESS_OUTPUT_MAX */
	char tail[PROCESS_TAIL_MAX + 1];
	size_t tail_len;
};

/* Runs to the end. What the child prints is also passed on to our stderr. 0, or an errno. */
int process_run(struct process *p);
void process_done(struct process *p);

#endif
