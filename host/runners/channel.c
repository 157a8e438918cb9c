#include "runners/channel.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)4096)

struct layout {
	size_t words, slab_words, to_runner, to_host, used; /* up to here all is touched at once */
	size_t crash, to_runner_slabs, to_host_slabs, total;
};

static size_t add(size_t *at, size_t size, size_t align)
{
	size_t start = (*at + align - 1) & ~(align - 1);

	*at = start + size;
	return start;
}

static struct layout layout_of(const struct channel_size *s)
{
	struct layout l;
	size_t at = sizeof(struct channel_header);

	l.words = add(&at, s->slots * sizeof(struct run_word), 64);
	l.slab_words = add(&at, 2 * sizeof(struct slab_words), 64);
	l.to_runner = add(&at, ring_size(s->ring_bytes), 64);
	l.to_host = add(&at, ring_size(s->ring_bytes), 64);
	l.used = (at + PAGE - 1) & ~(PAGE - 1);
	l.crash = add(&at, sizeof(struct crash_record), PAGE);
	l.to_runner_slabs = add(&at, SLAB_AREA_SIZE, PAGE);
	l.to_host_slabs = add(&at, SLAB_AREA_SIZE, PAGE);
	l.total = at;
	return l;
}

static int check_size(const struct channel_size *s, struct error *err)
{
	bool power = s->ring_bytes != 0 && (s->ring_bytes & (s->ring_bytes - 1)) == 0;

	if (!power || s->ring_bytes < 4 * RING_BYTES_MIN || s->ring_bytes > RING_BYTES_MAX)
		return err_set(err, ERR_INVALID, "a ring cannot have %u bytes", s->ring_bytes);
	if (s->slots == 0 || s->slots > CHANNEL_SLOTS_MAX)
		return err_set(err, ERR_INVALID, "a ring cannot have %u slots", s->slots);
	return 0;
}

static int map(struct channel *c, struct error *err)
{
	struct layout l = layout_of(&c->size);
	unsigned char *m = mmap(NULL, l.total, PROT_READ | PROT_WRITE, MAP_SHARED, c->memory, 0);
	struct slab_words *words;

	if (m == MAP_FAILED)
		return err_set_errno(err, ERR_NOMEM, errno, "cannot map the ring's memory");
	c->mapped = l.total;
	c->header = (void *)m;
	c->words = (void *)(m + l.words);
	c->to_runner = (void *)(m + l.to_runner);
	c->to_host = (void *)(m + l.to_host);
	c->crash = (void *)(m + l.crash);
	words = (void *)(m + l.slab_words);
	slab_area_init(&c->to_runner_slabs, &words[0], m + l.to_runner_slabs);
	slab_area_init(&c->to_host_slabs, &words[1], m + l.to_host_slabs);
	/* A child that the plugin forks must not write here; and no first touch while it matters.
	 */
	madvise(m, l.total, MADV_DONTFORK);
	madvise(m, l.total, MADV_DONTDUMP);
	madvise(m, l.used, MADV_POPULATE_WRITE);
	return 0;
}

static int make_memory(struct channel *c, struct error *err)
{
	struct layout l = layout_of(&c->size);

	c->memory = memfd_create("taskhost-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (c->memory < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot make a ring");
	if (ftruncate(c->memory, (off_t)l.total) < 0)
		return err_set_errno(err, ERR_NOMEM, errno, "cannot give a ring its %zu bytes",
				     l.total);
	if (fcntl(c->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot seal a ring");
	return 0;
}

static int make_eventfds(struct channel *c, struct error *err)
{
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->completed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake < 0 || c->completed < 0)
		return err_set_errno(err, err_from_errno(errno), errno, "cannot make an eventfd");
	return 0;
}

int channel_new(const struct channel_size *size, struct channel *ret, struct error *err)
{
	struct channel c = {.size = *size, .memory = -1, .wake = -1, .completed = -1};
	int r = check_size(size, err);

	if (r == 0)
		r = make_memory(&c, err);
	if (r == 0)
		r = make_eventfds(&c, err);
	if (r == 0)
		r = map(&c, err);
	if (r < 0) {
		channel_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

int channel_open(const struct channel_size *size,
		 int memory,
		 int wake,
		 int completed,
		 struct channel *ret,
		 struct error *err)
{
	struct channel c = {.size = *size, .memory = memory, .wake = wake, .completed = completed};
	int r = check_size(size, err);
	off_t end = r < 0 ? 0 : lseek(memory, 0, SEEK_END);

	if (r == 0 && end != (off_t)layout_of(size).total)
		r = err_set(err, ERR_MISMATCH, "the ring has %lld bytes, not %zu", (long long)end,
			    layout_of(size).total);
	if (r == 0)
		r = map(&c, err);
	if (r < 0) {
		c.size.slots = 1; /* whatever it was: close what came in */
		channel_done(&c);
		return r;
	}
	closep(&c.memory);
	*ret = c;
	return 0;
}

void channel_done(struct channel *c)
{
	if (c->header)
		munmap(c->header, c->mapped);
	if (c->header || c->size.slots) {
		closep(&c->memory);
		closep(&c->wake);
		closep(&c->completed);
	}
	*c = (struct channel){.memory = -1, .wake = -1, .completed = -1};
}

void channel_kick(int eventfd)
{
	const uint64_t one = 1;
	ssize_t r;

	/* EAGAIN means that it is full, which wakes as well. */
	do
		r = write(eventfd, &one, sizeof(one));
	while (r < 0 && errno == EINTR);
}

bool channel_unkick(int eventfd)
{
	uint64_t n;
	ssize_t r;

	do
		r = read(eventfd, &n, sizeof(n));
	while (r < 0 && errno == EINTR);
	return r == (ssize_t)sizeof(n);
}
