#include "cli/run_result.h"

#include "base/file.h"
#include "base/mem.h"
#include "cli/output.h"
#include "flyte/human.h"
#include "flyte/pbjson.h"

#include <stdio.h>
#include <unistd.h>

#define RESULT_MAX ((size_t)1 << 30)

static int read_result(const char *dir, const char *name, struct buf *out, struct error *err)
{
	_cleanup_(freep) char *path = path_join(dir, name);

	return path ? file_read(path, RESULT_MAX, out, err) : err_nomem(err, name);
}

/* ---- outputs --------------------------------------------------------------------------------- */

static int print_literal(const char *what,
			 const char *name,
			 const Literal *lit,
			 const LiteralType *type,
			 struct jw *w,
			 struct error *err)
{
	int rc;

	jw_keyz(w, name);
	rc = human_print(lit, type, w, err);
	return rc < 0 ? err_wrap(err, "%s '%s'", what, name) : 0;
}

int run_result_values(const char *what,
		      const LiteralMap *map,
		      const VariableMap *vars,
		      struct jw *w,
		      struct error *err)
{
	int rc = 0;

	jw_object_begin(w);
	for (size_t i = 0; rc == 0 && vars && i < vars->n_variables; i++) {
		const char *name = vars->variables[i]->key;
		const Literal *lit = literal_map_find(map, str_of(name));

		if (lit)
			rc = print_literal(what, name, lit, vars->variables[i]->value->type, w,
					   err);
	}
	for (size_t i = 0; rc == 0 && i < map->n_literals; i++)
		if (!vars || !interface_find(vars, str_of(map->literals[i]->key)))
			rc = print_literal(what, map->literals[i]->key, map->literals[i]->value,
					   NULL, w, err);
	jw_object_end(w);
	return rc;
}

static int
outputs_text(const char *dir, const TaskTemplate *template, struct buf *text, struct error *err)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	struct arena arena = ARENA_INIT;
	struct jw w = JW_INIT(text, 0);
	LiteralMap *map;
	int rc = read_result(dir, "outputs.pb", &wire, err);

	if (rc == 0)
		rc = literal_map_decode((struct str){wire.data, wire.len}, "the outputs", &arena,
					&map, err);
	if (rc == 0)
		rc = run_result_values("output", map,
				       template->interface ? template->interface->outputs : NULL,
				       &w, err);
	arena_done(&arena);
	return rc;
}

static int futures_text(const char *dir, struct buf *text, struct error *err)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	int rc = read_result(dir, "futures.pb", &wire, err);

	if (rc < 0)
		return rc;
	buf_puts(text, "{\"futures\":");
	rc = pbjson_print(message_desc_find(STR("flyteidl.core.DynamicJobSpec")),
			  (struct str){wire.data, wire.len}, 0, text, err);
	buf_putc(text, '}');
	return rc;
}

int run_result_print(const char *prog, const char *dir, const TaskTemplate *template)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	int rc = outputs_text(dir, template, &text, &err);

	if (rc == ERR_NOT_FOUND) {
		buf_clear(&text);
		rc = futures_text(dir, &text, &err);
	}
	if (rc == ERR_NOT_FOUND) {
		fprintf(stderr, "%s: the task asked for its outputs to be ignored\n", prog);
		buf_clear(&text);
		buf_puts(&text, "{}");
		rc = 0;
	}
	if (rc < 0) {
		output_error(prog, &err);
		return EXIT_FAILED;
	}
	buf_putc(&text, '\n');
	return output_text(&text);
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* The last part of a message in flytekit's layout, without its indentation. */
static void message_text(const char *message, struct buf *out)
{
	const char *part = strstr(message, "\nMessage:\n\n");
	const char *line = part ? part + strlen("\nMessage:\n\n") : message;

	while (*line) {
		size_t len = strcspn(line, "\n");
		size_t indent = part && strncmp(line, "    ", 4) == 0 ? 4 : 0;

		buf_append(out, line + indent, len - indent);
		line += len;
		if (*line == '\n')
			buf_putc(out, *line++);
	}
}

/* The frames; empty when there are none. */
static struct str trace_text(const char *message)
{
	const char *start = strstr(message, "Trace:\n\n");
	const char *end = strstr(message, "\nMessage:\n\n");

	if (!start || !end)
		return STR_NULL;
	start += strlen("Trace:\n\n");
	while (end > start && end[-1] == '\n')
		end--;
	return start < end ? (struct str){start, (size_t)(end - start)} : STR_NULL;
}

static void print_failure(const char *prog, const Flyteidl__Core__ContainerError *e)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct str trace = trace_text(e->message);
	bool recoverable = e->kind == FLYTEIDL__CORE__CONTAINER_ERROR__KIND__RECOVERABLE;
	bool user = e->origin == FLYTEIDL__CORE__EXECUTION_ERROR__ERROR_KIND__USER;

	buf_printf(&text, "%s: %s: ", prog, e->code);
	message_text(e->message, &text);
	buf_printf(&text, "\n(%s error, %s)\n", user ? "user" : "system",
		   recoverable ? "recoverable" : "not recoverable");
	if (trace.len > 0)
		buf_printf(&text, STR_FMT "\n", STR_ARG(trace));
	fputs(text.data && !text.failed ? text.data : e->message, stderr);
}

int run_result_print_error(const char *prog, const char *dir)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	void *decoded = NULL;
	const Flyteidl__Core__ErrorDocument *document;
	int rc = read_result(dir, "error.pb", &wire, &err);

	if (rc == 0)
		rc = message_decode(message_desc_find(STR("flyteidl.core.ErrorDocument")),
				    (struct str){wire.data, wire.len}, NULL, &arena, &decoded,
				    &err);
	document = decoded;
	if (rc < 0)
		output_error(prog, &err);
	else if (document && document->error)
		print_failure(prog, document->error);
	arena_done(&arena);
	return EXIT_FAILED;
}

/* ---- deck ------------------------------------------------------------------------------------ */

int run_result_copy_deck(const char *dir, const char *to, struct error *err)
{
	_cleanup_(buf_done) struct buf html = BUF_INIT;
	int rc = read_result(dir, "deck.html", &html, err);

	return rc < 0 ? rc : file_write_atomic(to, html.data, html.len, 0644, false, err);
}
