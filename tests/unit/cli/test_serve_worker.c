/* What the worker's service is told, from a catalog and a pool that are what the test says. */
#include "cli/serve_worker.h"

#include "base/mem.h"
#include "lib/test.h"

#include <stdio.h>
#include <unistd.h>

#define W(name) Taskhost__Worker__V1__##name

/* ---- in place of cli/catalog.c and runners/pool.c ------------------------------------------------ */

static struct note_variable add_variables[] = {
	{STR("a"), NOTE_IN, STR("{\"simple\":\"INTEGER\"}"), STR("one")},
	{STR("b"), NOTE_OPT, STR("{\"simple\":\"INTEGER\"}"), STR("")},
	{STR("o"), NOTE_OUT, STR("{\"simple\":\"INTEGER\"}"), STR("")},
};
static struct note_option_type echo_types[] = {{.type = STR("echo"), .sync = true}};
static struct str echo_aliases[] = {STR("shout")};
static struct note_offer task = {.name = STR("add"),
				 .about = STR("Adds."),
				 .retries = 2,
				 .variables = add_variables,
				 .n_variables = 3};
static struct note_offer executor = {.name = STR("Echo"),
				     .task_types = echo_types,
				     .n_task_types = 1,
				     .aliases = echo_aliases,
				     .n_aliases = 1};
static struct note_offer resolver = {.name = STR("find")};
static struct note_plugin note = {.id = STR("arith"),
				  .version = STR("1.0"),
				  .about = STR("Sums."),
				  .tasks = &task,
				  .n_tasks = 1,
				  .executors = &executor,
				  .n_executors = 1,
				  .resolvers = &resolver,
				  .n_resolvers = 1};

static const char *lost[] = {"task type echo: plugin b has it"};
static struct catalog_generation_view generations[2];
static struct catalog_view view;
static struct catalog_reload *looking;
static int catalog_fails;
static bool enabled_as;

static void set_view(void)
{
	generations[0] = (struct catalog_generation_view){
		.digest = "new",
		.loaded_at = 5,
		.min = 1,
		.max = 4,
		.status = {.runners = 3,
			   .busy = 2,
			   .queued = 7,
			   .runs = 100,
			   .crashes = 1,
			   .reason = "SIGSEGV in add",
			   .typical_ns = 1500000000,
			   .limits = {.limits = {.memory = 1 << 20},
				      .memory_by = LIMIT_CGROUP,
				      .why = ""}},
	};
	generations[1] = (struct catalog_generation_view){
		.digest = "old", .retiring = true, .status = {.in_process = true, .reason = ""}};
	view = (struct catalog_view){.id = "arith",
				     .file = "/plugins/arith.so",
				     .state = CATALOG_QUARANTINED,
				     .reason = "it only crashed",
				     .quarantined_until = 1000000000,
				     .note = &note,
				     .lost_claims = (char *const *)(uintptr_t)lost,
				     .n_lost_claims = 1,
				     .generations = generations,
				     .n_generations = 2};
}

int catalog_find_offer(struct catalog *c,
		       struct str name,
		       struct catalog_offer *ret,
		       struct error *err)
{
	(void)c;
	if (!str_is(name, "arith.add") && !str_is(name, "shout"))
		return err_set(err, ERR_NOT_FOUND, "there is no '" STR_FMT "'", STR_ARG(name));
	*ret = (struct catalog_offer){.plugin = note.id,
				      .name = str_is(name, "shout") ? executor.name : task.name,
				      .task = !str_is(name, "shout"),
				      .pending = str_is(name, "shout"),
				      .note = str_is(name, "shout") ? &executor : &task,
				      .about = &note,
				      .digest = "new"};
	return 0;
}

void catalog_list(struct catalog *c,
		  bool all,
		  void (*each)(void *context, const struct catalog_view *v),
		  void *context)
{
	static const struct catalog_view none = {
		.id = "notes.txt", .file = "/plugins/notes.txt", .state = CATALOG_NOT_A_PLUGIN};

	(void)c;
	each(context, &view);
	if (all)
		each(context, &none);
}

bool catalog_view_of(struct catalog *c,
		     struct str id,
		     void (*each)(void *context, const struct catalog_view *v),
		     void *context)
{
	(void)c;
	if (!str_is(id, "arith"))
		return false;
	each(context, &view);
	return true;
}

const char *const *catalog_directories(const struct catalog *c)
{
	static const char *const dirs[] = {"/plugins", "/more", NULL};

	(void)c;
	return dirs;
}

void catalog_reload(struct catalog *c, struct catalog_reload *r)
{
	(void)c;
	looking = r;
}

void catalog_reload_forget(struct catalog *c, struct catalog_reload *r)
{
	(void)c;
	CHECK(looking == r);
	looking = NULL;
}

int catalog_set_enabled(struct catalog *c,
			struct str id,
			bool enabled,
			struct str reason,
			bool *ret_changed,
			struct error *err)
{
	(void)c;
	(void)id;
	(void)reason;
	if (catalog_fails)
		return err_set(err, catalog_fails, "no");
	*ret_changed = true;
	enabled_as = enabled;
	return 0;
}

