#include "lib/fail_alloc.h"
#include "lib/test.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#include <fcntl.h>
#include <unistd.h>

/* Runs `call`, an expression that gives 0 or an error code, with its first allocation failing, then
 * its second, until it runs untouched. Each time but the last it must report ERR_NOMEM. */
#define CHECK_NOMEM_EVERYWHERE(call, at_least)                                                     \
	do {                                                                                       \
		long n_ = 0;                                                                       \
		for (;; n_++) {                                                                    \
			alloc_fail_after(n_);                                                      \
			int code_ = (call);                                                        \
			bool hit_ = alloc_stop_failing();                                          \
			CHECK_INT(code_, hit_ ? ERR_NOMEM : 0);                                    \
			if (!hit_)                                                                 \
				break;                                                             \
		}                                                                                  \
		CHECK(n_ >= (at_least));                                                           \
	} while (0)

static const char *in_tmp(const char *name)
{
	static char paths[4][4096];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, 4096, "%s/%s", test_tmpdir(), name);
	return path;
}

/* Tokens of every kind, each longer than the ones before, so that the parser's buffers grow within
 * each of them. */
static const char document[] =
	"{\"integer\": 123456789012345678, \"real\": 1.234567890123456789012345678901234567890,"
	"\"string with many characters, more than those of any token before it\": [\"\\u00e9 and a "
	"long, long, long, long, long, long, long, long, long, long, long, long, long text\"],"
	"\"1\": 1, \"2\": 2, \"3\": 3, \"4\": 4, \"5\": 5, \"6\": 6, \"7\": 7, \"8\": 8, \"9\": 9,"
	"\"array\": [1, 2, 3, 4, 5, 6, 7, 8, 9, [10, {\"x\": {}}], null, true, false]}";

static int parse_and_release(const char *text)
{
	struct error err = ERROR_INIT;
	json_t *v = NULL;
	int r = json_parse(str_of(text), "doc", &v, &err);

	if (r == 0)
		json_decref(v);
	return r;
}

TEST(json_parse_reports_it)
{
	CHECK_NOMEM_EVERYWHERE(parse_and_release(document), 30);
	CHECK_NOMEM_EVERYWHERE(parse_and_release("12345678901234567"), 2);
}

/* A malformed text stays an error wherever memory ends, and nothing aborts or leaks. */
TEST(json_parse_of_malformed_text)
{
	static const char *const texts[] = {
		"[12345678901234567890123456789012345678901234567890]",
		"\"a long string with a line break at character thirty-one \n in it\"",
		"averyveryverylongidentifierthatisnojson",
		"{\"key\": [1, 2, {\"other\": 1, \"other\": 2}]}",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		for (long n = 0;; n++) {
			alloc_fail_after(n);
			int r = parse_and_release(texts[i]);
			bool hit = alloc_stop_failing();

			CHECK_INT(r, hit ? ERR_NOMEM : ERR_INVALID);
			if (!hit)
				break;
		}
	}
}

static int write_document(const json_t *v)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct jw w = JW_INIT(&b, 4);

	jw_json(&w, v);
	return buf_check(&b, "the document", NULL);
}

TEST(json_writer_reports_it)
{
	struct error err = ERROR_INIT;
	json_t *v = NULL;

	CHECK_OK(json_parse(str_of(document), "doc", &v, &err), err);
	CHECK_NOMEM_EVERYWHERE(write_document(v), 4);
	json_decref(v);
}

static int fill_map(void)
{
	struct map m = MAP_INIT;
	int r = 0, value;

	for (int i = 0; i < 100 && r == 0; i++) {
		char key[16];

		snprintf(key, sizeof(key), "key %d", i);
		r = map_put(&m, str_of(key), &value, NULL);
		/* A failed put changes nothing. */
		if (m.len != (size_t)(i + (r == 0)) || !map_get(&m, str_of(key)) != (r < 0))
			r = ERR_STATE;
	}
	map_done(&m, NULL);
	return r;
}

TEST(map_put_reports_it)
{
	CHECK_NOMEM_EVERYWHERE(fill_map(), 100);
}

static int fill_arena(void)
{
	struct arena a = ARENA_INIT;
	int r = 0;

	for (size_t i = 0; i < 200 && r == 0; i++) {
		size_t used = a.used;

		if (!arena_printf(&a, "%0*d", (int)i * 50, 1)) {
			r = ERR_NOMEM;
			if (a.used != used)
				r = ERR_STATE;
		}
	}
	arena_done(&a);
	return r;
}

TEST(arena_reports_it)
{
	CHECK_NOMEM_EVERYWHERE(fill_arena(), 6);
}

static int fill_buf(void)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	size_t len;
	char *p;

	p = buf_take(&b, &len);
	free(p);
	for (int i = 0; i < 100; i++) {
		buf_printf(&b, "line %d of some text\n", i);
		base64_encode("bytes", 5, &b);
		base64_decode(STR("Ynl0ZXM="), &b);
	}
	return buf_check(&b, "the text", NULL);
}

TEST(buffer_reports_it)
{
	CHECK_NOMEM_EVERYWHERE(fill_buf(), 5);
}

static int read_back(const char *path)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;

	return file_read(path, 1 << 20, &b, NULL);
}

static int make_and_remove_temp(void)
{
	_cleanup_(freep) char *path = NULL;
	int r = dir_make_temp(test_tmpdir(),
			      "a-rather-long-prefix-so-that-the-buffer-grows-"
			      "more-than-once-for-it-",
			      &path, NULL);

	if (r == 0)
		rmdir(path);
	return r;
}

TEST(files_report_it)
{
	const char *path = in_tmp("file");

	CHECK(path);
	CHECK_NOMEM_EVERYWHERE(file_write_atomic(path, "text", 4, 0600, true, NULL), 2);
	CHECK_NOMEM_EVERYWHERE(read_back(path), 1);
	CHECK_NOMEM_EVERYWHERE(read_back("/proc/self/status"), 1);
	CHECK_NOMEM_EVERYWHERE(make_and_remove_temp(), 3);
	CHECK_NOMEM_EVERYWHERE(dir_make(in_tmp("a/b/c"), 0755, NULL), 1);
	CHECK_NOMEM_EVERYWHERE(dir_remove(in_tmp("a"), NULL), 2);
	CHECK_INT(access(in_tmp("a"), F_OK), -1);
}

/* Without memory a long line is cut; it is still one line, and still JSON. */
TEST(log_cuts_a_long_line)
{
	_cleanup_(closep) int fd = open(test_tmpdir(), O_TMPFILE | O_RDWR, 0600), saved = -1;
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	char text[20000];
	json_t *v = NULL;

	memset(text, '"', sizeof(text));
	log_setup("t", LOG_WARN, LOG_JSON);
	saved = dup(STDERR_FILENO);
	CHECK(fd >= 0 && saved >= 0);
	dup2(fd, STDERR_FILENO);
	alloc_fail_after(0);
	log_str(LOG_ERROR, (struct str){text, sizeof(text)});
	bool hit = alloc_stop_failing();
	dup2(saved, STDERR_FILENO);
	CHECK(hit);
	lseek(fd, 0, SEEK_SET);
	CHECK_OK(file_read_fd(fd, "the log", 1 << 20, &b, &err), err);
	CHECK_OK(json_parse((struct str){b.data, b.len}, "line", &v, &err), err);
	size_t len = json_string_length(json_object_get(v, "message"));
	json_decref(v);
	CHECK(len > 500 && len < sizeof(text));
}
