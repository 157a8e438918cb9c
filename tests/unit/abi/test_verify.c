#include "fixtures.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

/* A fresh directory that keeps the rules, with a plugin in it. */
static char *fresh_dir(void)
{
	struct error err = ERROR_INIT;
	char *dir;

	CHECK_OK(dir_make_temp(test_tmpdir(), "v", &dir, &err), err);
	return dir;
}

static int open_it(const char *path, const char *trusted, struct error *err)
{
	const char *const dirs[] = {trusted};
	const struct verify_policy policy = {dirs, trusted ? 1 : 0};
	_cleanup_(freep) char *resolved = NULL;
	_cleanup_(closep) int fd = -1;

	return verify_open(path, &policy, &fd, &resolved, err);
}

TEST(a_good_file)
{
	_cleanup_(freep) char *dir = fresh_dir(), *path = fixture_copy(dir, "good", "good.so");
	_cleanup_(freep) char *resolved = NULL, *real = realpath(path, NULL);
	_cleanup_(closep) int fd = -1;
	struct error err = ERROR_INIT;
	char magic[4];

	CHECK_OK(verify_open(path, NULL, &fd, &resolved, &err), err);
	CHECK_STR(resolved, real);
	CHECK(read(fd, magic, 4) == 4 && memcmp(magic,
						"\x7f"
						"ELF",
						4) == 0);
	CHECK_INT(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

TEST(links_are_resolved_once)
{
	_cleanup_(freep) char *dir = fresh_dir(), *path = fixture_copy(dir, "good", "real.so");
	_cleanup_(freep) char *link1 = path_join(dir, "..data"), *link2 = path_join(dir, "good.so");
	_cleanup_(freep) char *resolved = NULL, *real = realpath(path, NULL);
	_cleanup_(closep) int fd = -1;
	struct error err = ERROR_INIT;

	/* As Kubernetes mounts configuration: good.so -> ..data/real.so, ..data -> directory. */
	CHECK_INT(symlink(".", link1), 0);
	CHECK_INT(symlink("..data/real.so", link2), 0);
	CHECK_OK(verify_open(link2, NULL, &fd, &resolved, &err), err);
	CHECK_STR(resolved, real);
}

TEST(a_link_is_held_to_the_rules_of_its_target)
{
	_cleanup_(freep) char *dir = fresh_dir(), *other = fresh_dir();
	_cleanup_(freep) char *path = fixture_copy(other, "good", "good.so");
	_cleanup_(freep) char *link = path_join(dir, "good.so");
	struct error err = ERROR_INIT;

	CHECK_INT(symlink(path, link), 0);
	CHECK_OK(open_it(link, NULL, &err), err);
	CHECK_INT(chmod(other, 0777), 0);
	CHECK_ERR(open_it(link, NULL, &err), ERR_DENIED, err, "can be written by everyone");
	CHECK(strstr(err.message, other) && strstr(err.message, link));
}

TEST(missing_and_dangling)
{
	_cleanup_(freep) char *dir = fresh_dir(), *link = path_join(dir, "x.so");
	struct error err = ERROR_INIT;

	CHECK_ERR(open_it(link, NULL, &err), ERR_NOT_FOUND, err, link);
	CHECK_INT(symlink("/nowhere/at/all", link), 0);
	CHECK_ERR(open_it(link, NULL, &err), ERR_NOT_FOUND, err,
		  "is a link that leads nowhere (to /nowhere/at/all)");
}

TEST(not_regular)
{
	_cleanup_(freep) char *dir = fresh_dir(), *fifo = path_join(dir, "f.so");
	_cleanup_(freep) char *sock = path_join(dir, "s.so");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct error err = ERROR_INIT;

	CHECK_ERR(open_it(dir, NULL, &err), ERR_INVALID, err, "is a directory");
	CHECK_INT(mkfifo(fifo, 0600), 0);
	CHECK_ERR(open_it(fifo, NULL, &err), ERR_INVALID, err, "is a fifo");
	CHECK(strlen(sock) < sizeof(a.sun_path));
	memcpy(a.sun_path, sock, strlen(sock) + 1);
	CHECK_INT(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_ERR(open_it(sock, NULL, &err), ERR_INVALID, err, "is a socket");
	CHECK_ERR(open_it("/dev/null", NULL, &err), ERR_INVALID, err, "is a device");
}

TEST(size)
{
	_cleanup_(freep) char *dir = fresh_dir(), *path = path_join(dir, "x.so");
	_cleanup_(closep) int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	struct error err = ERROR_INIT;

	CHECK_ERR(open_it(path, NULL, &err), ERR_INVALID, err, "is empty");
	CHECK_INT(ftruncate(fd, 64 << 20), 0);
	CHECK_OK(open_it(path, NULL, &err), err);
	CHECK_INT(ftruncate(fd, (64 << 20) + 1), 0);
	CHECK_ERR(open_it(path, NULL, &err), ERR_INVALID, err,
		  "over the limit of 67108864 (64 MiB)");
}

TEST(file_writable_by_others)
{
	_cleanup_(freep) char *dir = fresh_dir(), *path = fixture_copy(dir, "good", "good.so");
	struct error err = ERROR_INIT;

	CHECK_INT(chmod(path, 0664), 0);
	CHECK_ERR(open_it(path, NULL, &err), ERR_DENIED, err,
		  "can be written by its group (mode 0664)");
	CHECK_INT(chmod(path, 0646), 0);
	CHECK_ERR(open_it(path, NULL, &err), ERR_DENIED, err, "chmod go-w");
	CHECK_INT(chmod(path, 0644), 0);
	CHECK_OK(open_it(path, NULL, &err), err);
}

TEST(parent_writable_by_others)
{
	_cleanup_(freep) char *dir = fresh_dir(), *path = fixture_copy(dir, "good", "good.so");
	struct error err = ERROR_INIT;

	CHECK_INT(chmod(dir, 0775), 0);
	CHECK_ERR(open_it(path, NULL, &err), ERR_DENIED, err, "can be written by its group");
	CHECK(strstr(err.message, dir) && strstr(err.message, "--trust-plugins"));
	/* The sticky bit keeps others from taking away what is ours. */
	CHECK_INT(chmod(dir, 01777), 0);
	CHECK_OK(open_it(path, NULL, &err), err);
}

TEST(owned_by_someone_else)
{
	_cleanup_(freep) char *dir = NULL, *path = NULL;
	struct error err = ERROR_INIT;

	if (geteuid() != 0)
		test_skip("only root can give files away");
	dir = fresh_dir();
	path = fixture_copy(dir, "good", "good.so");
	CHECK_INT(chown(path, 4242, 0), 0);
	CHECK_ERR(open_it(path, NULL, &err), ERR_DENIED, err, "belongs to user 4242");
	CHECK_INT(chown(path, 0, 0), 0);
	CHECK_INT(chown(dir, 4242, 0), 0);
	CHECK_ERR(open_it(path, NULL, &err), ERR_DENIED, err, "belongs to user 4242");
	/* A sticky directory does not help when the component below is not ours. */
	CHECK_INT(chown(path, 4242, 0), 0);
	CHECK_INT(chown(dir, 0, 0), 0);
	CHECK_INT(chmod(dir, 01777), 0);
	CHECK_ERR(open_it(path, NULL, &err), ERR_DENIED, err, "belongs to user 4242");
}

TEST(trusted_directory_lifts_the_rule)
{
	_cleanup_(freep) char *dir = fresh_dir(), *path = fixture_copy(dir, "good", "good.so");
	_cleanup_(freep) char *slash = path_join(dir, "");
	struct error err = ERROR_INIT;
	char near[4096];

	CHECK_INT(chmod(dir, 0777), 0);
	CHECK_INT(chmod(path, 0666), 0);
	CHECK_ERR(open_it(path, NULL, &err), ERR_DENIED, err, "can be written");
	CHECK_OK(open_it(path, dir, &err), err);
	CHECK_OK(open_it(path, slash, &err), err);
	CHECK_OK(open_it(path, "/", &err), err);
	/* Only that directory: not one whose name starts alike, and no rule of kind or size. */
	snprintf(near, sizeof(near), "%s", dir);
	near[strlen(near) - 1] = '\0';
	CHECK_ERR(open_it(path, near, &err), ERR_DENIED, err, "can be written");
	CHECK_ERR(open_it(dir, dir, &err), ERR_INVALID, err, "is a directory");
}

TEST(unreadable)
{
	_cleanup_(freep) char *dir = NULL, *path = NULL;
	struct error err = ERROR_INIT;

	if (geteuid() == 0)
		test_skip("root reads everything");
	dir = fresh_dir();
	path = fixture_copy(dir, "good", "good.so");
	CHECK_INT(chmod(path, 0200), 0);
	CHECK_ERR(open_it(path, NULL, &err), ERR_DENIED, err, "cannot be read");
}