int catalog_unquarantine(struct catalog *c, struct str id, bool *ret_changed, struct error *err)
{
	(void)c;
	(void)id;
	(void)err;
	*ret_changed = true;
	return 0;
}

struct catalog_counts catalog_counts(const struct catalog *c)
{
	(void)c;
	return (struct catalog_counts){.plugins = 4, .active = 3};
}

void runner_pool_stats(const struct runner_pool *p, struct runner_pool_stats *ret)
{
	(void)p;
	*ret = (struct runner_pool_stats){.runners = 6, .busy = 5};
}

/* ---- the source ---------------------------------------------------------------------------------- */

static struct worker_config config;
static struct serve_worker_facts facts;
static struct serve_worker *worker;
static struct worker_source source;
static struct draft d;
static struct error err;
static const char *state_word;
static char drained[32];

static const char *state(void *user, struct buf *why)
{
	(void)user;
	if (streq(state_word, "not ready"))
		buf_puts(why, "the disk is full");
	return state_word;
}

static int drain(void *user, struct str reason, struct error *e)
{
	(void)user;
	(void)e;
	snprintf(drained, sizeof(drained), STR_FMT, STR_ARG(reason));
	return 0;
}

static void open(void)
{
	static const char *const addresses[] = {"0.0.0.0:8000"};
	const struct config_place place = config_place_here("/plugins");
	struct serve_worker_params p = {.config = &config, .facts = &facts};

	set_view();
	state_word = "ready";
	facts = (struct serve_worker_facts){.grpc = addresses,
					    .n_grpc = 1,
					    .socket = "/run/w.sock",
					    .state_dir = "/state",
					    .started_ns = 3,
					    .state = state,
					    .drain = drain};
	CHECK_OK(config_init(&config, &place, &err), err);
	CHECK_OK(serve_worker_new(&p, &worker, &err), err);
	source = serve_worker_source(worker);
	draft_init(&d);
}

static void done(void)
{
	CHECK(!d.failed);
	draft_done(&d);
	serve_worker_free(worker);
	config_done(&config);
}

TEST(offers)
{
	struct worker_offer o;

	open();
	CHECK_OK(source.find_offer(source.user, STR("arith.add"), &d.arena, &o, &err), err);
	CHECK(o.task && !o.pending);
	CHECK(str_is(o.plugin, "arith"));
	CHECK(str_is(o.name, "arith.add"));
	CHECK(str_is(o.digest, "new"));
	CHECK_STR(o.task_template->type, "c-task");
	CHECK_INT(o.task_template->interface->inputs->n_variables, 2);
	CHECK_INT(o.task_template->metadata->retries->retries, 2);
	CHECK_INT(o.n_optional, 1);
	CHECK(str_is(o.optional[0], "b"));
	CHECK_OK(source.find_offer(source.user, STR("shout"), &d.arena, &o, &err), err);
	CHECK(!o.task && o.pending && !o.task_template);
	CHECK(str_is(o.name, "arith.Echo"));
	CHECK_INT(source.find_offer(source.user, STR("x"), &d.arena, &o, &err), ERR_NOT_FOUND);
	done();
}

TEST(times_of_the_configuration)
{
	struct worker_defaults t;

	open();
	config_apply(&config, "per_task_type.slow.timeout", &(const char *){"90s"}, 1, CONFIG_FLAG,
		     "--set");
	CHECK_OK(config_finish(&config, &err), err);
	source.defaults(source.user, STR("arith"), STR("slow"), &t);
	CHECK_INT(t.hard_ns, INT64_C(90000000000));
	source.defaults(source.user, STR("arith"), STR("c-task"), &t);
	CHECK(t.hard_ns != INT64_C(90000000000));
	done();
}

TEST(places_for_outputs)
{
	_cleanup_(buf_done) struct buf a = BUF_INIT, b = BUF_INIT;

	open();
	CHECK_OK(source.output_prefix(source.user, &a, &err), err);
	CHECK_OK(source.output_prefix(source.user, &b, &err), err);
	CHECK(str_starts(str_of(a.data), "/state/outputs/"));
	CHECK(strcmp(a.data, b.data) != 0);
	done();
}

