/* Children of the runner program, and threads that stand in for one: started, told, listened to,
 * ended. What they are for is the caller's business. [loop] */
#pragma once

#include "loop/loop.h"
#include "runners/hello.h"
#include "runners/runner_main.h"

#include <sys/resource.h>

struct guard;
struct process;

/* What all processes of a pool share. */
struct processes {
	struct loop *loop;
	const char *program;          /* path of the runner program */
	char *const *env;             /* its environment */
	const struct runner_ops *ops; /* for threads */
	void *ops_ctx;
	struct hello *hello; /* room for one message */
	char *output;        /* room for what is read at once */
	struct guard *guard; /* of their groups; may be NULL */
	unsigned alive;      /* started and not ended */
};

int processes_init(struct processes *all,
		   struct loop *l,
		   const char *program,
		   char *const *env,
		   struct error *err);
void processes_done(struct processes *all); /* none may be alive */

struct process_end {
	bool thread;
	int status; /* as waitpid gives it; of a process */
	struct rusage usage;
};

struct process_ops {
	/* It said something; `h` is good until the return. */
	void (*said)(void *user, const struct hello *h);
	/* It said nonsense or closed its control socket; it should be killed. */
	void (*broke)(void *user, const struct error *why);
	/* It printed something; of processes only. */
	void (*printed)(void *user, const char *data, size_t len);
	/* It is gone, with its process group, and so is the struct. Comes last and exactly once. */
	void (*ended)(void *user, const struct process_end *end);
};

/* It waits for a hello. Started from a thread that lives as long as the host does, since it dies
 * with that thread. */
int process_start(struct processes *all,
		  const struct process_ops *ops,
		  void *user,
		  struct process **ret,
		  struct error *err);
int process_start_thread(struct processes *all,
			 const struct process_ops *ops,
			 void *user,
			 struct process **ret,
			 struct error *err);

void process_set(struct process *p, const struct process_ops *ops, void *user);
pid_t process_pid(const struct process *p); /* 0: a thread */

int process_tell(struct process *p,
		 enum hello_kind kind,
		 const void *body,
		 size_t len,
		 const int *fds,
		 size_t n_fds,
		 struct error *err);

/* SIGKILL goes to its whole group. Nothing can be done to a thread: false. */
bool process_kill(struct process *p, int signo);

/* Gives up a thread that does not end: `ended` is called now, and the thread, should it go on, uses
 * nothing of ours any more but the ops. False when it is no thread, or one that is just ending:
 * then `ended` comes by itself. */
bool process_abandon(struct process *p);

/* Closes the control socket: one that still waits for its hello ends. */
void process_dismiss(struct process *p);

/* Reads what it has printed up to now; at most about a megabyte. */
void process_read_output(struct process *p);
