#include "cli/sd_notify.h"

#include "base/clock.h"
#include "lib/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct sd_notify n;
static struct error err;

/* systemd's end: bound to `name` as NOTIFY_SOCKET spells it. */
static int listen_at(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

	CHECK(fd >= 0);
	memcpy(a.sun_path, name, strlen(name));
	if (name[0] == '@')
		a.sun_path[0] = '\0';
	else
		len++;
	CHECK(bind(fd, (struct sockaddr *)&a, len) == 0);
	setenv("NOTIFY_SOCKET", name, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return fd;
}

static const char *socket_path(void)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/notify.sock", test_tmpdir());
	unlink(path);
	return path;
}

static const char *heard(int fd)
{
	static char text[2048];
	ssize_t len = recv(fd, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

TEST(without_a_socket_nothing_happens)
{
	unsetenv("NOTIFY_SOCKET");
	CHECK_OK(sd_notify_init(&n, &err), err);
	CHECK(!sd_notify_wanted(&n));
	CHECK_OK(sd_notify_ready(&n, &err), err);
	CHECK_OK(sd_notify_watchdog(&n, &err), err);
	CHECK_OK(sd_notify_status(&n, &err, "x"), err);
	sd_notify_done(&n);
}

TEST(messages_over_a_path)
{
	int fd = listen_at(socket_path());
	int64_t before = clock_monotonic_ns() / 1000;
	long long at;

	CHECK_OK(sd_notify_init(&n, &err), err);
	CHECK(sd_notify_wanted(&n));
	CHECK_OK(sd_notify_ready(&n, &err), err);
	CHECK_STR(heard(fd), "READY=1");
	CHECK_OK(sd_notify_status(&n, &err, "%d runs\nREADY=1", 3), err);
	CHECK_STR(heard(fd), "STATUS=3 runs READY=1"); /* one line, whatever is in it */
	CHECK_OK(sd_notify_reloading(&n, &err), err);
	CHECK(sscanf(heard(fd), "RELOADING=1\nMONOTONIC_USEC=%lld", &at) == 1);
	CHECK(at >= before && at <= clock_monotonic_ns() / 1000);
	CHECK_OK(sd_notify_extend(&n, INT64_C(1500000000), &err), err);
	CHECK_STR(heard(fd), "EXTEND_TIMEOUT_USEC=1500000");
	CHECK_OK(sd_notify_stopping(&n, &err), err);
	CHECK_STR(heard(fd), "STOPPING=1");
	CHECK_OK(sd_notify_watchdog(&n, &err), err); /* not asked for */
	CHECK_STR(heard(fd), "");
	sd_notify_done(&n);
	close(fd);
}

TEST(messages_over_an_abstract_socket)
{
	char name[80];
	int fd;

	snprintf(name, sizeof(name), "@taskhost-test-%d", (int)getpid());
	fd = listen_at(name);
	CHECK_OK(sd_notify_init(&n, &err), err);
	CHECK_OK(sd_notify_ready(&n, &err), err);
	CHECK_STR(heard(fd), "READY=1");
	sd_notify_done(&n);
	close(fd);
}

TEST(watchdog_interval)
{
	char pid[16];
	int fd = listen_at(socket_path());

	setenv("WATCHDOG_USEC", "3000000", 1);
	CHECK_OK(sd_notify_init(&n, &err), err);
	CHECK_INT(n.watchdog_ns, INT64_C(3000000000));
	CHECK_OK(sd_notify_watchdog(&n, &err), err);
	CHECK_STR(heard(fd), "WATCHDOG=1");
	sd_notify_done(&n);
	close(fd);

	fd = listen_at(socket_path());
	setenv("WATCHDOG_USEC", "3000000", 1);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	CHECK_OK(sd_notify_init(&n, &err), err);
	CHECK_INT(n.watchdog_ns, INT64_C(3000000000));
	sd_notify_done(&n);
	close(fd);

	fd = listen_at(socket_path());
	setenv("WATCHDOG_USEC", "3000000", 1);
	setenv("WATCHDOG_PID", "1", 1); /* meant for somebody else */
	CHECK_OK(sd_notify_init(&n, &err), err);
	CHECK_INT(n.watchdog_ns, 0);
	sd_notify_done(&n);
	close(fd);
}

TEST(children_inherit_nothing)
{
	int fd = listen_at(socket_path());

	setenv("WATCHDOG_USEC", "1", 1);
	setenv("WATCHDOG_PID", "1", 1);
	CHECK_OK(sd_notify_init(&n, &err), err);
	CHECK(!getenv("NOTIFY_SOCKET") && !getenv("WATCHDOG_USEC") && !getenv("WATCHDOG_PID"));
	CHECK(fcntl(n.fd, F_GETFD) & FD_CLOEXEC);
	sd_notify_done(&n);
	close(fd);
}

TEST(bad_variables_are_named)
{
	char big[200];
	int fd;

	setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
	CHECK_ERR(sd_notify_init(&n, &err), ERR_UNSUPPORTED, err, "NOTIFY_SOCKET is \"vsock:2:1\"");
	CHECK(!sd_notify_wanted(&n));
	CHECK_OK(sd_notify_ready(&n, &err), err);
	memset(big, 'a', sizeof(big));
	big[0] = '/';
	big[sizeof(big) - 1] = '\0';
	setenv("NOTIFY_SOCKET", big, 1);
	CHECK_ERR(sd_notify_init(&n, &err), ERR_INVALID, err, "too long");
	setenv("NOTIFY_SOCKET", "@", 1);
	CHECK_ERR(sd_notify_init(&n, &err), ERR_INVALID, err, "empty");
	fd = listen_at(socket_path());
	setenv("WATCHDOG_USEC", "soon", 1);
	CHECK_ERR(sd_notify_init(&n, &err), ERR_INVALID, err, "WATCHDOG_USEC is \"soon\"");
	CHECK_INT(n.watchdog_ns, 0);
	close(fd);
}

TEST(gone_systemd_is_an_error_not_a_wait)
{
	const char *path = socket_path();
	int fd = listen_at(path);

	CHECK_OK(sd_notify_init(&n, &err), err);
	close(fd);
	CHECK(sd_notify_ready(&n, &err) < 0);
	CHECK(strstr(err.message, "cannot tell systemd \"READY=1\""));
	sd_notify_done(&n);
}

TEST(full_socket_is_an_error_not_a_wait)
{
	int fd = listen_at(socket_path()), r = 0;

	CHECK_OK(sd_notify_init(&n, &err), err);
	for (int i = 0; i < 100000 && r == 0; i++)
		r = sd_notify_ready(&n, &err);
	CHECK(r < 0);
	sd_notify_done(&n);
	close(fd);
}
