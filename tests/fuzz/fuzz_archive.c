/* Whatever the archive holds: nothing appears beside the directory it is unpacked into, no limit is
 * passed, and every link inside leads to the inside. */
#include "fuzz.h"

#include "base/file.h"
#include "base/mem.h"
#include "cli/unpack.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES_MAX   65536
#define ENTRIES_MAX 200

static char *outer, *inner;

static void remove_all(void)
{
	dir_remove(outer, NULL);
	free(outer);
	free(inner);
}

static void set_up(void)
{
	struct error err = ERROR_INIT;

	FUZZ_OK(dir_make_temp(NULL, "fuzz-archive-", &outer, &err), err);
	inner = path_join(outer, "in");
	FUZZ_CHECK(inner != NULL);
	atexit(remove_all);
}

static void check_link(const char *path)
{
	char real[PATH_MAX], root[PATH_MAX];
	size_t len;

	FUZZ_CHECK(realpath(inner, root) != NULL);
	len = strlen(root);
	if (!realpath(path, real))
		return; /* leads to nothing, or in a circle */
	FUZZ_CHECK(strncmp(real, root, len) == 0 && (real[len] == '/' || real[len] == '\0'));
}

/* Sum of the sizes of all files; their number is added to *entries. */
static size_t walk(const char *dir, size_t *entries)
{
	const struct dirent *e;
	size_t bytes = 0;
	DIR *d = opendir(dir);

	FUZZ_CHECK(d != NULL);
	while ((e = readdir(d))) {
		_cleanup_(freep) char *path = path_join(dir, e->d_name);
		struct stat st;

		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		FUZZ_CHECK(path && lstat(path, &st) == 0);
		++*entries;
		FUZZ_CHECK(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode));
		FUZZ_CHECK(S_ISLNK(st.st_mode) || (st.st_mode & 07022) == 0);
		if (S_ISDIR(st.st_mode))
			bytes += walk(path, entries);
		else if (S_ISLNK(st.st_mode))
			check_link(path);
		else if (st.st_nlink == 1)
			bytes += (size_t)st.st_size;
	}
	closedir(d);
	return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct unpack_limits limits = {.bytes = BYTES_MAX, .entries = ENTRIES_MAX};
	_cleanup_(closep) int fd = memfd_create("archive", MFD_CLOEXEC);
	struct error err = ERROR_INIT;
	size_t beside = 0, inside = 0;

	if (!outer)
		set_up();
	FUZZ_OK(dir_make(inner, 0755, &err), err);
	FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	FUZZ_CHECK(lseek(fd, 0, SEEK_SET) == 0);
	if (unpack_archive(fd, "input", inner, &limits, &err) < 0)
		FUZZ_TOLD(err);
	/* One block may have been read beyond the limit before it was noticed. */
	FUZZ_CHECK(walk(inner, &inside) <= BYTES_MAX + ((size_t)64 << 10));
	walk(outer, &beside);
	FUZZ_CHECK(beside == inside + 1);
	FUZZ_OK(dir_remove(inner, &err), err);
	return 0;
}
