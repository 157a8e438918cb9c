#include "unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UNPACKED_MAX (16ll << 30)

static int copy_entry(struct archive *a, const char *to, char *error, size_t size)
{
	char block[1 << 14];
	FILE *f = fopen(to, "wb");
	long long total = 0;
	la_ssize_t n = 0;

	if (!f) {
		snprintf(error, size, "cannot create %s: %s", to, strerror(errno));
		return -1;
	}
	while (total <= UNPACKED_MAX && (n = archive_read_data(a, block, sizeof(block))) > 0) {
		total += n;
		if (fwrite(block, 1, (size_t)n, f) != (size_t)n)
			break;
	}
	if (n < 0)
		snprintf(error, size, "%s", archive_error_string(a));
	else if (total > UNPACKED_MAX)
		snprintf(error, size, "the file inside is larger than 16 GiB");
	else if (ferror(f) || fflush(f) != 0)
		snprintf(error, size, "cannot write %s: %s", to, strerror(errno));
	else
		error[0] = 0;
	fclose(f);
	return error[0] ? -1 : 0;
}

/* Copies the one regular file; directories are passed over, a second file is an error. */
static int copy_only_file(struct archive *a, const char *to, char *error, size_t size)
{
	struct archive_entry *entry;
	int code, files = 0;

	while ((code = archive_read_next_header(a, &entry)) == ARCHIVE_OK || code == ARCHIVE_WARN) {
		if (archive_format(a) == ARCHIVE_FORMAT_RAW && archive_filter_count(a) < 2) {
			snprintf(error, size,
				 "it is not an archive of a known kind (zip, tar, "
				 "compressed tar) nor a compressed file");
			return -1;
		}
		if (archive_entry_filetype(entry) == AE_IFDIR)
			continue;
		if (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry)) {
			snprintf(error, size, "it holds something that is not a file");
			return -1;
		}
		if (files++) {
			snprintf(error, size, "it holds more than one file");
			return -1;
		}
		if (copy_entry(a, to, error, size) != 0)
			return -1;
	}
	if (code != ARCHIVE_EOF) {
		snprintf(error, size, "%s", archive_error_string(a));
		return -1;
	}
	if (!files)
		snprintf(error, size, "it holds no file");
	return files ? 0 : -1;
}

int unpack_one(const char *from, const char *to, char *error, size_t size)
{
	struct archive *a = archive_read_new();
	int failed;

	if (!a) {
		snprintf(error, size, "out of memory");
		return -1;
	}
	archive_read_support_filter_all(a);
	archive_read_support_format_zip(a);
	archive_read_support_format_tar(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_filename(a, from, 1 << 16) != ARCHIVE_OK) {
		snprintf(error, size, "%s", archive_error_string(a));
		failed = -1;
	} else {
		failed = copy_only_file(a, to, error, size);
	}
	archive_read_free(a);
	return failed;
}
