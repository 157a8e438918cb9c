#include "lib/test.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static int saved_stderr = -1, pipe_end = -1;

/* Between capture and captured, fd 2 is a file. */
static void capture(void)
{
	char path[4096];

	fflush(stderr);
	snprintf(path, sizeof(path), "%s/log-XXXXXX", test_tmpdir());
	pipe_end = mkstemp(path);
	CHECK(pipe_end >= 0);
	unlink(path);
	saved_stderr = dup(STDERR_FILENO);
	dup2(pipe_end, STDERR_FILENO);
}

static const char *captured(void)
{
	static struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;

	dup2(saved_stderr, STDERR_FILENO);
	closep(&saved_stderr);
	buf_done(&b);
	buf_reserve(&b, 0);
	lseek(pipe_end, 0, SEEK_SET);
	CHECK_OK(file_read_fd(pipe_end, "the log", 100 << 20, &b, &err), err);
	closep(&pipe_end);
	return b.data;
}

static const char *member(const json_t *v, const char *key)
{
	return json_string_value(json_object_get(v, key));
}

TEST(text_line)
{
	log_setup("taskhost", LOG_WARN, LOG_TEXT);
	capture();
	log_warn("disk is %d%% full", 93);
	log_error("gone");
	log_info("not shown");
	log_debug("not shown");
	CHECK_STR(captured(), "taskhost: warning: disk is 93% full\ntaskhost: error: gone\n");
}

TEST(level_decides)
{
	log_setup("t", LOG_DEBUG, LOG_TEXT);
	CHECK(log_enabled(LOG_DEBUG));
	capture();
	log_debug("d");
	log_info("i");
	CHECK_STR(captured(), "t: debug: d\nt: info: i\n");
	log_setup("t", LOG_OFF, LOG_TEXT);
	CHECK(!log_enabled(LOG_ERROR));
	capture();
	log_error("e");
	CHECK_STR(captured(), "");
}

TEST(a_message_cannot_break_out_of_its_line)
{
	log_setup("t", LOG_WARN, LOG_TEXT);
	capture();
	log_str(LOG_WARN, STR("a\nb\r\x1b[31m\tc\0d\xff é\x7f"));
	CHECK_STR(captured(), "t: warning: a\\nb\\r\\x1b[31m\tc\\x00d\xef\xbf\xbd é\\x7f\n");
}

TEST(json_line)
{
	struct error err = ERROR_INIT;
	json_t *v = NULL;
	const char *line;

	log_setup("task\"host", LOG_INFO, LOG_JSON);
	capture();
	log_info("say \"%s\"\n\x01\\\xfe", "é");
	line = captured();
	CHECK_OK(json_parse(str_of(line), "line", &v, &err), err);
	CHECK_STR(member(v, "name"), "task\"host");
	CHECK_STR(member(v, "levelname"), "INFO");
	CHECK_STR(member(v, "message"), "say \"é\"\n\x01\\\xef\xbf\xbd");
	CHECK_INT(strlen(member(v, "asctime")), 23);
	CHECK_INT(member(v, "asctime")[10], ' ');
	CHECK_INT(member(v, "asctime")[19], ',');
	CHECK_INT(json_object_size(v), 4);
	CHECK_INT(line[strlen(line) - 1], '\n');
	json_decref(v);
}

TEST(long_messages_are_whole)
{
	_cleanup_(freep) char *text = malloc(200001);
	const char *line;

	CHECK(text);
	memset(text, 'x', 200000);
	text[200000] = '\0';
	log_setup("t", LOG_WARN, LOG_TEXT);
	capture();
	log_warn("%s", text);
	line = captured();
	CHECK_INT(strlen(line), 200000 + strlen("t: warning: \n"));
	CHECK_INT(strspn(line + strlen("t: warning: "), "x"), 200000);
}

TEST(environment)
{
	static const struct {
		const char *level;
		bool info, warn, error;
	} cases[] = {
		{NULL, false, true, true},     {"", false, true, true},
		{"20", true, true, true},      {"25", false, true, true},
		{"info", true, true, true},    {"WARNING", false, true, true},
		{"ERROR", false, false, true}, {"CRITICAL", false, false, false},
		{"50", false, false, false},   {"0", true, true, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsetenv("FLYTE_SDK_LOGGING_LEVEL");
		if (cases[i].level)
			setenv("FLYTE_SDK_LOGGING_LEVEL", cases[i].level, 1);
		capture();
		log_setup_from_env("t");
		CHECK_STR(captured(), "");
		CHECK_INT(log_enabled(LOG_INFO), cases[i].info);
		CHECK_INT(log_enabled(LOG_WARN), cases[i].warn);
		CHECK_INT(log_enabled(LOG_ERROR), cases[i].error);
	}
}

TEST(bad_level_in_the_environment_is_told)
{
	setenv("FLYTE_SDK_LOGGING_LEVEL", "loud", 1);
	setenv("FLYTE_SDK_LOGGING_FORMAT", "json", 1);
	capture();
	log_setup_from_env("t");
	CHECK(strstr(captured(), "{\"asctime\":\""));
	setenv("FLYTE_SDK_LOGGING_FORMAT", "simple", 1);
	capture();
	log_setup_from_env("t");
	CHECK(str_starts(str_of(captured()), "t: warning: FLYTE_SDK_LOGGING_LEVEL is \"loud\""));
	CHECK(log_enabled(LOG_WARN) && !log_enabled(LOG_INFO));
	unsetenv("FLYTE_SDK_LOGGING_LEVEL");
	unsetenv("FLYTE_SDK_LOGGING_FORMAT");
}

static void *chatter(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_warn("%s", (const char *)arg);
	return NULL;
}

TEST(lines_of_threads_do_not_mix)
{
	pthread_t threads[4];
	char texts[4][200];
	int lines = 0;

	log_setup("t", LOG_WARN, LOG_TEXT);
	capture();
	for (int i = 0; i < 4; i++) {
		memset(texts[i], 'a' + i, 199);
		texts[i][199] = '\0';
		CHECK_INT(pthread_create(&threads[i], NULL, chatter, texts[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		CHECK_INT(pthread_join(threads[i], NULL), 0);
	for (const char *p = captured(); *p; p += 212) {
		CHECK(str_starts(str_of(p), "t: warning: "));
		CHECK_INT(strspn(p + 12, (char[]){p[12], '\0'}), 199);
		CHECK_INT(p[211], '\n');
		lines++;
	}
	CHECK_INT(lines, 2000);
}