TEST(plugins)
{
	W(ListPluginsResponse) m = TASKHOST__WORKER__V1__LIST_PLUGINS_RESPONSE__INIT;
	const W(Plugin) * p;

	open();
	source.list_plugins(source.user, true, &d, &m);
	CHECK_INT(m.n_directories, 2);
	CHECK_STR(m.directories[1], "/more");
	CHECK_INT(m.n_plugins, 2);
	CHECK_STR(m.plugins[1]->id, "notes.txt");
	CHECK_INT(m.plugins[1]->state, TASKHOST__WORKER__V1__PLUGIN__STATE__REFUSED);
	source.list_plugins(source.user, false, &d, &m);
	CHECK_INT(m.n_plugins, 1);
	p = m.plugins[0];
	CHECK_INT(p->state, TASKHOST__WORKER__V1__PLUGIN__STATE__QUARANTINED);
	CHECK_STR(p->reason, "it only crashed");
	CHECK_INT(p->quarantined_until->seconds, 1);
	CHECK_STR(p->version, "1.0");
	CHECK_STR(p->tasks[0]->name, "arith.add");
	CHECK_STR(p->executors[0]->name, "arith.Echo");
	CHECK_STR(p->executors[0]->aliases[0], "shout");
	CHECK_STR(p->executors[0]->task_types[0]->name, "echo");
	CHECK_INT(p->executors[0]->task_types[0]->sync, 1);
	CHECK_STR(p->resolvers[0], "arith.find");
	CHECK_STR(p->lost_claims[0], lost[0]);
	CHECK_INT(p->n_generations, 2);
	CHECK_STR(p->generations[0]->last_trouble, "SIGSEGV in add");
	CHECK_INT(p->generations[0]->runners_busy, 2);
	CHECK_INT(p->generations[0]->queued, 7);
	CHECK_INT(p->generations[0]->typical->nanos, 500000000);
	CHECK_INT(p->generations[0]->limits->memory_by,
		  TASKHOST__WORKER__V1__LIMITS__MEANS__CGROUP);
	CHECK_INT(p->generations[1]->retiring, 1);
	CHECK_INT(p->generations[1]->isolation,
		  TASKHOST__WORKER__V1__GENERATION__ISOLATION__IN_PROCESS);
	CHECK(!source.plugin(source.user, STR("nobody"), &d));
	CHECK_STR(source.plugin(source.user, STR("arith"), &d)->id, "arith");
	done();
}

TEST(switches)
{
	bool changed = false;

	open();
	CHECK_OK(source.set_enabled(source.user, STR("arith"), true, STR("r"), &changed, &err),
		 err);
	CHECK(changed && enabled_as);
	catalog_fails = ERR_IO;
	CHECK_INT(source.set_enabled(source.user, STR("arith"), true, STR("r"), &changed, &err),
		  ERR_IO);
	catalog_fails = 0;
	changed = false;
	CHECK_OK(source.unquarantine(source.user, STR("arith"), &changed, &err), err);
	CHECK(changed);
	done();
}

static char changes[64];

static void on_reloaded(struct worker_reload *r,
			const struct draft *draft,
			const W(ReloadPluginsResponse) * answer)
{
	(void)r;
	CHECK(!draft->failed);
	snprintf(changes, sizeof(changes), "%d %s %s>%s, %u unchanged",
		 (int)answer->changes[0]->what, answer->changes[0]->id,
		 answer->changes[0]->old_digest, answer->changes[0]->new_digest, answer->unchanged);
}

TEST(reloads)
{
	const struct catalog_change change = {.what = CHANGE_REPLACED,
					      .id = "arith",
					      .file = "/plugins/arith.so",
					      .old_digest = "old",
					      .new_digest = "new",
					      .reason = ""};
	struct worker_reload r = {.done = on_reloaded};

	open();
	CHECK_OK(source.reload(source.user, &r, &err), err);
	looking->done(looking, &change, 1, 3);
	CHECK_STR(changes, "2 arith old>new, 3 unchanged");
	CHECK_OK(source.reload(source.user, &r, &err), err);
	source.reload_forget(source.user, &r);
	CHECK(!looking);
	done();
}

TEST(status_of_the_worker)
{
	W(GetStatusResponse) m = TASKHOST__WORKER__V1__GET_STATUS_RESPONSE__INIT;

	open();
	source.status(source.user, &d, &m);
	CHECK_INT(m.state, TASKHOST__WORKER__V1__GET_STATUS_RESPONSE__STATE__READY);
	CHECK_INT(m.n_not_ready, 0);
	CHECK_STR(m.version, TASKHOST_VERSION);
	CHECK_INT(m.pid, getpid());
	CHECK_STR(m.grpc_addresses[0], "0.0.0.0:8000");
	CHECK_STR(m.admin_address, "");
	CHECK_STR(m.socket, "/run/w.sock");
	CHECK_INT(m.n_plugin_directories, 2);
	CHECK_INT(m.plugins_active, 3);
	CHECK_INT(m.runners_busy, 5);
	CHECK(m.rss_bytes > 100000);
	state_word = "not ready";
	source.status(source.user, &d, &m);
	CHECK_INT(m.state, TASKHOST__WORKER__V1__GET_STATUS_RESPONSE__STATE__NOT_READY);
	CHECK_STR(m.not_ready[0], "the disk is full");
	state_word = "draining";
	source.status(source.user, &d, &m);
	CHECK_INT(m.state, TASKHOST__WORKER__V1__GET_STATUS_RESPONSE__STATE__DRAINING);
	CHECK_OK(source.drain(source.user, -1, STR("new release"), &err), err);
	CHECK_STR(drained, "new release");
	done();
}
