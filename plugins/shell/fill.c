/* Filling values into a template. */
#include "task.h"

static th_status unknown_name(const th_run *run,
			      const char *what,
			      const struct shell_piece *p,
			      const struct text *known)
{
	return th_fail(run, "USER:ValueError", "the template names %s.%.*s; there are: %s", what,
		       (int)p->len, p->ptr, known->len ? known->ptr : "none");
}

static th_status unknown_input(const th_run *run, const struct shell_piece *p)
{
	struct text known = {NULL, 0, 0, 0};
	uint32_t n = TH_LIT->input_count(run->exec);
	th_status st;

	for (uint32_t i = 0; i < n; i++) {
		th_str name;

		TH_LIT->input_at(run->exec, i, &name);
		text_add(&known, ", ", i ? 2 : 0);
		text_add(&known, name.ptr, name.len);
	}
	st = unknown_name(run, "inputs", p, &known);
	text_done(&known);
	return st;
}

static th_status
unknown_output(const th_run *run, const struct task *task, const struct shell_piece *p)
{
	struct text known = {NULL, 0, 0, 0};
	th_status st;

	for (uint32_t i = 0; i < task->n_outputs; i++) {
		if (!task->outputs[i].location)
			continue;
		text_add(&known, ", ", known.len ? 2 : 0);
		text_add(&known, task->outputs[i].variable.name.ptr,
			 task->outputs[i].variable.name.len);
	}
	st = unknown_name(run, "outputs", p, &known);
	text_done(&known);
	return st;
}

static th_status add_ctx(const th_run *run, struct text *t, const struct shell_piece *p)
{
	static const struct {
		const char *name;
		uint32_t item;
	} items[] = {
		{"working_directory", TH_CTX_WORKING_DIRECTORY},
		{"raw_output_prefix", TH_CTX_RAW_OUTPUT_PREFIX},
		{"output_metadata_prefix", TH_CTX_OUTPUT_PREFIX},
		{"execution_project", TH_CTX_EXECUTION_PROJECT},
		{"execution_domain", TH_CTX_EXECUTION_DOMAIN},
		{"execution_name", TH_CTX_EXECUTION_NAME},
		{"task_name", TH_CTX_TASK_NAME},
	};
	static const char names[] = "working_directory, raw_output_prefix, output_metadata_prefix, "
				    "execution_project, execution_domain, execution_name, "
				    "task_name";
	struct text known = {(char *)names, sizeof(names) - 1, sizeof(names), 0};
	th_str value;

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		if (th_str_eq(th_s(items[i].name), th_str_n(p->ptr, p->len))) {
			th_status st = TH_CONTEXT->get(run->exec, items[i].item, &value);

			if (st == TH_OK)
				text_add(t, value.ptr, value.len);
			return st;
		}
	return unknown_name(run, "ctx", p, &known);
}

static th_status
add_piece(const th_run *run, const struct task *task, struct text *t, const struct shell_piece *p)
{
	th_str name = th_str_n(p->ptr, p->len);
	const th_lit *value;

	switch (p->kind) {
	case SHELL_INPUT:
		value = TH_LIT->input(run->exec, name);
		return value ? text_add_value(run, t, name, value) : unknown_input(run, p);
	case SHELL_OUTPUT:
		for (uint32_t i = 0; i < task->n_outputs; i++)
			if (task->outputs[i].location &&
			    th_str_eq(task->outputs[i].variable.name, name)) {
				text_add(t, task->outputs[i].location,
					 strlen(task->outputs[i].location));
				return TH_OK;
			}
		return unknown_output(run, task, p);
	case SHELL_CTX:
		return add_ctx(run, t, p);
	default:
		text_add(t, p->ptr, p->len);
		return TH_OK;
	}
}

static void add_quoted(struct text *t, const char *ptr, size_t n)
{
	text_add(t, "'", 1);
	for (;;) {
		size_t span = shell_unquoted_span(ptr, n);

		text_add(t, ptr, span);
		if (span == n)
			break;
		text_add(t, "'\\''", 4);
		ptr += span + 1;
		n -= span + 1;
	}
	text_add(t, "'", 1);
}

static th_status fill(const th_run *run,
		      const struct task *task,
		      enum shell_syntax syntax,
		      th_str source,
		      struct text *t)
{
	struct shell_template scan;
	struct shell_template_error error = {0, ""};
	struct shell_piece piece;
	th_status st = TH_OK;
	int more;

	shell_template_init(&scan, syntax, source.ptr, source.len);
	while (st == TH_OK && (more = shell_template_next(&scan, &piece, &error)) != 0) {
		struct text value = {NULL, 0, 0, 0};

		if (more < 0)
			return th_fail(run, "USER:ValueError", "byte %zu of the template: %s",
				       error.offset, error.message);
		st = add_piece(run, task, piece.quoted ? &value : t, &piece);
		if (piece.quoted && st == TH_OK) {
			add_quoted(t, value.ptr, value.len);
			t->failed |= value.failed;
		}
		text_done(&value);
	}
	return st == TH_OK && t->failed ? TH_E_NOMEM : st;
}

th_status task_fill(const th_run *run,
		    const struct task *task,
		    enum shell_syntax syntax,
		    th_str source,
		    const char **ret)
{
	struct text t = {NULL, 0, 0, 0};
	th_status st = fill(run, task, syntax, source, &t);

	if (st == TH_OK && !(*ret = text_keep(run, &t)))
		st = TH_E_NOMEM;
	if (st == TH_OK && strlen(*ret) != t.len)
		st = th_fail(run, "USER:ValueError",
			     "a value holds a NUL character, which no command can be given");
	text_done(&t);
	return st;
}
