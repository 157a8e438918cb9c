#include "cli/socket_path.h"
#include "base/mem.h"
#include "lib/test.h"

#include <stdlib.h>
#include <unistd.h>

static void check(const char *flag, const char *path)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	CHECK_OK(socket_path(flag, &out, &err), err);
	CHECK_STR(out.data, path);
}

TEST(flag_then_variable_then_place)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	const bool root = geteuid() == 0;
	struct error err = ERROR_INIT;

	setenv("TASKHOST_SOCKET", "/a/worker.sock", 1);
	setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1);
	check("/b.sock", "/b.sock");
	check(NULL, "/a/worker.sock");
	setenv("TASKHOST_SOCKET", "", 1);
	if (root) {
		check(NULL, "/run/taskhost/worker.sock");
		CHECK(seteuid(65534) == 0);
	}
	check(NULL, "/run/user/1000/taskhost/worker.sock");
	unsetenv("XDG_RUNTIME_DIR");
	CHECK_ERR(socket_path(NULL, &out, &err), ERR_NOT_FOUND, err, "give --socket PATH");
	if (root) /* the leak checker needs it */
		CHECK(seteuid(0) == 0);
}
