/* AgentMetadataService: GetAgent and ListAgents, answered from messages made when the catalog changed.
 *
 * An executor is a connector, named like it; one with both sync and async types is two. They are
 * listed by name. But propeller keeps one version of a type, the one that is listed last: a connector
 * that would come with an older version after another one with the newest is listed with that first
 * of all, and in its place with the rest. */
#include "base/map.h"
#include "flyte/wire.h"
#include "grpc/svc_agent_private.h"

#include "desc_table.h"

/* Fields of flyteidl.admin.Agent and TaskCategory. */
enum {
	AGENT_NAME = 1,
	AGENT_TASK_TYPES = 2,
	AGENT_IS_SYNC = 3,
	AGENT_CATEGORIES = 4,
	CATEGORY_NAME = 1,
	CATEGORY_VERSION = 2,
};

/* Field 1 of a response, with its tag. */
struct agent_entry {
	char *name;
	size_t offset, len; /* in `bytes` */
};

/* Answers may be on their way while the next list is there already. */
struct agent_list {
	int refs;
	struct buf all;   /* ListAgentsResponse */
	struct buf bytes; /* GetAgentResponse of each, one after the other */
	struct agent_entry *entries;
	size_t n;
};

static void list_unref(void *arg)
{
	struct agent_list *l = arg;

	if (--l->refs > 0)
		return;
	for (size_t i = 0; i < l->n; i++)
		free(l->entries[i].name);
	free(l->entries);
	buf_done(&l->all);
	buf_done(&l->bytes);
	free(l);
}

void agent_list_free(struct agent_list *list)
{
	if (list)
		list_unref(list);
}

/* ---- collecting -------------------------------------------------------------------------- */

struct offer {
	struct str type, executor;
	int32_t version;
	bool sync;
	size_t connector; /* its place among the connectors */
};

struct offers {
	struct arena arena;
	struct offer **types; /* by connector, then version, then name */
	size_t n, room;
	struct map newest; /* type -> struct offer */
	struct map kinds;  /* executor -> 1 async, 2 sync, 3 both */
	bool failed;
};

static struct offer *offer_new(struct offers *o, const struct agent_type *type)
{
	struct offer *t = arena_zalloc(&o->arena, sizeof(*t));
	char *name = arena_strndup(&o->arena, type->type.ptr, type->type.len);
	char *executor = arena_strndup(&o->arena, type->executor.ptr, type->executor.len);

	if (!t || !name || !executor)
		return NULL;
	*t = (struct offer){.type = str_of(name),
			    .executor = str_of(executor),
			    .version = type->version,
			    .sync = type->sync};
	return t;
}

static bool note(struct offers *o, struct offer *t)
{
	struct offer *newest = map_get(&o->newest, t->type);
	uintptr_t kinds = (uintptr_t)map_get(&o->kinds, t->executor) | (t->sync ? 2u : 1u);

	if ((!newest || newest->version < t->version) && map_put(&o->newest, t->type, t, NULL) < 0)
		return false;
	return map_put(&o->kinds, t->executor, (void *)kinds, NULL) == 0;
}

static bool make_room(struct offers *o)
{
	size_t room = MAX(2 * o->room, (size_t)16);
	void *more;

	if (o->n < o->room)
		return true;
	more = reallocarray(o->types, room, sizeof(*o->types));
	if (!more)
		return false;
	o->types = more;
	o->room = room;
	return true;
}

static void add(void *context, const struct agent_type *type)
{
	struct offers *o = context;
	struct offer *t = offer_new(o, type);

	if (!t || !make_room(o) || !note(o, t)) {
		o->failed = true;
		return;
	}
	o->types[o->n++] = t;
}

static bool one_connector(const struct offer *a, const struct offer *b)
{
	return str_eq(a->executor, b->executor) && a->sync == b->sync;
}

static int order(const void *a, const void *b)
{
	const struct offer *x = *(struct offer *const *)a, *y = *(struct offer *const *)b;
	int c = str_cmp(x->executor, y->executor);

	if (c == 0)
		c = (int)x->sync - (int)y->sync;
	if (c == 0)
		c = (x->version > y->version) - (x->version < y->version);
	return c ? c : str_cmp(x->type, y->type);
}

static void put_in_order(struct offers *o)
{
	if (o->n > 0)
		qsort(o->types, o->n, sizeof(*o->types), order);
	for (size_t i = 1; i < o->n; i++)
		o->types[i]->connector =
			o->types[i - 1]->connector + !one_connector(o->types[i - 1], o->types[i]);
}

/* ---- writing ----------------------------------------------------------------------------- */

enum which { ALL, AHEAD, IN_PLACE };

static bool wanted(const struct offers *o, const struct offer *t, enum which which)
{
	const struct offer *newest = map_get(&o->newest, t->type);
	bool ahead = newest->connector < t->connector && newest->version > t->version;

	return which == ALL || ahead == (which == AHEAD);
}

static void put_category(struct buf *out, const struct offer *t)
{
	size_t mark = wire_begin(out, AGENT_CATEGORIES);

	wire_put_bytes(out, CATEGORY_NAME, t->type);
	if (t->version != 0) {
		wire_put_tag(out, CATEGORY_VERSION, WIRE_VARINT);
		wire_put_varint(out, (uint64_t)(int64_t)t->version);
	}
	wire_end(out, mark);
}

