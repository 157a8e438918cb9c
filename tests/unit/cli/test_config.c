/* What a configuration says: defaults, which source wins, what plugins and types inherit. */
#include "given_config.h"

#include "cli/config_key.h"

#include <stdlib.h>

#define S  INT64_C(1000000000)
#define KI INT64_C(1024)

/* ---- defaults ---------------------------------------------------------------------------- */

TEST(defaults)
{
	given();
	given_finish();
	CHECK_INT(given_config.plugins.n, 1);
	CHECK_STR(given_config.plugins.items[0], "/usr/lib/taskhost/plugins");
	CHECK_INT(given_config.trust.n, 0);
	CHECK_INT(given_config.listen.n, 1);
	CHECK_STR(given_config.listen.items[0].host, "127.0.0.1");
	CHECK_INT(given_config.listen.items[0].port, 8000);
	CHECK_STR(given_config.admin.host, "127.0.0.1");
	CHECK_INT(given_config.admin.port, 8080);
	CHECK_STR(given_config.state, "/home/ann/.local/state/taskhost");
	CHECK_STR(given_config.meta_key_file, "/home/ann/.local/state/taskhost/meta.key");
	CHECK_STR(given_config.socket, "");
	CHECK_INT(given_config.slots, 4);
	CHECK(given_config.slots_auto);
	CHECK_INT(given_config.runners.isolation, ISOLATION_PROCESS);
	CHECK_INT(given_config.lameduck_ns, 5 * S);
	CHECK_INT(given_config.grace_ns, 25 * S);
	CHECK_INT(given_config.cancel_ns, 3 * S);
	CHECK_INT(given_config.time_limits.timeout_ns, 0);
	CHECK_INT(given_config.log_format, LOG_FORMAT_AUTO);
	CHECK_INT(given_config.log_level, LOG_LEVEL_INFO);
	CHECK_INT(given_config.outputs, OUTPUTS_AUTO);
	CHECK_INT(given_config.receive_max, 64 * KI * KI);
	CHECK_INT(given_config.reply_max, 3584 * KI);
	CHECK_STR(given_config.tls_cert, "");
	CHECK(config_type_allowed(&given_config, STR("anything")));
	for (size_t i = 0; i < config_keys.n; i++)
		CHECK_INT(given_config.origins[i].source, CONFIG_DEFAULT);
	config_done(&given_config);
}

TEST(places_of_root)
{
	given_place(NULL, true);
	given_finish();
	CHECK_STR(given_config.state, "/var/lib/taskhost");
	CHECK_STR(given_config.socket, "/run/taskhost/worker.sock");
	config_done(&given_config);
}

TEST(places_of_a_user)
{
	static const char *const env_list[] = {"XDG_STATE_HOME=/s", "XDG_RUNTIME_DIR=/r", NULL};

	given_place(env_list, false);
	given_finish();
	CHECK_STR(given_config.state, "/s/taskhost");
	CHECK_STR(given_config.socket, "/r/taskhost/worker.sock");
	config_done(&given_config);
}

TEST(places_of_a_systemd_unit)
{
	static const char *const env_list[] = {"STATE_DIRECTORY=/var/lib/private/a:/b",
					       "RUNTIME_DIRECTORY=/run/a", NULL};

	given_place(env_list, false);
	given_finish();
	CHECK_STR(given_config.state, "/var/lib/private/a");
	CHECK_STR(given_config.socket, "/run/a/worker.sock");
	check_from("state", CONFIG_DEFAULT, "STATE_DIRECTORY");
	config_done(&given_config);
}

TEST(no_place_for_state_is_told)
{
	struct error err = ERROR_INIT;

	given_place(NULL, false);
	CHECK_ERR(config_finish(&given_config, &err), ERR_INVALID, err,
		  "no HOME to keep a state directory");
	config_done(&given_config);
	given_place(NULL, false);
	given_flag("state", "/tmp/s");
	given_finish();
	CHECK_STR(given_config.meta_key_file, "/tmp/s/meta.key");
	config_done(&given_config);
}

/* ---- precedence -------------------------------------------------------------------------- */

TEST(stronger_sources_win)
{
	given();
	given_file("{\"drain\":{\"grace\":\"10s\",\"lameduck\":\"1s\",\"cancel\":\"9s\"}}");
	given_env("TASKHOST_DRAIN_GRACE=20s");
	given_env("TASKHOST_DRAIN_LAMEDUCK=2s");
	given_flag("drain.grace", "1m30s");
	given_finish();
	CHECK_INT(given_config.grace_ns, 90 * S);
	CHECK_INT(given_config.lameduck_ns, 2 * S);
	CHECK_INT(given_config.cancel_ns, 9 * S);
	CHECK_INT(given_config.slots, 4);
	check_from("drain.grace", CONFIG_FLAG, "--drain.grace");
	check_from("drain.lameduck", CONFIG_ENV, "TASKHOST_DRAIN_LAMEDUCK");
	check_from("drain.cancel", CONFIG_FILE, "w.json");
	check_from("slots", CONFIG_DEFAULT, "");
	config_done(&given_config);
}

