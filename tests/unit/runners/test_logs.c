#include "lib/test.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "runners/log_file.h"
#include "runners/logs.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct loop *loop;
static struct logs *logs;
static char directory[300];

static void open_logs(uint64_t quota, bool fresh)
{
	static unsigned n;
	struct error err = ERROR_INIT;
	struct logs_params params = {.directory = directory, .quota = quota};

	n += fresh;
	snprintf(directory, sizeof(directory), "%s/logs%u", test_tmpdir(), n);
	CHECK_OK(loop_new(&loop, &err), err);
	CHECK_OK(logs_new(loop, &params, &logs, &err), err);
}

static void set_true(void *user)
{
	*(bool *)user = true;
}

static void close_logs(void)
{
	struct error err = ERROR_INIT;
	bool closed = false;

	logs_close(logs, set_true, &closed);
	for (int i = 0; i < 1000 && !closed; i++)
		loop_run_once(loop, 10000000);
	CHECK(closed);
	CHECK_OK(loop_close(loop, &err), err);
}

static void settle(void)
{
	for (int i = 0; i < 20; i++)
		loop_run_once(loop, 1000000);
}

static struct log *start(const char *name)
{
	struct error err = ERROR_INIT;
	struct log *l;

	CHECK_OK(log_open(logs, name, &l, &err), err);
	return l;
}

static void expect(const char *name, uint64_t offset, const char *text, bool end)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct log_part part;

	CHECK_OK(logs_read(logs, name, offset, 1 << 20, &b, &part, &err), err);
	CHECK_STR(b.data ? b.data : "", text);
	CHECK_INT(part.end, end);
	CHECK_INT(part.next, part.offset + b.len);
}

TEST(what_is_appended_can_be_read)
{
	struct log *l;

	open_logs(0, true);
	l = start("a");
	log_append(l, "one\n", 4);
	expect("a", 0, "one\n", false); /* from memory */
	loop_run_once(loop, 0);
	log_append(l, "two\n", 4);
	expect("a", 0, "one\ntwo\n", false); /* from what is being written, and memory */
	settle();
	log_append(l, "three\n", 6);
	expect("a", 0, "one\ntwo\nthree\n", false); /* from the file, and memory */
	expect("a", 4, "two\nthree\n", false);
	expect("a", 14, "", false);
	expect("a", 999, "", false);
	log_close(l);
	settle();
	expect("a", 0, "one\ntwo\nthree\n", true);
	close_logs();
	open_logs(0, false);
	expect("a", 4, "two\nthree\n", true); /* another life */
	l = start("a");
	log_append(l, "four\n", 5);
	expect("a", 8, "three\nfour\n", false);
	log_close(l);
	close_logs();
}

TEST(the_file_is_of_version_1)
{
	static const char expected[64 + 10] = "thlog\0\0\1"
					      "\x0a\0\0\0\0\0\0\0"
					      "\x0c\0\0\0\0\0\0\0"
					      "\x03\0\0\0\0\0\0\0";
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct log_head head = {.quota = 10, .lost = 3};
	char path[400];

	snprintf(path, sizeof(path), "%s/version1", test_tmpdir());
	CHECK_OK(log_file_append(path, &head, "0123456789ab", 12, &err), err);
	CHECK_INT(head.total, 12);
	CHECK_OK(file_read(path, 1000, &b, &err), err);
	CHECK_INT(b.len, sizeof(expected));
	CHECK(memcmp(b.data, expected, 64) == 0);
	CHECK(memcmp(b.data + 64, "ab23456789", 10) == 0);
	CHECK_OK(log_file_head(path, &head, &err), err);
	CHECK_INT(head.quota, 10);
	CHECK_INT(head.total, 12);
	CHECK_INT(head.lost, 3);
}

TEST(parts)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct log_part part;
	struct log *l;

	open_logs(0, true);
	l = start("a");
	log_append(l, "0123456789", 10);
	settle();
	log_append(l, "abcdefghij", 10);
	log_close(l);
	CHECK_OK(logs_read(logs, "a", 8, 4, &b, &part, &err), err);
	CHECK_STR(b.data, "89ab");
	CHECK_INT(part.next, 12);
	CHECK(!part.end);
	buf_clear(&b);
	CHECK_OK(logs_read(logs, "a", 12, 100, &b, &part, &err), err);
	CHECK_STR(b.data, "cdefghij");
	CHECK(part.end);
	close_logs();
}

