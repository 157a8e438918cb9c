#include "cli/run_help.h"

#include "base/mem.h"
#include "cli/output.h"
#include "cli/run_inputs.h"

static void add_variables(const VariableMap *vars,
			  const struct note_offer *note,
			  bool inputs,
			  struct table *table)
{
	for (size_t i = 0; vars && i < vars->n_variables; i++) {
		const struct str name = str_of(vars->variables[i]->key);
		const Variable *v = vars->variables[i]->value;
		_cleanup_(buf_done) struct buf type = BUF_INIT;

		type_describe(v->type, &type);
		table_add(table, STR(""));
		table_add(table, name);
		table_add(table, (struct str){type.data, type.len});
		if (inputs)
			table_add(table, run_input_optional(note, name) ? STR("optional")
									: STR("required"));
		/* The variable's name stands where there is no description. */
		table_add(table, v->description && !str_is(name, v->description)
					 ? str_of(v->description)
					 : STR(""));
	}
}

static void print_variables(const char *title,
			    const VariableMap *vars,
			    const struct note_offer *note,
			    bool inputs,
			    struct buf *out)
{
	struct table table = TABLE_INIT(inputs ? 5 : 4);

	buf_printf(out, "\n%s:\n", title);
	if (!vars || vars->n_variables == 0)
		buf_puts(out, "  none\n");
	add_variables(vars, note, inputs, &table);
	table_print(&table, out);
	table_done(&table);
}

void run_help(const char *prog,
	      const char *usage,
	      const TaskTemplate *template,
	      const struct note_offer *note,
	      struct buf *out)
{
	const TypedInterface *i = template->interface;

	buf_printf(out, "Usage: %s %s [OPTIONS] [-i NAME=VALUE]...\n", prog, usage);
	if (note && note->about.len > 0)
		buf_printf(out, "\n  " STR_FMT "\n", STR_ARG(note->about));
	print_variables("Inputs", i ? i->inputs : NULL, note, true, out);
	print_variables("Outputs", i ? i->outputs : NULL, NULL, false, out);
	buf_printf(out, "\n'%s --help' lists the options.\n", prog);
}