TEST(lists_are_replaced_whole)
{
	given();
	given_file("{\"plugins\":[\"/a\",\"/b\"],\"task_types\":{\"allow\":[\"x\",\"y\"]}}");
	given_env("TASKHOST_PLUGIN_PATH=/c:/d::/e");
	given_finish();
	CHECK_INT(given_config.plugins.n, 3);
	CHECK_STR(given_config.plugins.items[0], "/c");
	CHECK_STR(given_config.plugins.items[2], "/e");
	CHECK_INT(given_config.allow.n, 2);
	config_done(&given_config);
}

TEST(empty_variables_are_not_set)
{
	given();
	given_env("TASKHOST_LISTEN=");
	given_finish();
	CHECK_INT(given_config.listen.n, 1);
	check_from("listen", CONFIG_DEFAULT, "");
	config_done(&given_config);
}

/* ---- single plugins and task types ------------------------------------------------------- */

TEST(one_plugin_inherits_the_rest)
{
	const struct config_runners *r;

	given();
	given_file("{\"runners\":{\"min\":1,\"idle\":\"5s\"},\"limits\":{\"memory\":\"1Gi\"},"
		   "\"per_plugin\":{\"arith\":{\"slots\":3,\"isolation\":\"in-process\",\"memory\":"
		   "1024},"
		   "\"a.b_2\":{\"max_growth\":\"1Mi\"}}}");
	given_finish();
	r = config_runners_of(&given_config, STR("arith"));
	CHECK_INT(r->slots, 3);
	CHECK_INT(r->isolation, ISOLATION_IN_PROCESS);
	CHECK_INT(r->memory, 1024);
	CHECK_INT(r->min, 1);
	CHECK_INT(r->idle_ns, 5 * S);
	r = config_runners_of(&given_config, STR("a.b_2"));
	CHECK_INT(r->max_growth, KI * KI);
	CHECK_INT(r->isolation, ISOLATION_PROCESS);
	CHECK_INT(r->slots, 0);
	r = config_runners_of(&given_config, STR("other"));
	CHECK_INT(r->memory, KI * KI * KI);
	config_done(&given_config);
}

TEST(one_task_type_inherits_the_rest)
{
	given();
	given_file("{\"time_limits\":{\"default\":\"1h\",\"queue\":\"2m\"},"
		   "\"per_task_type\":{\"echo\":{\"slots\":2,\"timeout\":\"3s\",\"priority\":7}}}");
	given_finish();
	CHECK_INT(config_type_of(&given_config, STR("echo"))->slots, 2);
	CHECK_INT(config_type_of(&given_config, STR("echo"))->timeout_ns, 3 * S);
	CHECK_INT(config_type_of(&given_config, STR("echo"))->queue_ns, 120 * S);
	CHECK_INT(config_type_of(&given_config, STR("echo"))->priority, 7);
	CHECK_INT(config_type_of(&given_config, STR("other"))->priority, 0);
	CHECK_INT(config_type_of(&given_config, STR("other"))->timeout_ns, 3600 * S);
	CHECK_INT(config_type_of(&given_config, STR("other"))->slots, 0);
	config_done(&given_config);
}

TEST(slots_and_isolation_name_plugins_and_types)
{
	static const char *const slots[] = {"8", "plugin:a.b=3", "type:echo=2"};
	static const char *const isolation[] = {"arith=in-process", "process"};

	given();
	given_file("{\"slots\":2,\"per_plugin\":{\"a.b\":{\"slots\":1}}}");
	config_apply(&given_config, "slots", slots, 3, CONFIG_FLAG, "--slots");
	config_apply(&given_config, "isolation", isolation, 2, CONFIG_FLAG, "--isolation");
	given_finish();
	CHECK_INT(given_config.slots, 8);
	CHECK(!given_config.slots_auto);
	CHECK_INT(config_runners_of(&given_config, STR("a.b"))->slots, 3);
	CHECK_INT(config_type_of(&given_config, STR("echo"))->slots, 2);
	CHECK_INT(given_config.runners.isolation, ISOLATION_PROCESS);
	CHECK_INT(config_runners_of(&given_config, STR("arith"))->isolation, ISOLATION_IN_PROCESS);
	config_done(&given_config);
	given();
	given_env("TASKHOST_SLOTS=auto,plugin:arith=5");
	given_finish();
	CHECK(given_config.slots_auto);
	CHECK_INT(config_runners_of(&given_config, STR("arith"))->slots, 5);
	config_done(&given_config);
}