static void put_name(struct buf *out, const struct offers *o, const struct offer *t)
{
	buf_append(out, t->executor.ptr, t->executor.len);
	if (t->sync && (uintptr_t)map_get(&o->kinds, t->executor) == 3)
		buf_puts(out, " (sync)");
}

/* The connector that begins at types[from], with those of its types that are wanted; nothing when
 * there are none. Returns where the next one begins. */
static size_t put_agent(struct buf *out, const struct offers *o, size_t from, enum which which)
{
	size_t to = from, n = 0, mark, name;

	for (; to < o->n && one_connector(o->types[from], o->types[to]); to++)
		n += wanted(o, o->types[to], which);
	if (n == 0)
		return to;
	mark = wire_begin(out, 1);
	name = wire_begin(out, AGENT_NAME);
	put_name(out, o, o->types[from]);
	wire_end(out, name);
	for (size_t i = from; i < to; i++)
		if (wanted(o, o->types[i], which))
			wire_put_bytes(out, AGENT_TASK_TYPES, o->types[i]->type);
	if (o->types[from]->sync) {
		wire_put_tag(out, AGENT_IS_SYNC, WIRE_VARINT);
		wire_put_varint(out, 1);
	}
	for (size_t i = from; i < to; i++)
		if (wanted(o, o->types[i], which))
			put_category(out, o->types[i]);
	wire_end(out, mark);
	return to;
}

static void put_all(struct buf *out, const struct offers *o)
{
	for (size_t i = 0; i < o->n;)
		i = put_agent(out, o, i, AHEAD);
	for (size_t i = 0; i < o->n;)
		i = put_agent(out, o, i, IN_PLACE);
}

static int put_entries(struct agent_list *l, const struct offers *o)
{
	l->entries = calloc(o->n + 1, sizeof(*l->entries));
	if (!l->entries)
		return ERR_NOMEM;
	for (size_t i = 0; i < o->n; l->n++) {
		struct agent_entry *e = &l->entries[l->n];
		_cleanup_(buf_done) struct buf name = BUF_INIT;

		put_name(&name, o, o->types[i]);
		e->name = buf_take(&name, NULL);
		e->offset = l->bytes.len;
		i = put_agent(&l->bytes, o, i, ALL);
		e->len = l->bytes.len - e->offset;
		if (!e->name)
			return ERR_NOMEM;
	}
	return MIN(l->all.failed, l->bytes.failed);
}

static struct agent_list *list_new(struct offers *o)
{
	struct agent_list *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->refs = 1;
	put_in_order(o);
	put_all(&l->all, o);
	if (put_entries(l, o) < 0) {
		l->n++; /* the last one may have a name */
		list_unref(l);
		return NULL;
	}
	return l;
}

int agent_service_refresh(struct agent_service *s, struct error *err)
{
	const struct agent_catalog *catalog = &s->options.catalog;
	struct offers o = {.arena = ARENA_INIT};
	struct agent_list *list = NULL;

	catalog->list(catalog->user, add, &o);
	if (!o.failed)
		list = list_new(&o);
	if (list) {
		agent_list_free(s->list);
		s->list = list;
		for (size_t i = 0; i < o.n; i++)
			agent_stats_know(s->stats, o.types[i]->type);
	}
	map_done(&o.newest, NULL);
	map_done(&o.kinds, NULL);
	free(o.types);
	arena_done(&o.arena);
	return list ? 0 : err_nomem(err, "the list of connectors");
}

/* ---- answering --------------------------------------------------------------------------- */

#define COPY_MAX ((size_t)8 << 10)

static bool check(struct grpc_call *call, const struct message_desc *type)
{
	struct error err;

	err.message[0] = '\0';
	if (wire_check(type, grpc_call_request(call), NULL, NULL, &err) == 0)
		return true;
	agent_refuse(call, ERR_INVALID, err.message);
	return false;
}

static void reply(struct grpc_call *call, struct agent_list *l, struct str bytes)
{
	if (bytes.len <= COPY_MAX) {
		grpc_call_reply(call, &bytes, 1);
		return;
	}
	l->refs++;
	grpc_call_reply_ref(call, &bytes, 1, list_unref, l);
}

void agent_list_agents(struct grpc_call *call, void *user)
{
	struct agent_service *s = user;
	struct agent_list *l = s->list;

	if (check(call, MESSAGE_DESC(flyteidl__admin__list_agents_request)))
		reply(call, l, l ? (struct str){l->all.data, l->all.len} : STR_NULL);
}

void agent_get_agent(struct grpc_call *call, void *user)
{
	struct agent_service *s = user;
	struct agent_list *l = s->list;
	struct view_field f;
	struct str name;

	if (!check(call, MESSAGE_DESC(flyteidl__admin__get_agent_request)))
		return;
	name = view_find(grpc_call_request(call), 1, &f) ? f.bytes : STR_NULL;
	for (size_t i = 0; l && i < l->n; i++) {
		const struct agent_entry *e = &l->entries[i];

		if (str_is(name, e->name)) {
			reply(call, l, (struct str){l->bytes.data + e->offset, e->len});
			return;
		}
	}
	grpc_call_finishf(call, GRPC_NOT_FOUND, "Cannot find connector for name: " STR_FMT ".",
			  STR_ARG(name));
}
