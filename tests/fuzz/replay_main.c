/* Replays a fuzz target's corpus as an ordinary test: each file as it is, then mutated, always in
 * the same way. Prints TAP, one line per file.
 *
 *   replay [-m MUTATIONS] DIRECTORY|FILE...
 *
 * A crash names its input: the file, the number of the mutation, and the bytes, which are kept in
 * crash-input in the current directory. */
#include "fuzz.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX (1 << 20)

static uint64_t seed;
static const char *current_file;
static unsigned current_mutation;
static struct buf current;
static int number;

/* splitmix64: small and good enough to choose bytes. */
static uint64_t next_random(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static size_t below(size_t n)
{
	return n == 0 ? 0 : (size_t)(next_random() % n);
}

static void on_crash(int sig)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "not ok %d - %s\n# signal %d in mutation %u\n", number,
			 current_file, sig, current_mutation);
	int fd = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (write(STDOUT_FILENO, text, (size_t)n) < 0 ||
	    (fd >= 0 && write(fd, current.data, current.len) < 0))
		_exit(2);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void mutate(struct buf *b)
{
	static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, '"', '[', '{', '\\', '/'};
	size_t at = below(b->len + 1), n = 1 + below(4);

	switch (below(6)) {
	case 0:
		if (at < b->len)
			b->data[at] ^= (char)(1u << below(8));
		break;
	case 1:
		if (at < b->len)
			b->data[at] = (char)edges[below(sizeof(edges))];
		break;
	case 2:
		b->len = at;
		break;
	case 3: /* bytes in */
		if (!buf_reserve(b, n))
			break;
		memmove(b->data + at + n, b->data + at, b->len - at);
		for (size_t i = 0; i < n; i++)
			b->data[at + i] = (char)next_random();
		b->len += n;
		break;
	case 4: /* bytes out */
		n = MIN(n, b->len - at);
		memmove(b->data + at, b->data + at + n, b->len - at - n);
		b->len -= n;
		break;
	default: /* a piece twice */
		n = MIN(below(64) + 1, b->len - at);
		if (!buf_reserve(b, n))
			break;
		memmove(b->data + at + n, b->data + at, b->len - at);
		b->len += n;
		break;
	}
}

/* Exactly as large as the input, so that a sanitizer sees a read past its end. */
static void run_current(void)
{
	uint8_t *copy = malloc(current.len ? current.len : 1);

	if (!copy)
		abort();
	if (current.len > 0)
		memcpy(copy, current.data, current.len);
	LLVMFuzzerTestOneInput(copy, current.len);
	free(copy);
}

static int replay_file(const char *path, unsigned mutations)
{
	_cleanup_(buf_done) struct buf original = BUF_INIT;
	struct error err = ERROR_INIT;
	const char *name = path_base(path);

	number++;
	current_file = name;
	if (file_read(path, INPUT_MAX, &original, &err) < 0) {
		printf("not ok %d - %s\n# %s\n", number, name, err.message);
		return 1;
	}
	seed = original.len;
	for (const char *c = name; *c; c++)
		seed = seed * 31 + (unsigned char)*c;
	for (current_mutation = 0; current_mutation <= mutations; current_mutation++) {
		buf_clear(&current);
		buf_append(&current, original.data, original.len);
		for (size_t n = current_mutation ? 1 + below(4) : 0; n > 0; n--)
			mutate(&current);
		run_current();
	}
	printf("ok %d - %s\n", number, name);
	return 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int replay(const char *path, unsigned mutations)
{
	struct dirent **names = NULL;
	struct stat st;
	int n, failed = 0;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return replay_file(path, mutations);
	n = scandir(path, &names, visible, compare_names);
	for (int i = 0; i < n; i++) {
		_cleanup_(freep) char *file = path_join(path, names[i]->d_name);

		failed += file ? replay_file(file, mutations) : 1;
		free(names[i]);
	}
	free(names);
	return failed + (n <= 0);
}

int main(int argc, char **argv)
{
	static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	unsigned mutations = 200;
	int failed = 0, first = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 && streq(argv[1], "-m")) {
		mutations = (unsigned)strtoul(argv[2], NULL, 10);
		first = 3;
	}
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		signal(signals[i], on_crash);
	for (int i = first; i < argc; i++)
		failed += replay(argv[i], mutations);
	printf("1..%d\n", number);
	buf_done(&current);
	return failed > 0 || number == 0;
}
