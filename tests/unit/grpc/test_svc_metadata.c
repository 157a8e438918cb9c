/* AgentMetadataService: who is listed, and in which order. */
#include "test_svc_kit.h"

static struct kit k;

static void open(const struct agent_type *types, size_t n)
{
	struct kit_params p = {.types = types, .n_types = n};

	kit_open(&k, &p);
}

/* "name[sync]:type@version,…;" of each connector. */
static void print(const Flyteidl__Admin__Agent *a, struct buf *out)
{
	CHECK_INT(a->n_supported_task_types, a->n_supported_task_categories);
	buf_printf(out, "%s%s:", a->name, a->is_sync ? "[sync]" : "");
	for (size_t i = 0; i < a->n_supported_task_categories; i++) {
		CHECK_STR(a->supported_task_types[i], a->supported_task_categories[i]->name);
		buf_printf(out, "%s%s@%d", i ? "," : "", a->supported_task_categories[i]->name,
			   a->supported_task_categories[i]->version);
	}
	buf_putc(out, ';');
}

static const char *listed(void)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct reply *r = kit_call(&k, METADATA "ListAgents", STR(""));
	Flyteidl__Admin__ListAgentsResponse *m;

	CHECK_INT(r->grpc_status, GRPC_OK);
	m = kit_message(&k, r, 0, MESSAGE_DESC(flyteidl__admin__list_agents_response));
	for (size_t i = 0; i < m->n_agents; i++)
		print(m->agents[i], &out);
	return kit_copy(&k, (struct str){out.data, out.len}).ptr;
}

static const char *one(const char *name)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT, request = BUF_INIT;
	Flyteidl__Admin__GetAgentResponse *m;
	struct reply *r;

	wire_put_bytes(&request, 1, str_of(name));
	r = kit_call(&k, METADATA "GetAgent", (struct str){request.data, request.len});
	if (r->grpc_status != GRPC_OK) {
		CHECK_INT(r->grpc_status, GRPC_NOT_FOUND);
		return r->message;
	}
	m = kit_message(&k, r, 0, MESSAGE_DESC(flyteidl__admin__get_agent_response));
	print(m->agent, &out);
	return kit_copy(&k, (struct str){out.data, out.len}).ptr;
}

TEST(list_by_name)
{
	static const struct agent_type types[] = {
		{.type = STR("z"), .executor = STR("p.B")},
		{.type = STR("b"), .executor = STR("p.A")},
		{.type = STR("a"), .executor = STR("p.A")},
		{.type = STR("s"), .executor = STR("p.S"), .sync = true},
	};

	open(types, ARRAY_LEN(types));
	CHECK_STR(listed(), "p.A:a@0,b@0;p.B:z@0;p.S[sync]:s@0;");
	CHECK_STR(one("p.A"), "p.A:a@0,b@0;");
	CHECK_STR(one("p.S"), "p.S[sync]:s@0;");
	CHECK_STR(one("nope"), "Cannot find connector for name: nope.");
	CHECK_STR(one(""), "Cannot find connector for name: .");
	kit_close(&k);
}

TEST(an_executor_with_both_kinds_is_two_connectors)
{
	static const struct agent_type types[] = {
		{.type = STR("echo_sync"), .executor = STR("echo.Echo"), .sync = true},
		{.type = STR("echo"), .executor = STR("echo.Echo")},
		{.type = STR("echo_async"), .executor = STR("echo.Echo")},
	};

	open(types, ARRAY_LEN(types));
	CHECK_STR(listed(), "echo.Echo:echo@0,echo_async@0;echo.Echo (sync)[sync]:echo_sync@0;");
	CHECK_STR(one("echo.Echo (sync)"), "echo.Echo (sync)[sync]:echo_sync@0;");
	kit_close(&k);
}

/* Whoever keeps what is listed last of a type has the newest version. */
TEST(the_newest_version_is_last)
{
	static const struct agent_type types[] = {
		{.type = STR("t"), .version = 3, .executor = STR("a.New")},
		{.type = STR("t"), .version = 1, .executor = STR("z.Old")},
		{.type = STR("u"), .version = 1, .executor = STR("z.Old")},
		{.type = STR("v"), .version = 2, .executor = STR("m.Both")},
		{.type = STR("v"), .version = 10, .executor = STR("m.Both")},
	};

	open(types, ARRAY_LEN(types));
	CHECK_STR(listed(), "z.Old:t@1;a.New:t@3;m.Both:v@2,v@10;z.Old:u@1;");
	CHECK_STR(one("z.Old"), "z.Old:t@1,u@1;");
	kit_close(&k);
}

TEST(lists_follow_the_catalog)
{
	static const struct agent_type types[] = {{.type = STR("a"), .executor = STR("p.A")},
						  {.type = STR("b"), .executor = STR("p.B")}};

	open(types, ARRAY_LEN(types));
	CHECK_STR(listed(), "p.A:a@0;p.B:b@0;");
	k.n_types = 1;
	CHECK_STR(listed(), "p.A:a@0;p.B:b@0;"); /* answered from memory */
	CHECK_OK(agent_service_refresh(k.agent, &k.err), k.err);
	CHECK_STR(listed(), "p.A:a@0;");
	k.n_types = 0;
	CHECK_OK(agent_service_refresh(k.agent, &k.err), k.err);
	CHECK_STR(listed(), "");
	kit_close(&k);
}

/* A long list is sent without a copy, and may be replaced while it is on its way. */
TEST(a_long_list_survives_its_replacement)
{
	enum { N = 2000 };
	struct agent_type *types = calloc(N, sizeof(*types));
	char(*names)[32] = calloc(N, sizeof(*names));
	Flyteidl__Admin__ListAgentsResponse *m;
	int32_t id;

	CHECK(types && names);
	for (int i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "type_%04d", i);
		types[i] =
			(struct agent_type){.type = str_of(names[i]), .executor = str_of(names[i])};
	}
	open(types, N);
	k.client.deaf = true;
	id = client_unary(&k.client, METADATA "ListAgents", STR(""));
	client_turn(&k.client);
	k.n_types = 1;
	CHECK_OK(agent_service_refresh(k.agent, &k.err), k.err);
	CHECK_OK(agent_service_refresh(k.agent, &k.err), k.err);
	k.client.deaf = false;
	m = kit_message(&k, kit_wait(&k, id), 0,
			MESSAGE_DESC(flyteidl__admin__list_agents_response));
	CHECK_INT(m->n_agents, N);
	CHECK_STR(m->agents[N - 1]->name, "type_1999");
	kit_close(&k);
	free(names);
	free(types);
}

TEST(metadata_refuses_what_is_no_request)
{
	open(NULL, 0);
	CHECK_INT(kit_call(&k, METADATA "ListAgents", STR("\x08"))->grpc_status,
		  GRPC_INVALID_ARGUMENT);
	CHECK_INT(kit_call(&k, METADATA "GetAgent", STR("\x0a\x05x"))->grpc_status,
		  GRPC_INVALID_ARGUMENT);
	kit_close(&k);
}