TEST(only_the_last_bytes_are_kept)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	struct log_part part;
	struct stat st;
	struct log *l;
	char line[16], path[400];

	open_logs(1000, true);
	l = start("a");
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "line %04d\n", i);
		log_append(l, line, 10);
		if (i % 7 == 0)
			settle();
	}
	log_close(l);
	settle();
	CHECK_OK(logs_read(logs, "a", 0, 1 << 20, &b, &part, &err), err);
	CHECK_INT(part.gone, 9000);
	CHECK_INT(part.offset, 9000);
	CHECK_INT(b.len, 1000);
	CHECK(strncmp(b.data, "line 0900\n", 10) == 0);
	CHECK(strcmp(b.data + 990, "line 0999\n") == 0);
	CHECK_INT(part.lost, 0);
	snprintf(path, sizeof(path), "%s/a", directory);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_size, 1064);
	CHECK_INT(st.st_mode & 0777, 0600);
	close_logs();
}

TEST(what_comes_too_fast_is_counted)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	static char block[100000];
	struct log_part part;
	struct log *l;

	open_logs(1 << 20, true);
	memset(block, 'x', sizeof(block));
	l = start("a");
	for (int i = 0; i < 10; i++)
		log_append(l, block, sizeof(block)); /* the loop does not turn meanwhile */
	settle();
	log_append(l, "end\n", 4);
	log_close(l);
	settle();
	CHECK_OK(logs_read(logs, "a", 0, 1 << 20, &b, &part, &err), err);
	CHECK_INT(part.lost, 1000000 - (256 << 10));
	CHECK(strstr(b.data, "\n[737856 bytes were lost here]\nend\n"));
	close_logs();
}

TEST(the_last_lines)
{
	struct error err = ERROR_INIT;
	struct log *l;
	uint64_t offset;

	open_logs(0, true);
	l = start("a");
	CHECK_OK(logs_tail(logs, "a", 5, &offset, &err), err);
	CHECK_INT(offset, 0);
	log_append(l, "1\n2\n3\n4\n", 8);
	CHECK_OK(logs_tail(logs, "a", 1, &offset, &err), err);
	CHECK_INT(offset, 6);
	CHECK_OK(logs_tail(logs, "a", 3, &offset, &err), err);
	CHECK_INT(offset, 2);
	CHECK_OK(logs_tail(logs, "a", 9, &offset, &err), err);
	CHECK_INT(offset, 0);
	CHECK_OK(logs_tail(logs, "a", 0, &offset, &err), err);
	CHECK_INT(offset, 8);
	log_append(l, "5", 1);
	CHECK_OK(logs_tail(logs, "a", 2, &offset, &err), err);
	CHECK_INT(offset, 6);
	log_close(l);
	close_logs();
}

static unsigned n_more;

static void on_more(struct log_follower *f)
{
	(void)f;
	n_more++;
}

TEST(followers_are_called)
{
	struct log_follower f = {.more = on_more}, other = {.more = on_more};
	struct error err = ERROR_INIT;
	struct log *l;

	open_logs(0, true);
	n_more = 0;
	CHECK_OK(logs_follow(logs, "a", &f, &err), err);
	CHECK_OK(logs_follow(logs, "b", &other, &err), err);
	l = start("a");
	log_append(l, "x", 1);
	log_append(l, "y", 1);
	CHECK_INT(n_more, 0);
	settle();
	CHECK_INT(n_more, 1);
	log_close(l);
	settle();
	CHECK_INT(n_more, 2);
	logs_unfollow(&f);
	logs_unfollow(&other);
	close_logs();
}

