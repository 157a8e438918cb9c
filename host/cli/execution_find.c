#include "cli/execution_find.h"

#include "cli/output.h"
#include "cli/worker_format.h"
#include "store/ident.h"

#include <ctype.h>
#include <string.h>

#define CANDIDATES 8

bool execution_id_clean(const char *typed, char out[EXECUTION_ID_SIZE])
{
	size_t len = strlen(typed);

	if (len == 0 || len >= EXECUTION_ID_SIZE)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)typed[i]) || (unsigned char)typed[i] > 0x7f)
			return false;
		out[i] = (char)tolower((unsigned char)typed[i]);
	}
	out[len] = '\0';
	return true;
}

void execution_ambiguous(
	const char *typed, Execution *const *found, size_t n, bool more, struct buf *out)
{
	buf_printf(out, "'%s' is the start of %s%zu ids; type more of it:", typed,
		   more ? "more than " : "", n);
	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "\n  %s  ", found[i]->id);
		format_enum(&taskhost__worker__v1__execution__state__descriptor,
			    (int)found[i]->state, out);
		buf_printf(out, "  %s", found[i]->task);
	}
}

int execution_find(struct worker *w, const char *typed, char out[EXECUTION_ID_SIZE])
{
	Taskhost__Worker__V1__ListExecutionsRequest request =
		TASKHOST__WORKER__V1__LIST_EXECUTIONS_REQUEST__INIT;
	Taskhost__Worker__V1__ListExecutionsResponse *found;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	uint64_t bits, mask;
	int code;

	if (!execution_id_clean(typed, out))
		return output_fail(w->prog, EXIT_USAGE,
				   "'%s' is no id of an execution: that is 13 letters and digits, "
				   "or the first of them ('taskhost task ls' shows them)",
				   typed);
	/* Letters that no id has: the worker would call the question wrong, and it is not. */
	if (!ident_parse_prefix(str_of(out), &bits, &mask))
		return output_fail(w->prog, EXIT_NOT_FOUND,
				   strlen(out) == EXECUTION_ID_SIZE - 1
					   ? "there is no execution %s"
					   : "no execution's id begins with '%s'",
				   typed);
	if (strlen(out) == EXECUTION_ID_SIZE - 1)
		return EXIT_DONE;
	request.id_prefix = out;
	request.page_size = CANDIDATES;
	code = WORKER_CALL(w, "ListExecutions", &request, list_executions_response, &found);
	if (code != EXIT_DONE)
		return code;
	if (found->n_executions == 0)
		return output_fail(w->prog, EXIT_NOT_FOUND, "no execution's id begins with '%s'",
				   typed);
	if (found->n_executions > 1) {
		execution_ambiguous(typed, found->executions, found->n_executions,
				    *found->next_page_token != '\0', &text);
		return output_fail(w->prog, EXIT_USAGE, "%s", text.data ? text.data : typed);
	}
	if (!execution_id_clean(found->executions[0]->id, out))
		return output_fail(w->prog, EXIT_FAILED, "the worker gives an id that is none: %s",
				   found->executions[0]->id);
	return EXIT_DONE;
}
