/* What is wrong in a configuration, said in a sentence each. */
#include "given_config.h"

#define S  INT64_C(1000000000)
#define KI INT64_C(1024)

/* ---- unknown ----------------------------------------------------------------------------- */

TEST(unknown_keys_suggest)
{
	given();
	given_file("{\"drain\":{\"grce\":\"1s\"}}");
	check_problem("w.json: drain.grce: there is no such setting; did you mean grace?");
	given();
	given_file("{\"plugin\":[]}");
	check_problem("w.json: plugin: there is no such setting; did you mean plugins?");
	given();
	given_file("{\"frobnicate\":1}");
	check_problem("w.json: frobnicate: there is no such setting");
	given();
	given_file("{\"per_plugin\":{\"arith\":{\"isolaton\":\"process\"}}}");
	check_problem("w.json: per_plugin.arith.isolaton: there is no such setting; did you mean "
		      "isolation?");
	given();
	given_file("{\"per_task_types\":{}}");
	check_problem("w.json: per_task_types: there is no such setting; did you mean "
		      "per_task_type?");
	given();
	given_flag("drain.grase", "1s");
	check_problem("--drain.grase: drain.grase: there is no such setting; did you mean "
		      "drain.grace?");
}

TEST(slips_in_variables_are_noted)
{
	given();
	given_env("TASKHOST_LISTNE=1");
	CHECK_INT(given_config.notes.n, 1);
	CHECK_STR(given_config.notes.items[0],
		  "TASKHOST_LISTNE is not known; did you mean TASKHOST_LISTEN?");
	config_done(&given_config);
	/* What Kubernetes sets for a service called taskhost is no slip. */
	given();
	given_env("TASKHOST_SERVICE_HOST=10.0.0.1");
	given_env("TASKHOST_PORT_8000_TCP_ADDR=10.0.0.1");
	given_env("TASKHOST_CACHE_DIR=/c");
	CHECK_INT(given_config.notes.n, 0);
	given_finish();
	config_done(&given_config);
}

/* ---- every type's errors ----------------------------------------------------------------- */

TEST(durations)
{
	given();
	given_flag("drain.grace", "25");
	check_problem("--drain.grace: drain.grace: \"25\" is not a duration such as \"500ms\", "
		      "\"90s\" or \"1m30s\"");
	given();
	given_flag("drain.grace", "-1s");
	check_problem("--drain.grace: drain.grace: \"-1s\" is not allowed: it must be at least 0s");
	given();
	given_flag("retention.dead", "999999h");
	check_problem("--retention.dead: retention.dead: \"999999h\" is not allowed: it must be at "
		      "most 87600h");
	given();
	given_file("{\"drain\":{\"grace\":25}}");
	check_problem("w.json: drain.grace: it must be a duration with its unit, such as \"30s\", "
		      "not a number");
	given();
	given_flag("drain.grace", "1.5s");
	CHECK_INT(given_config.grace_ns, 3 * S / 2);
	config_done(&given_config);
}

TEST(byte_quantities)
{
	given();
	given_flag("log.quota", "1.5Mi");
	CHECK_INT(given_config.log_quota, 1536 * KI);
	given_file("{\"log\":{\"quota\":8192}}");
	CHECK_INT(given_config.log_quota, 8192);
	config_done(&given_config);
	given();
	given_flag("log.quota", "64MB");
	check_problem("--log.quota: log.quota: \"64MB\" is not a number of bytes such as "
		      "\"65536\", \"64Mi\" or \"1.5Gi\"");
	given();
	given_flag("log.quota", "5500m");
	check_problem("--log.quota: log.quota: \"5500m\" is not a number of bytes such as "
		      "\"65536\", \"64Mi\" or \"1.5Gi\"");
	given();
	given_flag("log.quota", "1");
	check_problem("--log.quota: log.quota: \"1\" is not allowed: it must be at least 4Ki");
	given();
	given_file("{\"log\":{\"quota\":1.5}}");
	check_problem("w.json: log.quota: it must be a number of bytes or a text such as \"64Mi\", "
		      "not a fraction");
}

