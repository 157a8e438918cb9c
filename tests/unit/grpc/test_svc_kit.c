#include "test_svc_kit.h"

#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

static const struct grpc_service nothing = {"t.Nothing", NULL, 0};

/* ---- what dispatch needs ------------------------------------------------------------------- */

static int64_t now(void *user)
{
	(void)user;
	return client_now_ns;
}

static int64_t wall(void *user)
{
	(void)user;
	return 1700000000 * SEC + client_now_ns;
}

static uint64_t chance(void *user)
{
	struct kit *k = user;

	k->random = k->random * 6364136223846793005u + 1442695040888963407u;
	return k->random >> 11;
}

static void wake_at(void *user, int64_t when_ns)
{
	((struct kit *)user)->wake_at = when_ns;
}

static bool ready(void *user, struct str plugin, struct str type, struct dispatch_hold *hold)
{
	struct kit *k = user;

	(void)plugin;
	(void)type;
	if (k->hold)
		snprintf(hold->why, sizeof(hold->why), "%s", k->hold);
	return !k->hold;
}

static int start(void *user, const struct dispatch_run *run, struct error *err)
{
	struct kit *k = user;
	struct kit_run *r = &k->runs[k->n_runs];

	if (k->n_runs == KIT_RUNS)
		return err_set(err, ERR_LIMIT, "too many runs for a test");
	k->n_runs++;
	*r = (struct kit_run){.id = run->id, .run = run->run};
	snprintf(r->type, sizeof(r->type), STR_FMT, STR_ARG(run->type));
	buf_append(&r->spec, run->spec.ptr, run->spec.len);
	if (run->spec_memory)
		free(TAKE(*run->spec_memory));
	return 0;
}

static void stop(void *user, uint64_t id, uint32_t run, enum stop_how how)
{
	struct kit *k = user;

	(void)how;
	for (size_t i = 0; i < k->n_runs; i++)
		if (k->runs[i].id == id && k->runs[i].run == run)
			k->runs[i].stops++;
}

static bool can(void *user, struct str uri)
{
	(void)user;
	(void)uri;
	return false;
}

static void on_drain(void *user, enum drain_stage stage)
{
	struct kit *k = user;

	k->drained = stage;
	if (k->on_drain)
		k->on_drain(k);
}

static void on_wake(void *user)
{
	sem_post(&((struct kit *)user)->woken);
}

/* ---- the catalog ------------------------------------------------------------------------- */

static int
find(void *user, struct str type, int32_t version, struct agent_type *ret, struct error *err)
{
	struct kit *k = user;

	if (k->find_fails)
		return err_set(err, k->find_fails, "not for tests");
	for (size_t i = 0; i < k->n_types; i++) {
		if (!str_eq(type, k->types[i].type) || version != k->types[i].version)
			continue;
		*ret = k->types[i];
		return 0;
	}
	return err_set(err, ERR_NOT_FOUND, "nobody takes it");
}

static void list(void *user, void (*each)(void *context, const struct agent_type *t), void *context)
{
	struct kit *k = user;

	for (size_t i = 0; i < k->n_types; i++)
		each(context, &k->types[i]);
}

/* ---- opening ----------------------------------------------------------------------------- */

static void open_store(struct kit *k)
{
	static int n;
	struct store_sqlite_options o = {.wake = on_wake, .user = k};
	char path[4096];

	snprintf(path, sizeof(path), "%s/state%d", test_tmpdir(), n++);
	k->dir = (struct state_dir)STATE_DIR_INIT;
	CHECK_OK(state_dir_open(&k->dir, path, &k->err), k->err);
	o.dir = k->dir.path;
	CHECK_OK(store_sqlite_open(&o, &k->store, &k->err), k->err);
}

static void open_dispatch(struct kit *k, const struct kit_params *p)
{
	struct dispatch_options o = {
		.config = dispatch_defaults(),
		.clock = {now, wall, chance, wake_at, k},
		.runners = {ready, start, stop, k},
		.data = {.can = can, .user = k},
		.hooks = {.same_request = request_same, .drain = on_drain, .user = k},
		.store = k->store,
		.meta_key = {{7}},
		.incarnation = 99,
	};

	o.config.slots = p->slots ? p->slots : 8;
	o.config.queue_most = p->queue_most ? (uint32_t)p->queue_most : o.config.queue_most;
	CHECK_OK(dispatch_new(&o, &k->dispatch, &k->err), k->err);
	CHECK_OK(dispatch_recover(k->dispatch, &k->err), k->err);
}

static void open_logs(struct kit *k, const struct kit_params *p)
{
	static int n;
	char path[4096];
	struct logs_params params = {.directory = path};

	CHECK_OK(loop_new(&k->loop, &k->err), k->err);
	snprintf(path, sizeof(path), "%s/logs%d", test_tmpdir(), n++);
	if (!p->no_logs)
		CHECK_OK(logs_new(k->loop, &params, &k->logs, &k->err), k->err);
}

