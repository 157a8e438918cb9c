#include "base/file.h"
#include "base/mem.h"
#include "lib/test.h"
#include "store/state_dir.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path_of(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", test_tmpdir(), name);
	return path;
}

TEST(made_private_and_locked)
{
	_cleanup_(state_dir_close) struct state_dir d = STATE_DIR_INIT;
	struct error err = ERROR_INIT;
	struct stat st;

	CHECK_OK(state_dir_open(&d, path_of("made/deep"), &err), err);
	CHECK(stat(d.path, &st) == 0);
	CHECK_INT(st.st_mode & 07777, 0700);
}

TEST(second_holder_is_told_who_has_it)
{
	_cleanup_(state_dir_close) struct state_dir first = STATE_DIR_INIT;
	_cleanup_(state_dir_close) struct state_dir second = STATE_DIR_INIT;
	struct error err = ERROR_INIT;
	char pid[32], host[256] = "";

	gethostname(host, sizeof(host) - 1);
	snprintf(pid, sizeof(pid), "process %d ", (int)getpid());
	CHECK_OK(state_dir_open(&first, path_of("held"), &err), err);
	CHECK_ERR(state_dir_open(&second, path_of("held"), &err), ERR_STATE, err, pid);
	CHECK(strstr(err.message, host));
	CHECK(strstr(err.message, " since 20"));
	state_dir_close(&first);
	CHECK_OK(state_dir_open(&second, path_of("held"), &err), err);
}

TEST(lock_goes_with_the_process)
{
	_cleanup_(state_dir_close) struct state_dir d = STATE_DIR_INIT;
	struct error err = ERROR_INIT;
	const char *path = path_of("orphan");
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		struct state_dir mine = STATE_DIR_INIT;

		_exit(state_dir_open(&mine, path, NULL) < 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK_OK(state_dir_open(&d, path, &err), err);
}

TEST(not_writable_is_said)
{
	_cleanup_(state_dir_close) struct state_dir d = STATE_DIR_INIT;
	struct error err = ERROR_INIT;
	const char *path = path_of("sealed");
	pid_t pid;
	int status;

	CHECK(mkdir(path, 0555) == 0);
	/* Root may write anywhere: ask as somebody else. */
	CHECK(chmod(test_tmpdir(), 0755) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		if (getuid() == 0 && setuid(65534) < 0)
			_exit(2);
		_exit(state_dir_open(&d, path, &err) == ERR_DENIED &&
				      strstr(err.message, "cannot write in state directory")
			      ? 0
			      : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 0);
}

TEST(a_file_is_no_directory)
{
	_cleanup_(state_dir_close) struct state_dir d = STATE_DIR_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(file_write_atomic(path_of("file"), "x", 1, 0600, false, &err), err);
	CHECK(state_dir_open(&d, path_of("file"), &err) < 0);
	CHECK(strstr(err.message, "state directory"));
}

TEST(network_file_systems_are_refused)
{
	CHECK_STR(state_dir_refuses(0x6969, "nfs4"), "NFS");
	CHECK_STR(state_dir_refuses(0xff534d42ul, "cifs"), "CIFS");
	CHECK_STR(state_dir_refuses(0x01021997ul, "9p"), "9p");
	CHECK_STR(state_dir_refuses(0x65735546ul, "fuse.sshfs"), "sshfs");
	CHECK_STR(state_dir_refuses(0x65735546ul, "fuse.s3fs"), "s3fs");
	CHECK_STR(state_dir_refuses(0x65735546ul, NULL), "FUSE");
	CHECK(!state_dir_refuses(0x65735546ul, "fuse.fuse-overlayfs"));
	CHECK(!state_dir_refuses(0xef53ul, "ext4"));
	CHECK(!state_dir_refuses(0x01021994ul, "tmpfs"));
}

TEST(path_is_absolute_and_without_links)
{
	_cleanup_(freep) char *top = realpath(test_tmpdir(), NULL);
	_cleanup_(freep) char *real = NULL;
	const char *const ways[] = {"plain/state", "./plain/../plain//state/", "way/state"};

	CHECK(top && chdir(top) == 0);
	real = path_join(top, "plain/state");
	CHECK(real && symlink("plain", "way") == 0);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		_cleanup_(state_dir_close) struct state_dir d = STATE_DIR_INIT;
		struct error err = ERROR_INIT;

		CHECK_OK(state_dir_open(&d, ways[i], &err), err);
		CHECK_STR(d.path, real);
	}
	CHECK(chdir("/") == 0);
}
