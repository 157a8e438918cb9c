/* Test plugin fxa: the executor of the recorded templates. custom.template holds
 * {{.inputs.NAME}}; custom.repeat says how many copies of the result are wanted. */
#include "fxa.h"

/* An input in the way of Python's str(). */
static size_t shown(char *text, size_t size, const th_lit *lit)
{
	int64_t number;
	double real;
	uint32_t truth;
	th_str string;

	switch (TH_LIT->kind(lit)) {
	case TH_KIND_INTEGER:
		TH_LIT->as_i64(lit, &number);
		return (size_t)snprintf(text, size, "%lld", (long long)number);
	case TH_KIND_FLOAT:
		TH_LIT->as_f64(lit, &real);
		return python_float(text, size, real);
	case TH_KIND_BOOLEAN:
		TH_LIT->as_bool(lit, &truth);
		return (size_t)snprintf(text, size, "%s", truth ? "True" : "False");
	case TH_KIND_STRING:
		TH_LIT->as_str(lit, &string);
		return (size_t)snprintf(text, size, "%s", string.ptr);
	default:
		return 0;
	}
}

TH_EXECUTOR(TplExecutor, "Fills a text template", TH_TASK_TYPE("template-task"))
{
	static const char open[] = "{{.inputs.", close[] = "}}";
	enum { SIZE = 4096 };
	char *text = arena_text(run, SIZE);
	const th_lit *custom = TH_MODEL->custom(run->model);
	th_val *slot = th_output(run, "o0");
	th_str template;
	int64_t repeat = 1;
	size_t used = 0;

	if (!text || !slot)
		return TH_E_NOMEM;
	if (TH_LIT->as_str(TH_LIT->get(custom, th_s("template")), &template) != TH_OK ||
	    TH_LIT->as_i64(TH_LIT->get(custom, th_s("repeat")), &repeat) != TH_OK)
		return th_fail(run, "", "custom has no template or repeat");
	for (int64_t i = 0; i < repeat; i++) {
		for (const char *p = template.ptr; *p && used < SIZE - 1;) {
			const char *end = strstr(p, close);
			const char *name = p + sizeof(open) - 1;
			const th_lit *input = NULL;

			if (strncmp(p, open, sizeof(open) - 1) == 0 && end > name)
				input = TH_LIT->input(run->exec,
						      th_str_n(name, (size_t)(end - name)));
			if (!input) {
				text[used++] = *p++;
				continue;
			}
			used += shown(text + used, SIZE - used, input);
			if (used >= SIZE)
				return th_fail(run, "", "the result is too long");
			p = end + sizeof(close) - 1;
		}
	}
	return TH_LIT->set_str(slot, th_str_n(text, used));
}
