/* Does the code keep what the note promised? */
#include "abi/tables.h"

#include <dlfcn.h>

/* The resolver that the authoring macros make stands in no note: it lists the tasks, which do. */
#define MACRO_RESOLVER "tasks"

static const struct note_offer *offer(const struct note_offer *list, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i].name, name))
			return &list[i];
	return NULL;
}

static void compare_identity(const struct plugin *p, struct buf *problems)
{
	const struct note_plugin *n = &p->inspection.note;
	const th_plugin *t = &p->table;

	if (!t->id || !str_is(n->id, t->id))
		tables_complain(problems, "the note says id '" STR_FMT "', the code '%.200s'",
				STR_ARG(n->id), t->id ? t->id : "(none)");
	if (!t->version || !str_is(n->version, t->version))
		tables_complain(problems, "the note says version '" STR_FMT "', the code '%.200s'",
				STR_ARG(n->version), t->version ? t->version : "(none)");
	if (t->abi_major != n->abi_major || t->abi_minor != n->abi_minor)
		tables_complain(problems, "the note says ABI %u.%u, the code %u.%u", n->abi_major,
				n->abi_minor, t->abi_major, t->abi_minor);
}

/* A task may be run by an executor of another name when a resolver says which. */
static bool resolver_names_executors(const struct plugin *p)
{
	for (uint32_t i = 0; i < p->table.n_resolvers; i++)
		if (p->resolvers[i].task_executor &&
		    !(p->resolvers[i].name && streq(p->resolvers[i].name, MACRO_RESOLVER)))
			return true;
	return false;
}

static void compare_executors(const struct plugin *p, struct buf *problems)
{
	const struct note_plugin *n = &p->inspection.note;
	bool others = resolver_names_executors(p);

	for (uint32_t i = 0; i < p->table.n_executors; i++) {
		struct str name = str_of(p->executors[i].name);

		if (!offer(n->tasks, n->n_tasks, name) &&
		    !offer(n->executors, n->n_executors, name))
			tables_complain(problems,
					"the code has executor '" STR_FMT "', no note has",
					STR_ARG(name));
	}
	for (size_t i = 0; i < n->n_executors; i++)
		if (!plugin_executor(p, n->executors[i].name))
			tables_complain(problems,
					"a note has executor '" STR_FMT "', the code has not",
					STR_ARG(n->executors[i].name));
	for (size_t i = 0; i < n->n_tasks && !others; i++)
		if (!plugin_executor(p, n->tasks[i].name))
			tables_complain(problems, "a note has task '" STR_FMT "', the code has not",
					STR_ARG(n->tasks[i].name));
}

/* A resolver is known by the exported variable that holds it. */
static void compare_resolvers(struct plugin *p, struct buf *problems)
{
	const struct note_plugin *n = &p->inspection.note;

	for (size_t k = 0; k < n->n_resolvers; k++) {
		const char *symbol =
			n->resolvers[k].name.ptr; /* the arena's, so it ends in a NUL */
		const void *variable = dlsym(p->handle, symbol);
		bool found = false;

		for (uint32_t i = 0; i < p->table.n_resolvers; i++)
			if (variable && p->table.resolvers[i] == variable) {
				p->resolver_symbols[i] = symbol;
				found = true;
			}
		if (!found)
			tables_complain(problems,
					variable ? "a note has resolver '%s', the code's table has "
						   "not"
						 : "a note has resolver '%s', but no variable of "
						   "that name is exported (TH_EXPORT)",
					symbol);
	}
	for (uint32_t i = 0; i < p->table.n_resolvers; i++) {
		const char *name = p->resolvers[i].name;

		if (p->resolver_symbols[i])
			continue;
		if (name && streq(name, MACRO_RESOLVER))
			p->resolver_symbols[i] = MACRO_RESOLVER;
		else
			tables_complain(problems,
					"the code has resolver '%.200s', no note has "
					"(TH_RESOLVER writes one)",
					name ? name : "(unnamed)");
	}
}

int tables_compare(struct plugin *p, struct error *err)
{
	_cleanup_(buf_done) struct buf problems = BUF_INIT;
	int r;

	compare_identity(p, &problems);
	compare_executors(p, &problems);
	compare_resolvers(p, &problems);
	r = buf_check(&problems, "how a plugin differs from its note", err);
	if (r < 0)
		return r;
	if (problems.len)
		return err_set(err, ERR_MISMATCH, "the note disagrees with the code: %s",
			       problems.data);
	return 0;
}
