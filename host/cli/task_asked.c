#include "cli/task_asked.h"

#include "cli/output.h"
#include "cli/run_help.h"

const char *asked_fault(const struct task_asked *a, const struct args_list *operands)
{
	if (operands->n == 0 && !a->template)
		return "Missing argument 'TASK' (or option '--template').";
	if (operands->n > 0 && a->template)
		return "'TASK' and '--template' exclude each other.";
	if (a->executor && !a->template)
		return "'--executor' goes with '--template'; a task has its own.";
	return NULL;
}

int asked_inputs(const struct task_asked *a,
		 const TaskTemplate *template,
		 const struct note_offer *note,
		 struct buf *out,
		 struct error *err)
{
	const struct run_inputs in = {
		.template = template, .note = note, .file = a->inputs, .values = &a->values};

	return run_inputs_build(&in, out, err);
}

int asked_help(const char *prog,
	       const struct task_asked *a,
	       const char *task,
	       const TaskTemplate *template,
	       const struct note_offer *note)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	_cleanup_(buf_done) struct buf usage = BUF_INIT;

	if (task)
		buf_puts(&usage, task);
	else
		buf_printf(&usage, "--template %s", a->template);
	run_help(prog, usage.data ? usage.data : "", template, note, &text);
	return output_text(&text);
}
