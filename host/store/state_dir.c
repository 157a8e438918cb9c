#include "store/state_dir.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FUSE_MAGIC 0x65735546ul

static const struct {
	unsigned long magic;
	const char *name;
} network[] = {
	{0x6969ul, "NFS"},        {0x517bul, "SMB"},        {0xff534d42ul, "CIFS"},
	{0xfe534d42ul, "SMB2"},   {0x00c36400ul, "Ceph"},   {0x5346414ful, "AFS"},
	{0x6b414653ul, "AFS"},    {0x73757245ul, "Coda"},   {0x01021997ul, "9p"},
	{0x0bd00bd0ul, "Lustre"}, {0x47504653ul, "GPFS"},   {0x01161970ul, "GFS2"},
	{0x7461636ful, "OCFS2"},  {0x19830326ul, "BeeGFS"}, {0x564c0000ul, "NCP"},
};

/* FUSE carries both local and remote file systems; only these are known to be local. */
static const char *const local_fuse[] = {
	"fuseblk",       "fuse.fuse-overlayfs", "fuse.bindfs",
	"fuse.mergerfs", "fuse.ext4",           "fuse.gocryptfs",
};

const char *state_dir_refuses(unsigned long magic, const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(network); i++)
		if (network[i].magic == magic)
			return network[i].name;
	if (magic != FUSE_MAGIC)
		return NULL;
	for (size_t i = 0; type && i < ARRAY_LEN(local_fuse); i++)
		if (streq(type, local_fuse[i]))
			return NULL;
	return type && str_starts(str_of(type), "fuse.") ? type + strlen("fuse.") : "FUSE";
}

/* The file system's name from a line of mountinfo: "36 35 98:0 / /mnt rw - ext3 /dev/root rw". */
static bool mount_type(char *line, unsigned dev_major, unsigned dev_minor, char *out, size_t size)
{
	char *dash = strstr(line, " - "), device[32];

	snprintf(device, sizeof(device), " %u:%u ", dev_major, dev_minor);
	if (!dash || !strstr(line, device) || strstr(line, device) > dash)
		return false;
	dash += 3;
	snprintf(out, size, "%.*s", (int)strcspn(dash, " "), dash);
	return true;
}

static bool find_mount_type(const char *path, char *out, size_t size)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;
	struct stat st;
	bool found = false;

	if (f && stat(path, &st) == 0)
		while (!found && getline(&line, &room, f) > 0)
			found = mount_type(line, major(st.st_dev), minor(st.st_dev), out, size);
	free(line);
	if (f)
		fclose(f);
	return found;
}

static int check_file_system(const char *path, struct error *err)
{
	char type[64];
	const char *name;
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return err_set_errno(err, err_from_errno(errno), errno,
				     "cannot examine state directory %s", path);
	name = state_dir_refuses((unsigned long)fs.f_type & 0xfffffffful,
				 find_mount_type(path, type, sizeof(type)) ? type : NULL);
	if (!name)
		return 0;
	return err_set(
		err, ERR_UNSUPPORTED,
		"state directory %s is on a network file system (%s), which cannot be trusted "
		"to lock and to sync; choose a local directory with --state",
		path, name);
}

/* ---- lock -------------------------------------------------------------------------------- */

static int say_holder(const char *path, int fd, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	_cleanup_(json_decrefp) json_t *doc = NULL;
	const char *host, *since;

	if (file_read_fd(fd, "lock", 4096, &text, NULL) < 0 ||
	    json_parse((struct str){text.data, text.len}, "lock", &doc, NULL) < 0)
		return err_set(err, ERR_STATE, "state directory %s is in use by another process",
			       path);
	host = json_string_value(json_object_get(doc, "host"));
	since = json_string_value(json_object_get(doc, "since"));
	return err_set(err, ERR_STATE,
		       "state directory %s is in use by process %lld on host %s since %s; stop it, "
		       "or choose another directory with --state",
		       path, (long long)json_integer_value(json_object_get(doc, "pid")),
		       host ? host : "?", since ? since : "?");
}

static int name_holder(int fd, const char *path, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct jw w = JW_INIT(&text, 0);
	char host[256] = "?", since[40] = "?";
	int r;

	gethostname(host, sizeof(host) - 1);
	time_format(clock_realtime_ns() / 1000000000, 0, since);
	jw_object_begin(&w);
	jw_kv_int(&w, "pid", getpid());
	jw_kv_strz(&w, "host", host);
	jw_kv_strz(&w, "since", since);
	jw_object_end(&w);
	buf_putc(&text, '\n');
	r = buf_check(&text, "the lock file", err);
	if (r < 0)
		return r;
	if (ftruncate(fd, 0) < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot write %s/lock",
				     path);
	return fd_write_all(fd, text.data, text.len, "the lock file", err);
}

static int take_lock(const char *path, int *ret_fd, struct error *err)
{
	_cleanup_(freep) char *file = path_join(path, "lock");
	_cleanup_(closep) int fd = -1;
	int r;

	if (!file)
		return err_nomem(err, "the lock's path");
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set_errno(err, errno == EROFS ? ERR_DENIED : err_from_errno(errno),
				     errno, "cannot write in state directory %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return say_holder(path, fd, err);
		return err_set_errno(err, ERR_IO, errno, "cannot lock %s", file);
	}
	r = name_holder(fd, path, err);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int state_dir_open(struct state_dir *d, const char *path, struct error *err)
{
	_cleanup_(freep) char *real = NULL;
	int fd = -1, r;

	r = dir_make(path, 0700, err);
	if (r < 0)
		return err_wrap(err, "state directory");
	/* Paths below it are kept in rows, and compared by processes that were given it otherwise. */
	real = realpath(path, NULL);
	if (!real)
		return err_set_errno(err, err_from_errno(errno), errno,
				     "cannot examine state directory %s", path);
	r = check_file_system(real, err);
	if (r < 0)
		return r;
	r = take_lock(real, &fd, err);
	if (r < 0)
		return r;
	d->lock_fd = fd;
	d->path = TAKE(real);
	return 0;
}

void state_dir_close(struct state_dir *d)
{
	closep(&d->lock_fd);
	free(TAKE(d->path));
	d->lock_fd = -1;
}