void kit_open(struct kit *k, const struct kit_params *p)
{
	struct agent_options o = {.metrics = NULL};

	*k = (struct kit){.random = 1, .wake_at = INT64_MAX, .arena = ARENA_INIT};
	sem_init(&k->woken, 0, 0);
	k->types = calloc(p->n_types + 1, sizeof(*k->types));
	CHECK(k->types);
	for (size_t i = 0; i < p->n_types; i++)
		k->types[k->n_types++] = p->types[i];
	open_store(k);
	open_dispatch(k, p);
	open_logs(k, p);
	CHECK_OK(metrics_new(&k->metrics, &k->err), k->err);
	client_open(&k->client, p->limits, &nothing, NULL);
	o = (struct agent_options){
		.dispatch = k->dispatch,
		.catalog = {find, list, k},
		.metrics = k->metrics,
		.logs = k->logs,
		.log_base = p->log_base,
		.clock_ns = client_clock,
	};
	CHECK_OK(agent_service_new(k->client.engine, &o, &k->agent, &k->err), k->err);
	CHECK_OK(agent_service_refresh(k->agent, &k->err), k->err);
}

const struct agent_type kit_types[KIT_TYPES] = {
	{.type = STR("t"), .plugin = STR("p"), .executor = STR("p.T"), .priority = 5},
	{.type = STR("t"), .version = 2, .plugin = STR("p"), .executor = STR("p.T"), .priority = 5},
	{.type = STR("s"), .plugin = STR("p"), .executor = STR("p.S"), .sync = true, .priority = 5},
};

void kit_open_agent(struct kit *k, unsigned slots, size_t queue_most)
{
	struct kit_params p = {
		.types = kit_types, .n_types = KIT_TYPES, .slots = slots, .queue_most = queue_most};

	kit_open(k, &p);
}

static void closed(void *user)
{
	*(bool *)user = true;
}

void kit_close(struct kit *k)
{
	bool logs_closed = !k->logs;

	client_close(&k->client);
	agent_service_free(k->agent);
	store_close(k->store);
	dispatch_free(k->dispatch);
	state_dir_close(&k->dir);
	if (k->logs)
		logs_close(k->logs, closed, &logs_closed);
	while (!logs_closed)
		loop_run_once(k->loop, 10 * MS);
	CHECK_OK(loop_close(k->loop, &k->err), k->err);
	metrics_free(k->metrics);
	for (size_t i = 0; i < k->n_runs; i++)
		buf_done(&k->runs[i].spec);
	arena_done(&k->arena);
	free(k->types);
	sem_destroy(&k->woken);
}

/* ---- moving ------------------------------------------------------------------------------ */

void kit_turn(struct kit *k)
{
	struct timespec until;

	client_turn(&k->client);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	sem_timedwait(&k->woken, &until);
	store_complete(k->store);
	if (k->client.conn)
		h2_conn_tick(k->client.conn, client_now_ns);
	if (k->wake_at <= client_now_ns)
		dispatch_tick(k->dispatch);
	loop_run_once(k->loop, 0);
	client_turn(&k->client);
}

static void keep_turning(struct kit *k, int64_t *since)
{
	if (*since == 0)
		*since = clock_monotonic_ns();
	if (clock_monotonic_ns() - *since > 60 * SEC)
		test_fail(__FILE__, __LINE__, "nothing happens");
	kit_turn(k);
}

struct reply *kit_wait(struct kit *k, int32_t id)
{
	int64_t since = 0;

	client_turn(&k->client);
	while (!reply_of(&k->client, id)->closed)
		keep_turning(k, &since);
	return reply_of(&k->client, id);
}

void kit_wait_messages(struct kit *k, int32_t id, size_t messages)
{
	int64_t since = 0;

	while (!reply_message(reply_of(&k->client, id), messages - 1).ptr)
		keep_turning(k, &since);
}

struct kit_run *kit_next_run(struct kit *k)
{
	int64_t since = 0;

	while (k->n_given == k->n_runs)
		keep_turning(k, &since);
	return &k->runs[k->n_given++];
}

struct reply *kit_call(struct kit *k, const char *path, struct str message)
{
	return kit_wait(k, client_unary(&k->client, path, message));
}

void kit_check(const struct reply *r, int status, const char *words)
{
	if (r->grpc_status != status || !strstr(r->message, words))
		test_fail(__FILE__, __LINE__, "status %s: \"%s\", expected %s: \"…%s…\"",
			  grpc_status_name(r->grpc_status), r->message, grpc_status_name(status),
			  words);
}

void kit_expect(
	struct kit *k, const char *method, struct str request, int status, const char *words)
{
	char path[128];

	snprintf(path, sizeof(path), ASYNC "%s", method);
	kit_check(kit_call(k, path, request), status, words);
}

void *kit_message(struct kit *k, const struct reply *r, size_t n, const struct message_desc *type)
{
	struct str wire = reply_message(r, n);
	void *m;

	CHECK(wire.ptr);
	CHECK_OK(message_decode(type, wire, NULL, &k->arena, &m, &k->err), k->err);
	return m;
}

void kit_started(struct kit *k, struct kit_run *r)
{
	dispatch_run_started(k->dispatch, r->id, r->run);
	kit_turn(k);
}

