/* Gives back what it was given: flytekit's Echo task, and the smallest useful executor for
 * templates that come from outside. */
#include <taskhost/author.h>

#include <stdlib.h>

TH_PLUGIN("echo", "1.0.0", "Gives its inputs back as outputs");

/* Two lists of names, each in name order. */
struct sides {
	th_str *in, *out;
	uint32_t n_in, n_out, n_both;
};

static int compare_names(const void *a, const void *b)
{
	const th_str *x = (const th_str *)a, *y = (const th_str *)b;
	int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

static int is_in(const th_str *names, uint32_t n, th_str name)
{
	return n && bsearch(&name, names, n, sizeof(*names), compare_names) != NULL;
}

static th_status read_sides(const th_run *run, struct sides *ret)
{
	struct sides s = {NULL, NULL, 0, 0, 0};

	s.n_in = TH_LIT->input_count(run->exec);
	s.n_out = TH_MODEL->variable_count(run->model, TH_OUTPUTS);
	s.in = (th_str *)TH_HOST->arena_alloc(run->exec, (s.n_in + 1) * sizeof(th_str), 0);
	s.out = (th_str *)TH_HOST->arena_alloc(run->exec, (s.n_out + 1) * sizeof(th_str), 0);
	if (!s.in || !s.out)
		return TH_E_NOMEM;
	for (uint32_t i = 0; i < s.n_in; i++)
		TH_LIT->input_at(run->exec, i, &s.in[i]);
	for (uint32_t i = 0; i < s.n_out; i++) {
		th_variable variable;
		th_status st = TH_MODEL->variable_at(run->model, TH_OUTPUTS, i, &variable);
		if (st != TH_OK)
			return st;
		s.out[i] = variable.name;
	}
	qsort(s.in, s.n_in, sizeof(th_str), compare_names);
	qsort(s.out, s.n_out, sizeof(th_str), compare_names);
	for (uint32_t i = 0; i < s.n_out; i++)
		s.n_both += is_in(s.in, s.n_in, s.out[i]) ? 1 : 0;
	*ret = s;
	return TH_OK;
}

/* "a, b, c", cut to the size of `text`. */
static const char *list_names(char *text, size_t size, const th_str *names, uint32_t n)
{
	size_t used = 0;

	snprintf(text, size, "none");
	for (uint32_t i = 0; i < n && used + 1 < size; i++) {
		int more = snprintf(text + used, size - used, "%s%.*s", i ? ", " : "",
				    (int)names[i].len, names[i].ptr);
		used += more < 0 ? 0 : (size_t)more;
	}
	return text;
}

static th_status pass(const th_run *run, th_str from, th_str to)
{
	th_val *slot = NULL;
	th_status st = TH_LIT->output(run->exec, to, &slot);
	return st == TH_OK ? TH_LIT->set_literal(slot, TH_LIT->input(run->exec, from)) : st;
}

TH_EXECUTOR(Echo,
	    "Gives its inputs back as outputs",
	    TH_TASK_TYPE("echo") TH_TASK_TYPE("echo_async") TH_SYNC_TASK_TYPE("echo_sync"))
{
	char inputs[400], outputs[400];
	struct sides s;
	th_status st = read_sides(run, &s);

	if (st != TH_OK)
		return st;
	if (s.n_out == 0) {
		for (uint32_t i = 0; i < s.n_in && st == TH_OK; i++)
			st = pass(run, s.in[i], s.in[i]);
		return st;
	}
	if (s.n_both == s.n_out) {
		for (uint32_t i = 0; i < s.n_out && st == TH_OK; i++)
			st = pass(run, s.out[i], s.out[i]);
		return st;
	}
	if (s.n_both == 0 && s.n_in == s.n_out) {
		for (uint32_t i = 0; i < s.n_out && st == TH_OK; i++)
			st = pass(run, s.in[i], s.out[i]);
		return st;
	}
	return th_fail(run, "USER:ValueError",
		       "echo cannot tell which input becomes which output: inputs %s; outputs %s",
		       list_names(inputs, sizeof(inputs), s.in, s.n_in),
		       list_names(outputs, sizeof(outputs), s.out, s.n_out));
}
