#include "abi/tables.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* What every plugin of ABI 1 has at least: the structs as 1.0 knew them. */
#define PLUGIN_1_0   (offsetof(th_plugin, get_extension) + sizeof(void *))
#define EXECUTOR_1_0 (offsetof(th_executor, resume) + sizeof(void *))
#define RESOLVER_1_0 (offsetof(th_resolver, release_task) + sizeof(void *))
#define STRUCT_MAX   4096 /* no struct grows to this; more is garbage */

#define FLAGS_MUST_KNOW 0x0000ffffu /* unknown bits here are refused, in the upper half ignored */
#define EXECUTOR_FLAGS  (TH_X_REENTRANT | TH_X_IDEMPOTENT | TH_X_DETERMINISTIC)
#define TABLES_MAX      65536

void tables_complain(struct buf *problems, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (problems->len)
		buf_puts(problems, "; ");
	buf_puts(problems, text);
}

/* What is looked at; put into words only when there is something to say. */
struct subject {
	const char *kind; /* "executor" */
	uint32_t number;
	const char *name; /* NULL: the number is all that is known */
};

/* The subject, then the words. */
__attribute__((format(printf, 3, 4))) static void
complain(struct buf *problems, const struct subject *who, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (who->name)
		tables_complain(problems, "%s '%.200s'%s", who->kind, who->name, text);
	else if (who->number != UINT32_MAX)
		tables_complain(problems, "%s %u%s", who->kind, who->number, text);
	else
		tables_complain(problems, "%s%s", who->kind, text);
}

/* Copies the part both sides know; the rest of ours stays zero. */
static bool copy_struct(const struct subject *who,
			void *to,
			size_t ours,
			size_t least,
			const void *from,
			struct buf *problems)
{
	uint32_t theirs;

	memset(to, 0, ours);
	memcpy(&theirs, from, sizeof(theirs));
	if (theirs < least || theirs > STRUCT_MAX) {
		complain(problems, who,
			 ": struct_size is %u, not between %zu and %d; set it to sizeof the struct",
			 theirs, least, STRUCT_MAX);
		return false;
	}
	memcpy(to, from, MIN((size_t)theirs, ours));
	return true;
}

static void check_flags(const struct subject *who,
			uint32_t flags,
			uint32_t known,
			uint32_t reserved,
			struct buf *problems)
{
	uint32_t unknown = flags & FLAGS_MUST_KNOW & ~known;

	if (unknown)
		complain(problems, who,
			 ": flags 0x%x are not known to this host (ABI %u.%u); update taskhost or "
			 "clear them",
			 unknown, TH_ABI_MAJOR, TH_ABI_MINOR);
	if (reserved)
		complain(problems, who, ": reserved is 0x%x, not 0", reserved);
}

/* ---- executors ------------------------------------------------------------------------------- */

static void
take_executor(struct plugin *p, uint32_t i, const th_executor *theirs, struct buf *problems)
{
	th_executor *x = &p->executors[i];
	struct subject who = {"executor", i, NULL};

	if (!theirs) {
		complain(problems, &who, " is NULL");
		return;
	}
	if (!copy_struct(&who, x, sizeof(*x), EXECUTOR_1_0, theirs, problems))
		return;
	if (!x->name || !note_name_valid(str_of(x->name))) {
		complain(problems, &who,
			 ": its name is missing or not letters, digits and underscores");
		x->name = NULL;
		return;
	}
	who.name = x->name;
	check_flags(&who, x->flags, EXECUTOR_FLAGS, x->reserved, problems);
	if (!x->execute_from_model)
		complain(problems, &who, ": execute_from_model is NULL");
	for (uint32_t k = 0; k < i; k++)
		if (p->executors[k].name && streq(p->executors[k].name, x->name))
			complain(problems, &who, " is there twice");
}

static int take_executors(struct plugin *p, struct buf *problems, struct error *err)
{
	const th_plugin *t = &p->table;

	if (t->n_executors > TABLES_MAX || (t->n_executors && !t->executors)) {
		tables_complain(problems, "n_executors is %u, but executors is %s", t->n_executors,
				t->executors ? "not that long" : "NULL");
		return 0;
	}
	p->executors = arena_zalloc(&p->arena, (t->n_executors + 1) * sizeof(*p->executors));
	if (!p->executors)
		return err_nomem(err, "the executors of a plugin");
	for (uint32_t i = 0; i < t->n_executors; i++)
		take_executor(p, i, t->executors[i], problems);
	return 0;
}

/* ---- resolvers ------------------------------------------------------------------------------- */

static void
take_resolver(struct plugin *p, uint32_t i, const th_resolver *theirs, struct buf *problems)
{
	th_resolver *x = &p->resolvers[i];
	struct subject who = {"resolver", i, NULL};

	if (!theirs) {
		complain(problems, &who, " is NULL");
		return;
	}
	if (!copy_struct(&who, x, sizeof(*x), RESOLVER_1_0, theirs, problems))
		return;
	who.name = x->name;
	check_flags(&who, x->flags, 0, 0, problems);
	if (!x->load_task)
		complain(problems, &who, ": load_task is NULL");
	if (!x->loader_args)
		complain(problems, &who, ": loader_args is NULL");
}

static int take_resolvers(struct plugin *p, struct buf *problems, struct error *err)
{
	const th_plugin *t = &p->table;

	if (t->n_resolvers > TABLES_MAX || (t->n_resolvers && !t->resolvers)) {
		tables_complain(problems, "n_resolvers is %u, but resolvers is %s", t->n_resolvers,
				t->resolvers ? "not that long" : "NULL");
		return 0;
	}
	p->resolvers = arena_zalloc(&p->arena, (t->n_resolvers + 1) * sizeof(*p->resolvers));
	p->resolver_symbols =
		arena_zalloc(&p->arena, (t->n_resolvers + 1) * sizeof(*p->resolver_symbols));
	if (!p->resolvers || !p->resolver_symbols)
		return err_nomem(err, "the resolvers of a plugin");
	for (uint32_t i = 0; i < t->n_resolvers; i++)
		take_resolver(p, i, t->resolvers[i], problems);
	return 0;
}

/* ---- the plugin ------------------------------------------------------------------------------ */

int tables_take(struct plugin *p, const th_plugin *theirs, struct error *err)
{
	const struct subject who = {"th_plugin", UINT32_MAX, NULL};
	_cleanup_(buf_done) struct buf problems = BUF_INIT;
	int r = 0;

	if (copy_struct(&who, &p->table, sizeof(p->table), PLUGIN_1_0, theirs, &problems)) {
		check_flags(&who, p->table.flags, 0, p->table.reserved, &problems);
		r = take_executors(p, &problems, err);
		if (r == 0)
			r = take_resolvers(p, &problems, err);
	}
	if (r == 0)
		r = buf_check(&problems, "what is wrong with a plugin's tables", err);
	if (r < 0)
		return r;
	if (problems.len)
		return err_set(err, ERR_INVALID, "its tables break the rules: %s", problems.data);
	return 0;
}
