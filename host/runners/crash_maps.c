/* What /proc says about this process, read without allocation. */
#include "runners/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

struct reader {
	int fd;
	size_t at, len;
	char block[2048];
};

/* The next byte, or -1 at the end. */
static int next_byte(struct reader *r)
{
	if (r->at == r->len) {
		ssize_t n;

		do
			n = read(r->fd, r->block, sizeof(r->block));
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			return -1;
		r->at = 0;
		r->len = (size_t)n;
	}
	return (unsigned char)r->block[r->at++];
}

static int digit_of(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 16;
}

/* Reads a number and the one character after it, which *ret_end gets. */
static uint64_t read_number(struct reader *r, unsigned base, int *ret_end)
{
	uint64_t v = 0;
	int c = next_byte(r);

	while (c >= 0 && (unsigned)digit_of(c) < base) {
		v = v * base + (unsigned)digit_of(c);
		c = next_byte(r);
	}
	*ret_end = c;
	return v;
}

/* Skips to after the next `end`; false when a newline or the end of the file came first. */
static bool skip_past(struct reader *r, char end)
{
	int c = next_byte(r);

	while (c >= 0 && c != end && c != '\n')
		c = next_byte(r);
	return c == end;
}

/* The rest of the line, cut to what fits, without the spaces before it. */
static void read_rest(struct reader *r, char *out, size_t size)
{
	size_t n = 0;
	int c = next_byte(r);

	while (c == ' ')
		c = next_byte(r);
	for (; c >= 0 && c != '\n'; c = next_byte(r))
		if (n + 1 < size)
			out[n++] = (char)c;
	out[n] = '\0';
}

/* "start-end rwxp offset major:minor inode   path". 1 a mapping with code, 0 another, -1 the end.
 */
static int read_mapping(struct reader *r, struct crash_module *m)
{
	bool executable = false;
	int c;

	m->start = read_number(r, 16, &c);
	if (c != '-')
		return -1;
	m->end = read_number(r, 16, &c);
	for (c = next_byte(r); c >= 0 && c != ' '; c = next_byte(r))
		executable = executable || c == 'x';
	m->offset = read_number(r, 16, &c);
	if (c != ' ' || !skip_past(r, ' '))
		return -1;
	read_number(r, 10, &c);
	if (c == '\n')
		m->path[0] = '\0';
	else
		read_rest(r, m->path, sizeof(m->path));
	return executable;
}

void crash_read_modules(struct crash_record *record)
{
	struct reader r = {.fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};

	if (r.fd < 0)
		return;
	while (record->n_modules < CRASH_MODULES_MAX) {
		int kind = read_mapping(&r, &record->modules[record->n_modules]);

		if (kind < 0)
			break;
		record->n_modules += kind == 1;
	}
	close(r.fd);
}

uint64_t crash_data_bytes(void)
{
	static const char label[] = "VmData:";
	struct reader r = {.fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC)};
	uint64_t kib = 0;
	size_t matched = 0;
	int c;

	if (r.fd < 0)
		return 0;
	while (label[matched] && (c = next_byte(&r)) >= 0)
		matched = c == label[matched] ? matched + 1 : (size_t)(c == label[0]);
	do
		c = next_byte(&r);
	while (c == ' ' || c == '\t');
	for (; c >= '0' && c <= '9'; c = next_byte(&r))
		kib = kib * 10 + (unsigned)(c - '0');
	close(r.fd);
	return kib << 10;
}
