#include "cli/config_flags.h"

#include "base/file.h"
#include "cli/config_key.h"
#include "lib/test.h"

#define S INT64_C(1000000000)

struct values {
	int before;
	struct config_flags flags;
};

static struct worker_config c;
static struct error err;

static const char *const no_env[] = {"HOME=/h", NULL};
static struct config_place place = {.env = no_env, .cpus = 2, .plugin_dir = "/p"};

static int load(const char *const *argv)
{
	struct args_option options[CONFIG_OPTIONS_MAX];
	const struct args_command command = {
		.operands = "",
		.options = options,
		.n_options = config_options(options, offsetof(struct values, flags))};
	struct args_list operands = ARGS_LIST_INIT;
	struct values v = {0};
	int argc = 0, r;

	while (argv[argc])
		argc++;
	CHECK_OK(config_init(&c, &place, &err), err);
	r = args_parse(&command, argc, (char **)argv, &v, &operands, &err);
	if (r == 0)
		r = config_load(&c, &place, &v.flags, &err);
	args_done(&command, &v, &operands);
	return r;
}

#define LOAD(...) load((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static const char *config_at(const char *text)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/worker.json", test_tmpdir());
	CHECK_OK(file_write_atomic(path, text, strlen(text), 0600, false, &err), err);
	return path;
}

TEST(flags_win_over_environment_and_file)
{
	static const char *const env[] = {"HOME=/h", "TASKHOST_DRAIN_GRACE=20s",
					  "TASKHOST_ADMIN=none", NULL};
	const char *path = config_at("{\"drain\":{\"grace\":\"10s\"},\"slots\":5}");

	place.env = env;
	CHECK_OK(LOAD("--config", path, "--grace", "30s", "--listen", "*:1", "--listen=:2",
		      "--slots", "plugin:arith=3", "--set", "per_task_type.echo.timeout=4s",
		      "--set", "task_types.deny=a,b"),
		 err);
	place.env = no_env;
	CHECK_INT(c.grace_ns, 30 * S);
	CHECK_INT(c.admin.port, -1);
	CHECK_INT(c.slots, 5);
	CHECK_INT(c.listen.n, 2);
	CHECK_INT(c.listen.items[1].port, 2);
	CHECK_INT(config_runners_of(&c, STR("arith"))->slots, 3);
	CHECK_INT(config_type_of(&c, STR("echo"))->timeout_ns, 4 * S);
	CHECK_INT(c.deny.n, 2);
	config_done(&c);
}

TEST(last_scalar_flag_wins)
{
	CHECK_OK(LOAD("--grace", "1s", "--grace", "2s"), err);
	CHECK_INT(c.grace_ns, 2 * S);
	config_done(&c);
}

TEST(missing_config_file_is_an_error)
{
	CHECK_ERR(LOAD("--config", "/nonexistent/w.json"), ERR_NOT_FOUND, err,
		  "--config: cannot read /nonexistent/w.json");
	config_done(&c);
}

TEST(set_needs_key_and_value)
{
	CHECK_ERR(LOAD("--set", "slots"), ERR_INVALID, err, "--set: \"slots\" is not KEY=VALUE");
	config_done(&c);
	CHECK_ERR(LOAD("--set", "slot=3"), ERR_INVALID, err,
		  "--set: slot: there is no such setting; did you mean slots?");
	config_done(&c);
	CHECK_ERR(LOAD("--set", "per_plugin.x.slots=0"), ERR_INVALID, err,
		  "--set: per_plugin.x.slots: \"0\" is not allowed");
	config_done(&c);
}

TEST(problems_name_flag_and_file)
{
	const char *path = config_at("{\"drain\":{\"lame\":\"1s\"}}");

	CHECK_ERR(LOAD("--config", path, "--isolation", "x"), ERR_INVALID, err,
		  "--isolation: isolation: \"x\" is not one of process|in-process");
	CHECK_INT(c.problems.n, 2);
	CHECK(str_starts(str_of(c.problems.items[0]), path));
	config_done(&c);
}

TEST(every_flag_is_known_once)
{
	struct args_option options[CONFIG_OPTIONS_MAX];
	size_t n = config_options(options, 0);

	CHECK(n < 64);
	for (size_t i = 0; i < n; i++) {
		CHECK(options[i].help && strlen(options[i].help) > 10);
		for (size_t j = 0; j < i; j++)
			CHECK(!streq(options[i].name, options[j].name));
	}
}

/* ---- flytekit's server ------------------------------------------------------------------- */

static int load_connector(const char *const *argv)
{
	struct config_connector v = CONFIG_CONNECTOR_INIT;
	struct args_list operands = ARGS_LIST_INIT;
	int argc = 0, r;

	while (argv[argc])
		argc++;
	CHECK_OK(config_init(&c, &place, &err), err);
	r = args_parse(&config_connector_command, argc, (char **)argv, &v, &operands, &err);
	if (r == 0)
		r = config_load_connector(&c, &place, &v, &err);
	args_done(&config_connector_command, &v, &operands);
	return r;
}

#define CONNECTOR(...) load_connector((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

TEST(connector_defaults_are_flytekits)
{
	CHECK_OK(CONNECTOR(), err);
	CHECK_STR(c.listen.items[0].host, "");
	CHECK_INT(c.listen.items[0].port, 8000);
	CHECK_STR(c.admin.host, "");
	CHECK_INT(c.admin.port, 9090);
	CHECK_INT(c.slots, 2);
	CHECK_INT(c.stop_after_ns, 0);
	CHECK_INT(c.notes.n, 0);
	config_done(&c);
}

TEST(connector_flags)
{
	CHECK_OK(CONNECTOR("--port", "1", "--prometheus_port", "2", "--worker", "3", "--timeout",
			   "4", "--modules", "a.b", "--modules", "c"),
		 err);
	CHECK_INT(c.listen.items[0].port, 1);
	CHECK_INT(c.admin.port, 2);
	CHECK_INT(c.slots, 3);
	CHECK_INT(c.stop_after_ns, 4 * S);
	CHECK_INT(c.notes.n, 2);
	CHECK(strstr(c.notes.items[0], "--modules a.b is not loaded: Python modules cannot be"));
	config_done(&c);
}

TEST(connector_flags_are_checked)
{
	CHECK_ERR(CONNECTOR("--port", "70000"), ERR_INVALID, err,
		  "--port: listen: \"*:70000\" is not HOST:PORT");
	config_done(&c);
	CHECK_ERR(CONNECTOR("--port", "-1"), ERR_INVALID, err, "\"*:-1\" is not HOST:PORT");
	config_done(&c);
	CHECK_ERR(CONNECTOR("--worker", "0"), ERR_INVALID, err, "--worker: slots: \"0\"");
	config_done(&c);
	CHECK_ERR(CONNECTOR("--timeout", "-1"), ERR_INVALID, err, "--timeout: stop_after: \"-1s\"");
	config_done(&c);
	CHECK_ERR(CONNECTOR("--prometheus-port", "1"), ERR_INVALID, err,
		  "Did you mean --prometheus_port?");
	config_done(&c);
}

TEST(connector_defaults_give_way_to_the_environment)
{
	static const char *const env[] = {"HOME=/h", "TASKHOST_ADMIN=127.0.0.1:7",
					  "TASKHOST_LISTEN=127.0.0.1:8", NULL};

	place.env = env;
	CHECK_OK(CONNECTOR("--port", "9"), err);
	place.env = no_env;
	CHECK_INT(c.admin.port, 7);
	CHECK_STR(c.listen.items[0].text, "*:9");
	config_done(&c);
}
