#include "cli/entrypoint.h"

#include "base/log.h"
#include "cli/output.h"
#include "cli/supervise.h"
#include "data/data.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A child that was asked to stop has this long, so that all is over 5 s after a SIGTERM. */
#define STOP_GRACE_NS INT64_C(4000000000)

/* Of a template that is read ahead for its memory limit. */
#define TEMPLATE_MAX ((size_t)64 << 20)

static void unset_if(const char **option, const char *unfilled)
{
	if (*option && streq(*option, unfilled))
		*option = NULL;
}

void entrypoint_normalise(struct entrypoint_options *o)
{
	unset_if(&o->raw_prefix, "{{.rawOutputDataPrefix}}");
	unset_if(&o->checkpoint_path, "{{.checkpointOutputPrefix}}");
	unset_if(&o->prev_checkpoint, "{{.prevCheckpointPrefix}}");
	unset_if(&o->prev_checkpoint, "");
	unset_if(&o->prev_checkpoint, "\"\"");
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* As Python's int() as far as anybody writes an index: spaces around it, and a plus. */
static bool parse_index(struct str s, int64_t *ret)
{
	while (s.len > 0 && is_space(s.ptr[s.len - 1]))
		s.len--;
	while (s.len > 0 && is_space(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	if (s.len > 1 && s.ptr[0] == '+' && s.ptr[1] != '-') {
		s.ptr++;
		s.len--;
	}
	return parse_i64(s, ret);
}

static int env_number(const char *name, const char *value, int64_t *ret, struct error *err)
{
	if (parse_index(str_of(value), ret))
		return 0;
	return err_set(err, ERR_INVALID,
		       "the environment variable %s must be a whole number, not '%s'", name, value);
}

/* What is named and not there would make every pod compute the first element. */
static int env_index(int64_t *ret, struct error *err)
{
	const char *name = getenv("BATCH_JOB_ARRAY_INDEX_VAR_NAME");
	const char *value = name && *name ? getenv(name) : NULL;

	if (!name || !*name)
		return 0;
	if (!value)
		return err_set(err, ERR_INVALID,
			       "BATCH_JOB_ARRAY_INDEX_VAR_NAME says that the environment variable "
			       "%s holds the array index, but %s is not set",
			       name, name);
	return env_number(name, value, ret, err);
}

int entrypoint_map_index(int64_t *ret, struct error *err)
{
	const char *text = getenv("BATCH_JOB_ARRAY_INDEX_OFFSET");
	int64_t offset = 0, index = 0;
	int rc = 0;

	if (text)
		rc = env_number("BATCH_JOB_ARRAY_INDEX_OFFSET", text, &offset, err);
	if (rc == 0)
		rc = env_index(&index, err);
	if (rc < 0)
		return rc;
	if (__builtin_add_overflow(offset, index, ret))
		return err_set(err, ERR_INVALID, "the array index %lld + %lld is out of range",
			       (long long)offset, (long long)index);
	return 0;
}

/* ---- one run --------------------------------------------------------------------------------- */

struct entrypoint {
	const char *prog;
	const struct entrypoint_options *o;
	struct arena arena;
	struct registry registry;
	struct task_context ctx;
	struct child child;
	struct buf template;
	uint64_t memory_limit;
};

/* What flytekit takes from its virtual environment; here it is only said. */
static void tell_unused_environment(void)
{
	const char *packages = getenv("_F_RUNTIME_PACKAGES");

	if (packages && *packages)
		log_warn("_F_RUNTIME_PACKAGES asks for Python packages (%s); there is no Python "
			 "here, so they are not installed",
			 packages);
}

/* For code that makes further tasks: the archive and where it is unpacked. */
static int pass_on_distribution(const struct entrypoint_options *o, struct error *err)
{
	if ((o->addl_distro && setenv("TASKHOST_DYNAMIC_ADDL_DISTRO", o->addl_distro, 1) < 0) ||
	    (o->dest_dir && setenv("TASKHOST_DYNAMIC_DEST_DIR", o->dest_dir, 1) < 0))
		return err_nomem(err, "the environment");
	return 0;
}

static int set_context(struct entrypoint *e, struct error *err)
{
	const struct entrypoint_options *o = e->o;
	const char *slash = str_ends(str_of(o->raw_prefix), "/") ? "" : "/";
	const char *raw = arena_printf(&e->arena, "%s%s", o->raw_prefix, slash);
	int rc = task_context_from_env(&e->ctx, &e->arena, err);

	if (rc < 0)
		return rc;
	if (!raw)
		return err_nomem(err, "the execution's context");
	e->ctx.items[TH_CTX_RAW_OUTPUT_PREFIX] = str_of(raw);
	e->ctx.items[TH_CTX_OUTPUT_PREFIX] = str_of(o->output_prefix[0] ? o->output_prefix : ".");
	e->ctx.checkpoint_path = str_of(o->checkpoint_path);
	e->ctx.prev_checkpoint = str_of(o->prev_checkpoint);
	return 0;
}

/* The memory limit has to be known before the child is made, so the template is read here and
 * handed on. What is wrong with it comes out in the child, where it becomes an error document. */
static void read_template(struct entrypoint *e, const char *uri)
{
	struct arena arena = ARENA_INIT;
	TaskTemplate *template;

	if (data_get(uri, "task template", TEMPLATE_MAX, &e->template, NULL) < 0) {
		buf_clear(&e->template);
		return;
	}
	e->child.template_uri = str_of(uri);
	e->child.template_bytes = (struct str){e->template.data, e->template.len};
	if (task_template_decode(e->child.template_bytes, uri, &arena, &template, NULL) == 0)
		e->memory_limit = supervise_memory_limit(template);
	arena_done(&arena);
}

/* The resolver behind `location`: flytekit imports it before its guarded part. */
static int check_resolver(struct entrypoint *e, bool map, struct error *err)
{
	struct registry_entry *entry;
	enum resolver_kind kind;
	struct str location = str_of(e->o->resolver);
	const struct str *args = e->child.args;
	size_t n_args = e->child.n_args;
	int rc = resolve_location(&e->registry, location, &kind, &entry, err);

	if (rc < 0)
		return rc;
	if (map && kind != RESOLVER_MAP)
		return err_set(err, ERR_INVALID,
			       "the resolver %s runs whole tasks; map-execute needs "
			       "taskhost.array_node_map_task_resolver (or flytekit's name for it)",
			       e->o->resolver);
	/* vars BOUND resolver LOCATION ARGS… */
	if (kind == RESOLVER_MAP && n_args > 4 &&
	    resolve_location(&e->registry, args[3], &kind, &entry, NULL) == 0) {
		args += 4;
		n_args -= 4;
	}
	if (kind == RESOLVER_TEMPLATE && n_args > 0)
		read_template(e, args[0].ptr);
	return 0;
}

static int set_args(struct entrypoint *e, const struct args_list *list, struct error *err)
{
	struct str *args = arena_array(&e->arena, list->n, sizeof(*args));

	if (!args)
		return err_nomem(err, "the resolver's arguments");
	for (size_t i = 0; i < list->n; i++)
		args[i] = str_of(list->items[i]);
	e->child.args = args;
	e->child.n_args = list->n;
	return 0;
}

/* Everything flytekit does before its guarded part, in its order. */
static int prepare(struct entrypoint *e, const struct args_list *args, bool map, struct error *err)
{
	const struct entrypoint_options *o = e->o;
	int rc;

	if (args->n == 0)
		return err_set(err, ERR_INVALID, "no resolver arguments: give them after --");
	if (!o->raw_prefix)
		return err_set(err, ERR_INVALID,
			       "--raw-output-data-prefix is missing or was not filled in");
	if (!data_backend_for(o->raw_prefix, err))
		return err_wrap(err, "--raw-output-data-prefix");
	if (!o->resolver)
		return err_set(err, ERR_INVALID, "--resolver is missing");
	rc = set_args(e, args, err);
	if (rc == 0)
		rc = set_context(e, err);
	if (rc == 0)
		rc = pass_on_distribution(o, err);
	if (rc == 0 && map)
		rc = entrypoint_map_index(&e->child.map_index, err);
	if (rc == 0)
		rc = check_resolver(e, map, err);
	return rc;
}

/* As if there had been no handler: the shell sees the signal. */
static int die_of(int sig)
{
	if (sig == SIGINT)
		return EXIT_FAILED;
	signal(sig, SIG_DFL);
	raise(sig);
	return 128 + sig;
}

static int run_child(struct entrypoint *e)
{
	const struct supervise_params params = {
		.child = &e->child, .grace_ns = STOP_GRACE_NS, .memory_limit = e->memory_limit};
	struct error err = ERROR_INIT;
	enum supervise_end end;
	int sig = 0;

	if (supervise(&params, &end, &sig, &err) < 0) {
		output_error(e->prog, &err);
		return EXIT_FAILED;
	}
	switch (end) {
	case END_RESULT:
		return EXIT_DONE;
	case END_ERROR:
		return e->ctx.fail_on_error ? EXIT_FAILED : EXIT_DONE;
	case END_STOPPED:
		return -sig;
	default:
		return EXIT_FAILED;
	}
}

int entrypoint_run(const char *prog,
		   struct entrypoint_options *o,
		   const struct args_list *resolver_args,
		   bool map)
{
	struct entrypoint e = {.prog = prog, .o = o};
	struct error err = ERROR_INIT;
	int code = EXIT_DONE;

	e.child = (struct child){.want = CHILD_RESOLVER,
				 .registry = &e.registry,
				 .location = str_of(o->resolver),
				 .map = map,
				 .inputs_uri = o->inputs,
				 .ctx = &e.ctx,
				 .failure_level = LOG_ERROR};
	entrypoint_normalise(o);
	tell_unused_environment();
	if ((o->dest_dir && args_list_add(&o->search.dirs, o->dest_dir, &err) < 0) ||
	    search_open(&o->search, &e.registry, &err) < 0) {
		output_error(prog, &err);
		return EXIT_FAILED;
	}
	if (prepare(&e, resolver_args, map, &err) < 0) {
		output_error(prog, &err);
		code = EXIT_FAILED;
	} else if (!o->test) {
		code = run_child(&e);
	}
	registry_done(&e.registry);
	buf_done(&e.template);
	arena_done(&e.arena);
	return code < 0 ? die_of(-code) : code;
}