TEST(counts)
{
	given();
	given_flag("slots", "0");
	check_problem("--slots: slots: \"0\" is not allowed: it must be at least 1");
	given();
	given_flag("slots", "many");
	check_problem("--slots: slots: \"many\" is not a whole number or \"auto\"");
	given();
	given_flag("runners.min", "1e3");
	check_problem("--runners.min: runners.min: \"1e3\" is not a whole number");
	given();
	given_file("{\"slots\":\"8\"}");
	check_problem("w.json: slots: it must be a whole number or \"auto\", not text");
	given();
	given_file("{\"slots\":{\"host\":8}}");
	check_problem("w.json: slots: it must be a whole number or \"auto\", not an object");
	given();
	given_flag("slots", "plugin:arith=x");
	check_problem("--slots: per_plugin.arith.slots: \"x\" is not a whole number");
	given();
	given_flag("slots", "arith=3");
	check_problem("--slots: slots: \"arith=3\" is not a whole number or \"auto\"");
}

TEST(choices)
{
	given();
	given_flag("isolation", "thread");
	check_problem("--isolation: isolation: \"thread\" is not one of process|in-process");
	given();
	given_file("{\"log\":{\"level\":true}}");
	check_problem("w.json: log.level: it must be text, not true or false");
	given();
	given_flag("log.level", "error");
	CHECK_INT(given_config.log_level, LOG_LEVEL_ERROR);
	given_flag("log.level", "debug");
	CHECK_INT(given_config.log_level, LOG_LEVEL_DEBUG);
	given_flag("outputs", "file");
	CHECK_INT(given_config.outputs, OUTPUTS_FILE);
	given_flag("log.format", "json");
	CHECK_INT(given_config.log_format, LOG_FORMAT_JSON);
	given_flag("log.level", "warning");
	CHECK_INT(given_config.log_level, LOG_LEVEL_WARNING);
	config_done(&given_config);
}

static void check_address(const char *text, const char *host, int port)
{
	given();
	given_flag("admin", text);
	CHECK_INT(given_config.problems.n, 0);
	CHECK_STR(given_config.admin.host, host);
	CHECK_INT(given_config.admin.port, port);
	config_done(&given_config);
}

TEST(addresses)
{
	check_address("0.0.0.0:9", "0.0.0.0", 9);
	check_address("*:0", "", 0);
	check_address(":8080", "", 8080);
	check_address("[::1]:65535", "::1", 65535);
	check_address("name.example:80", "name.example", 80);
	check_address("none", "", -1);
	given();
	given_flag("admin", "8080");
	check_problem("--admin: admin: \"8080\" is not HOST:PORT with a port from 0 to 65535");
	given();
	given_flag("admin", "a:65536");
	check_problem("--admin: admin: \"a:65536\" is not HOST:PORT with a port from 0 to 65535");
	given();
	given_flag("admin", "::1:8080");
	check_problem("--admin: admin: \"::1:8080\" is not an address: write IPv6 in brackets, "
		      "[::1]:8000");
	given();
	given_flag("admin", "http://x:80");
	check_problem("--admin: admin: \"http://x:80\" is not an address: write IPv6 in brackets, "
		      "[::1]:8000");
	given();
	given_file("{\"listen\":\"127.0.0.1:1\"}");
	check_problem("w.json: listen: it must be a list of addresses, [\"127.0.0.1:8000\"], not "
		      "text");
	given();
	given_file("{\"listen\":[\"127.0.0.1:1\",2]}");
	check_problem("w.json: listen[1]: it must be text, not a number");
	given();
	given_flag("listen", "none");
	check_problem("--listen: listen: \"none\" is not HOST:PORT with a port from 0 to 65535");
}

