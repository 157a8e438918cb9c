/* Executions that are begun and not waited for: one executor, whose execute_from_model the test
 * gives, and runs of it that go on when the test lets them. */
#pragma once

#include "harness.h"

#include <pthread.h>

struct begun {
	struct fixture *f;
	struct task_run *run;
	struct task_result result;
	th_exec *exec; /* as the plugin had it */
	unsigned n_ready, n_done;
	struct begun *next;
};

extern struct fixture begun_fixture;
extern struct begun *begun_being;   /* what execute is called for */
extern uint32_t begun_word;         /* the cancel word of the runs */
extern pthread_t begun_resumer;     /* the test's thread */
extern pthread_t begun_post_thread; /* that post_execute was called on */
extern struct begun_seen {
	_Atomic unsigned executed, told, closed; /* told: by cancel, which the test gives */
	_Atomic uint32_t reason;                 /* that cancel was given */
} begun_seen;

void begun_set_up(th_status (*execute)(void *, th_exec *, const th_model *, th_errout *));
/* With the run it has, if it has one. */
void begun_begin(struct begun *b);
/* Waits for the next one that is ready and lets it go on. */
void begun_resume(void);
/* It is done; frees what it has. */
void begun_end(struct begun *b);
/* The integer it gave. */
int64_t begun_output(const struct begun *b);

/* Bodies of execute_from_model: one gives 1, one is pending and leaves `exec` in begun_being. */
th_status begun_execute_ok(void *instance, th_exec *exec, const th_model *model, th_errout *error);
th_status
begun_execute_pending(void *instance, th_exec *exec, const th_model *model, th_errout *error);
/* The executor's open. */
th_status begun_note_open(void *data, const th_model *model, void **ret, th_errout *error);
/* As a plugin completes: with an output. */
void begun_complete(th_exec *exec, int64_t value);