TEST(single_settings_by_key)
{
	given();
	given_flag("per_plugin.a.b.max_runs", "10");
	given_flag("per_task_type.echo.queue", "4s");
	given_finish();
	CHECK_INT(config_runners_of(&given_config, STR("a.b"))->max_runs, 10);
	CHECK_INT(config_type_of(&given_config, STR("echo"))->queue_ns, 4 * S);
	config_done(&given_config);
	given();
	given_flag("per_plugin.arith", "10");
	check_problem("--per_plugin.arith: per_plugin.arith: it must be per_plugin.NAME.SETTING, "
		      "SETTING one of those of the file");
	given();
	given_flag("per_plugin.Arith.slots", "10");
	check_problem("--per_plugin.Arith.slots: \"Arith\" is no plugin id: it must be words of "
		      "a-z, 0-9 and _, parted by dots");
}

TEST(free_ports_do_not_collide)
{
	given();
	given_file("{\"listen\":[\"127.0.0.1:0\",\"127.0.0.1:0\"],\"admin\":\"127.0.0.1:0\"}");
	given_finish();
	config_done(&given_config);
}

TEST(task_types_allowed_and_denied)
{
	given();
	given_file("{\"task_types\":{\"deny\":[\"shell\"]}}");
	given_finish();
	CHECK(!config_type_allowed(&given_config, STR("shell")));
	CHECK(config_type_allowed(&given_config, STR("echo")));
	config_done(&given_config);
	given();
	given_file("{\"task_types\":{\"allow\":[\"echo\"]}}");
	given_finish();
	CHECK(!config_type_allowed(&given_config, STR("shell")));
	CHECK(config_type_allowed(&given_config, STR("echo")));
	config_done(&given_config);
}

/* ---- showing ----------------------------------------------------------------------------- */

static const struct config_item *item(const struct config_item *items, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (streq(items[i].key, key))
			return &items[i];
	test_fail(__FILE__, __LINE__, "no item %s", key);
}

TEST(items_say_value_and_source)
{
	struct error err = ERROR_INIT;
	struct config_item *items;
	size_t n;

	given();
	given_file("{\"log\":{\"quota\":\"3Mi\"},\"listen\":[\"*:1\",\"[::1]:2\"],"
		   "\"per_plugin\":{\"a.b\":{\"idle\":\"90s\"}}}");
	given_env("TASKHOST_DRAIN_GRACE=90500ms");
	given_finish();
	CHECK_OK(config_items(&given_config, &items, &n, &err), err);
	CHECK_INT(n, config_keys.n + 1);
	CHECK_STR(item(items, n, "log.quota")->value, "3Mi");
	CHECK_STR(item(items, n, "listen")->value, "*:1, [::1]:2");
	CHECK_STR(item(items, n, "slots")->value, "4 (auto)");
	CHECK_STR(item(items, n, "drain.grace")->value, "1m30s500ms");
	CHECK_STR(item(items, n, "drain.grace")->origin.where, "TASKHOST_DRAIN_GRACE");
	CHECK_STR(item(items, n, "isolation")->value, "process");
	CHECK_STR(item(items, n, "tls.cert")->value, "none");
	CHECK_STR(item(items, n, "retention.finished")->value, "168h");
	CHECK_STR(item(items, n, "messages.reply_max")->value, "3584Ki");
	CHECK_STR(item(items, n, "per_plugin.a.b.idle")->value, "1m30s");
	CHECK_STR(config_source_name(item(items, n, "per_plugin.a.b.idle")->origin.source), "file");
	config_done(&given_config);
}

/* What is shown can be read again, and is the same. */
TEST(shown_values_read_back)
{
	struct error err = ERROR_INIT;
	struct config_item *items, *again;
	char *texts[CONFIG_KEYS_MAX];
	size_t n, m;

	given();
	given_finish();
	CHECK_OK(config_items(&given_config, &items, &n, &err), err);
	for (size_t i = 0; i < n; i++)
		texts[i] = strdup(items[i].value);
	for (size_t i = 0; i < n; i++)
		if (*texts[i] && !streq(config_keys.keys[i].name, "slots"))
			given_flag(config_keys.keys[i].name, texts[i]);
	given_finish();
	CHECK_OK(config_items(&given_config, &again, &m, &err), err);
	CHECK_INT(m, n);
	for (size_t i = 0; i < n; i++) {
		CHECK_STR(again[i].value, texts[i]);
		free(texts[i]);
	}
	config_done(&given_config);
}