TEST(paths_and_names)
{
	given();
	given_flag("state", "");
	check_problem("--state: state: \"\" is not allowed: it must not be empty");
	given();
	given_flag("state", "/a\nb");
	check_problem("--state: state: \"?\" is not allowed: it contains control characters or is "
		      "not UTF-8");
	given();
	given_file("{\"plugins\":\"/a\"}");
	check_problem("w.json: plugins: it must be a list of texts, [\"…\"], not text");
	given();
	given_flag("socket", "none");
	CHECK_STR(given_config.socket, "");
	config_done(&given_config);
}

TEST(broken_files)
{
	given();
	given_file("{\"slots\":");
	CHECK_INT(given_config.problems.n, 1);
	CHECK(strstr(given_config.problems.items[0], "w.json"));
	CHECK(strstr(given_config.problems.items[0], "line 1"));
	config_done(&given_config);
	given();
	given_file("[]");
	check_problem("w.json: it must hold one object, {…}, not a list");
	given();
	given_file("{\"drain\":[]}");
	check_problem("w.json: drain: it must be an object, {…}, not a list");
	given();
	given_file("{\"per_plugin\":{\"arith\":3}}");
	check_problem("w.json: per_plugin.arith: it must be an object, {…}, not a number");
	given();
	given_file("{\"slots\":1,\"slots\":2}");
	CHECK_INT(given_config.problems.n, 1);
	CHECK(strstr(given_config.problems.items[0], "duplicate"));
	config_done(&given_config);
}

TEST(all_problems_are_told)
{
	struct error err = ERROR_INIT;

	given();
	given_file("{\"slots\":0,\"grace\":\"1s\",\"log\":{\"level\":\"loud\"}}");
	given_flag("drain.cancel", "soon");
	CHECK_INT(config_finish(&given_config, &err), ERR_INVALID);
	CHECK_INT(given_config.problems.n, 4);
	CHECK_STR(err.message,
		  "w.json: slots: \"0\" is not allowed: it must be at least 1\n"
		  "w.json: grace: there is no such setting\n"
		  "w.json: log.level: \"loud\" is not one of debug|info|warning|error\n"
		  "--drain.cancel: drain.cancel: \"soon\" is not a duration such as \"500ms\", "
		  "\"90s\" or \"1m30s\"");
	config_done(&given_config);
}

/* ---- all together ------------------------------------------------------------------------ */

static void check_conflict(const char *text, const char *words)
{
	struct error err = ERROR_INIT;

	given();
	given_file(text);
	CHECK_ERR(config_finish(&given_config, &err), ERR_INVALID, err, words);
	CHECK_INT(given_config.problems.n, 1);
	config_done(&given_config);
}

TEST(contradictions)
{
	check_conflict("{\"tls\":{\"cert\":\"/c\"}}", "w.json: tls.cert needs tls.key as well");
	check_conflict("{\"tls\":{\"key\":\"/c\"}}", "w.json: tls.key needs tls.cert as well");
	check_conflict("{\"tls\":{\"client_ca\":\"/c\"}}", "needs tls.cert and tls.key");
	check_conflict("{\"runners\":{\"min\":3,\"max\":2}}",
		       "runners.min: at least 3 and at most 2 processes contradict");
	check_conflict("{\"runners\":{\"min\":3},\"per_plugin\":{\"arith\":{\"max\":2}}}",
		       "per_plugin.arith: at least 3 and at most 2");
	check_conflict("{\"task_types\":{\"allow\":[\"a\",\"b\"],\"deny\":[\"b\"]}}",
		       "task type b is both allowed (w.json) and denied (w.json)");
	check_conflict("{\"listen\":[]}", "w.json: listen: there must be an address");
	check_conflict("{\"plugins\":[]}", "w.json: plugins: there must be a directory");
	check_conflict("{\"admin\":\"127.0.0.1:8000\"}",
		       "w.json: admin: gRPC listens on 127.0.0.1:8000 already");
	check_conflict("{\"listen\":[\"*:1\",\":1\"]}", "w.json: listen: :1 is there twice");
}