TEST(names_and_strangers)
{
	struct error err = ERROR_INIT;
	struct log_part part;
	struct buf b = BUF_INIT;
	struct log *l;
	char path[400], name[LOG_NAME_MAX + 2];

	open_logs(0, true);
	CHECK_ERR(log_open(logs, "../x", &l, &err), ERR_INVALID, err, "cannot be the name");
	CHECK_ERR(log_open(logs, "a/b", &l, &err), ERR_INVALID, err, "cannot be the name");
	CHECK_ERR(log_open(logs, "", &l, &err), ERR_INVALID, err, "cannot be the name");
	CHECK_ERR(log_open(logs, ".hidden", &l, &err), ERR_INVALID, err, "cannot be the name");
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	CHECK_ERR(log_open(logs, name, &l, &err), ERR_INVALID, err, "cannot be the name");
	CHECK_ERR(logs_read(logs, "none", 0, 10, &b, &part, &err), ERR_NOT_FOUND, err, "none");
	snprintf(path, sizeof(path), "%s/bad", directory);
	CHECK_OK(file_write_atomic(path, "something else", 14, 0600, false, &err), err);
	CHECK_ERR(log_open(logs, "bad", &l, &err), ERR_INVALID, err, "is no log: remove it");
	CHECK_ERR(logs_read(logs, "bad", 0, 10, &b, &part, &err), ERR_INVALID, err, "is no log");
	buf_done(&b);
	close_logs();
}

/* As a kill, a full disk or a loss of power in the first write leave it. */
TEST(a_log_that_was_cut_off_begins_anew)
{
	static const char bytes[80] = {[70] = 'x'};
	static const struct {
		const char *data;
		size_t len;
	} left[] = {{bytes, 0}, {bytes, 64}, {bytes, 80}, {"thlog", 5}, {"thlog\0\0\1\xa", 10}};
	struct error err = ERROR_INIT;
	struct log_part part;
	struct buf b = BUF_INIT;
	struct log *l;
	char path[400];

	open_logs(0, true);
	snprintf(path, sizeof(path), "%s/cut", directory);
	for (size_t i = 0; i < ARRAY_LEN(left); i++) {
		CHECK_OK(file_write_atomic(path, left[i].data, left[i].len, 0600, false, &err),
			 err);
		CHECK_ERR(logs_read(logs, "cut", 0, 10, &b, &part, &err), ERR_NOT_FOUND, err,
			  "cut holds no log yet");
		l = start("cut");
		log_append(l, "anew", 4);
		log_close(l);
		settle();
		expect("cut", 0, "anew", true);
	}
	buf_done(&b);
	close_logs();
}

TEST(the_head_of_a_new_log_comes_first)
{
	struct error err = ERROR_INIT;
	struct log_head head = {.quota = 1000};
	struct rlimit all, few;
	char path[400];
	int code;

	snprintf(path, sizeof(path), "%s/full", test_tmpdir());
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &all), 0);
	few = (struct rlimit){.rlim_cur = 66, .rlim_max = all.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &few);
	code = log_file_append(path, &head, "0123456789", 10, &err);
	setrlimit(RLIMIT_FSIZE, &all);
	signal(SIGXFSZ, SIG_DFL);
	CHECK(code < 0);
	head = (struct log_head){.quota = 1};
	CHECK_OK(log_file_head(path, &head, &err), err);
	CHECK_INT(head.quota, 1000);
	CHECK_INT(head.total, 0);
}

TEST(an_unwritable_directory_loses_but_goes_on)
{
	struct error err = ERROR_INIT;
	struct log_part part;
	struct buf b = BUF_INIT;
	struct log *l;
	char path[400];

	open_logs(0, true);
	l = start("a");
	snprintf(path, sizeof(path), "%s/a", directory);
	CHECK_INT(mkdir(path, 0700), 0); /* a file cannot be made there */
	log_append(l, "lost", 4);
	settle();
	CHECK_OK(logs_read(logs, "a", 0, 100, &b, &part, &err), err);
	CHECK_INT(part.lost, 4);
	CHECK_INT(b.len, 0);
	CHECK_INT(rmdir(path), 0);
	log_append(l, "kept", 4);
	log_close(l);
	settle();
	CHECK_OK(logs_read(logs, "a", 0, 100, &b, &part, &err), err);
	CHECK_STR(b.data, "\n[4 bytes were lost here]\nkept");
	buf_done(&b);
	close_logs();
}