void kit_end(struct kit *k, struct kit_run *r, const struct run_result *result)
{
	dispatch_run_ended(k->dispatch, r->id, r->run, result);
	kit_turn(k);
}

void kit_succeed(struct kit *k, struct kit_run *r, struct str outputs)
{
	struct run_result result = {.outcome = RUN_DONE, .outputs = outputs};

	kit_end(k, r, &result);
}

/* ---- requests ---------------------------------------------------------------------------- */

struct str kit_copy(struct kit *k, struct str s)
{
	char *copy = arena_strndup(&k->arena, s.ptr, s.len);

	CHECK(copy);
	return (struct str){copy, s.len};
}

struct str kit_encode(struct kit *k, const ProtobufCMessage *m)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;

	CHECK_OK(message_encode(m, &out, &k->err), k->err);
	return kit_copy(k, (struct str){out.data ? out.data : "", out.len});
}

struct str kit_outputs(struct kit *k, const char *name, int64_t value)
{
	Flyteidl__Core__Primitive p = FLYTEIDL__CORE__PRIMITIVE__INIT;
	Flyteidl__Core__Scalar s = FLYTEIDL__CORE__SCALAR__INIT;
	Flyteidl__Core__Literal l = FLYTEIDL__CORE__LITERAL__INIT;
	Flyteidl__Core__LiteralMap__LiteralsEntry e =
		FLYTEIDL__CORE__LITERAL_MAP__LITERALS_ENTRY__INIT;
	Flyteidl__Core__LiteralMap__LiteralsEntry *entries[] = {&e};
	Flyteidl__Core__LiteralMap m = FLYTEIDL__CORE__LITERAL_MAP__INIT;

	p.value_case = FLYTEIDL__CORE__PRIMITIVE__VALUE_INTEGER;
	p.integer = value;
	s.value_case = FLYTEIDL__CORE__SCALAR__VALUE_PRIMITIVE;
	s.primitive = &p;
	l.value_case = FLYTEIDL__CORE__LITERAL__VALUE_SCALAR;
	l.scalar = &s;
	e.key = (char *)(uintptr_t)name;
	e.value = &l;
	m.literals = entries;
	m.n_literals = 1;
	return kit_encode(k, &m.base);
}

struct str kit_create_request(struct kit *k, const char *type, int64_t a)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	size_t mark;

	wire_put_bytes(&out, 1, kit_outputs(k, "a", a));
	mark = wire_begin(&out, 2);
	wire_put_bytes(&out, 2, str_of(type));
	wire_end(&out, mark);
	wire_put_bytes(&out, 3, STR("s3://b/o"));
	return kit_copy(k, (struct str){out.data, out.len});
}

struct str kit_create(struct kit *k, const char *type)
{
	struct reply *r = kit_call(k, ASYNC "CreateTask", kit_create_request(k, type, 3));
	Flyteidl__Admin__CreateTaskResponse *m;

	CHECK_STR(r->message, "");
	CHECK_INT(r->grpc_status, GRPC_OK);
	m = kit_message(k, r, 0, MESSAGE_DESC(flyteidl__admin__create_task_response));
	return (struct str){(char *)m->resource_meta.data, m->resource_meta.len};
}

struct str kit_get_request(struct kit *k, struct str meta, const char *category)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	size_t mark;

	wire_put_bytes(&out, 2, meta);
	if (category) {
		mark = wire_begin(&out, 3);
		wire_put_bytes(&out, 1, str_of(category));
		wire_end(&out, mark);
	}
	return kit_copy(k, (struct str){out.data, out.len});
}

Flyteidl__Admin__Resource *kit_get(struct kit *k, struct str meta)
{
	struct reply *r = kit_call(k, ASYNC "GetTask", kit_get_request(k, meta, "t"));
	Flyteidl__Admin__GetTaskResponse *m;

	CHECK_STR(r->message, "");
	CHECK_INT(r->grpc_status, GRPC_OK);
	m = kit_message(k, r, 0, MESSAGE_DESC(flyteidl__admin__get_task_response));
	CHECK(m->resource);
	return m->resource;
}

Flyteidl__Admin__Resource *kit_get_end(struct kit *k, struct str meta)
{
	for (int i = 0; i < 2000; i++) {
		Flyteidl__Admin__Resource *r = kit_get(k, meta);

		switch ((int)r->phase) {
		case PHASE_SUCCEEDED:
		case PHASE_FAILED:
		case PHASE_RETRYABLE_FAILED:
		case PHASE_ABORTED:
			return r;
		default:
			kit_turn(k);
		}
	}
	test_fail(__FILE__, __LINE__, "it does not end");
}

const char *kit_metrics(struct kit *k)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;

	metrics_print(k->metrics, &out);
	return kit_copy(k, (struct str){out.data, out.len}).ptr;
}

struct store_row kit_row_of(uint64_t id)
{
	return (struct store_row){
		.id = id, .incarnation = 1, .type = STR("t"), .output_prefix = STR("s3://b/o")};
}
