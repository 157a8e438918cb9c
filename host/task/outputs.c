#include "task/outputs.h"

#include "flyte/message.h"
#include "task/names.h"
#include "task/offload.h"
#include "task/upload.h"

/* flytekit: what cannot be converted never will; what cannot be written may be later. */
static int
fail(const struct exec *e, struct task_result *ret, const char *class, const struct error *err)
{
	bool lasting = !(e->params->entrypoint && e->params->shim) &&
		       (err->code == ERR_MISMATCH || err->code == ERR_INVALID);

	task_result_fail(ret, "SYSTEM", lasting ? ERROR_NON_RECOVERABLE : ERROR_RECOVERABLE,
			 ORIGIN_SYSTEM, "%s: %s", class, err->message);
	return err->code;
}

static const VariableMap *declared_outputs(const struct exec *e)
{
	const TypedInterface *i = e->params->template->interface;

	return i ? i->outputs : NULL;
}

/* A path inside the value comes first in the message and goes on from the name. */
static int name_output(const struct exec *e, const char *name, struct error *err)
{
	char message[ERR_MESSAGE_MAX];
	int code = err->code;

	memcpy(message, err->message, sizeof(message));
	return err_set(err, code, "Failed to convert outputs of task '%s': output '%s'%s%s",
		       e->params->template->id->name, name, strchr("[.", message[0]) ? "" : ": ",
		       message);
}

/* ---- one output ------------------------------------------------------------------------------ */

/* A shim task's values may be looser than a native one's, as in flytekit: checked, but kept. */
static int check(struct exec *e,
		 const Literal *built,
		 const LiteralType *type,
		 const Literal **ret,
		 struct error *err)
{
	Literal *converted;
	int r;

	if (!type || type->type_case == LTYPE_(_NOT_SET)) {
		*ret = built;
		return 0;
	}
	r = literal_convert(built, type, e->params->shim ? LITERAL_READ : LITERAL_WRITE,
			    &e->home.arena, &converted, err);
	if (r < 0)
		return r;
	*ret = e->params->shim ? built : converted;
	return 0;
}

static int one_output(struct exec *e,
		      const struct output *o,
		      const LiteralType *type,
		      LiteralEntry *entry,
		      struct error *err)
{
	const Literal *lit;
	int r = val_to_literal(o->val, type, &lit, err);

	if (r == 0)
		r = check(e, lit, type, &lit, err);
	if (r == 0)
		r = val_decorate(o->val, &lit, err);
	if (r < 0)
		return name_output(e, o->name.ptr, err);
	entry->key = (char *)o->name.ptr;
	entry->value = (Literal *)lit;
	return 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static size_t count_outputs(const struct exec *e)
{
	size_t n = 0;

	for (const struct output *o = e->outputs; o; o = o->next)
		n++;
	return n;
}

static void list_declared(const VariableMap *vars, struct buf *out)
{
	for (size_t i = 0; i < variables_len(vars); i++)
		buf_printf(out, "%s'%s'", i ? ", " : "", vars->variables[i]->key);
}

static int
not_declared(const struct exec *e, const VariableMap *vars, const char *name, struct error *err)
{
	_cleanup_(buf_done) struct buf names = BUF_INIT;

	list_declared(vars, &names);
	return err_set(err, ERR_MISMATCH,
		       "task '%s' set the output '%s', which is not declared; declared: %s",
		       e->params->template->id->name, name, names.data ? names.data : "none");
}

static int check_names(const struct exec *e, const VariableMap *vars, struct error *err)
{
	_cleanup_(buf_done) struct buf missing = BUF_INIT;
	const char *task = e->params->template->id->name;

	for (const struct output *o = e->outputs; o; o = o->next)
		if (!interface_find(vars, str_of(o->name.ptr)))
			return not_declared(e, vars, o->name.ptr, err);
	for (size_t i = 0; i < variables_len(vars); i++)
		if (!exec_output((struct exec *)e, str_of(vars->variables[i]->key)))
			buf_printf(&missing, "%s'%s'", missing.len ? ", " : "",
				   vars->variables[i]->key);
	if (missing.failed)
		return err_nomem(err, "outputs");
	if (missing.len)
		return err_set(err, ERR_MISMATCH, "task '%s' ended without setting its output %s",
			       task, missing.data);
	return 0;
}

static int build_map(struct exec *e, LiteralMap **ret, struct error *err)
{
	const VariableMap *vars = declared_outputs(e);
	size_t n = count_outputs(e), i = 0;
	Literal *holder;
	int r = 0;

	if (variables_len(vars) == 0 && !e->params->shim)
		n = 0; /* the value of a task without outputs is dropped */
	else if (variables_len(vars) > 0)
		r = check_names(e, vars, err);
	if (r < 0)
		return r;
	holder = literal_new_map(&e->home.arena, n);
	if (!holder)
		return err_nomem(err, "outputs");
	for (const struct output *o = e->outputs; o && i < n && r == 0; o = o->next, i++) {
		const Variable *v = interface_find(vars, str_of(o->name.ptr));

		r = one_output(e, o, v ? v->type : NULL, holder->map->literals[i], err);
	}
	*ret = holder->map;
	return r;
}

static int encode(struct exec *e, LiteralMap *map, struct task_result *ret)
{
	struct error err = ERROR_INIT;

	if (offload_outputs(e, map, ret, &err) < 0)
		return fail(e, ret, "ValueError", &err);
	if (message_encode(&map->base, &ret->document, &err) < 0)
		return fail(e, ret, "ValueError", &err);
	if (buf_check(&ret->document, "outputs", &err) < 0)
		return fail(e, ret, "MemoryError", &err);
	ret->outcome = TASK_OUTPUTS;
	return 0;
}

int outputs_collect(struct exec *e, struct task_result *ret)
{
	struct error err = ERROR_INIT;
	LiteralMap *map = NULL;

	if (e->has_dynamic_job) {
		ret->document = e->dynamic_job;
		e->dynamic_job = (struct buf)BUF_INIT;
		ret->outcome = TASK_FUTURES;
		return 0;
	}
	if (build_map(e, &map, &err) < 0)
		return fail(e, ret, "TypeTransformerFailedError", &err);
	if (upload_all(e, &err) < 0) {
		err.code = ERR_IO; /* whatever it was: the place, not the value */
		return fail(e, ret, "UploadDataError", &err);
	}
	return encode(e, map, ret);
}
