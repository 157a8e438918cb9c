/* The stack of a running process, on request. */
#include "runners/crash.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

static void (*run_boundary)(void);
static struct crash_record dump; /* touched only when somebody asks */
static atomic_flag dumping = ATOMIC_FLAG_INIT;

struct line {
	char text[512];
	size_t len;
};

static void put(struct line *l, const char *s)
{
	size_t n = strlen(s), room = sizeof(l->text) - l->len;

	n = n < room ? n : room;
	memcpy(l->text + l->len, s, n);
	l->len += n;
}

static void put_number(struct line *l, uint64_t v, unsigned base)
{
	char digits[24];
	size_t at = sizeof(digits);

	digits[--at] = '\0';
	do
		digits[--at] = "0123456789abcdef"[v % base];
	while ((v /= base) > 0);
	put(l, digits + at);
}

static void flush(struct line *l)
{
	size_t done = 0;

	while (done < l->len) {
		ssize_t n = write(STDERR_FILENO, l->text + done, l->len - done);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	l->len = 0;
}

/* "  #2 0x7f…  arith.so+0x11c3": what addr2line and gdb take. */
static void put_frame(struct line *l, const struct crash_record *r, uint32_t i)
{
	uint64_t pc = r->frames[i].pc;

	put(l, "  #");
	put_number(l, i, 10);
	put(l, " 0x");
	put_number(l, pc, 16);
	for (uint32_t m = 0; m < r->n_modules; m++) {
		const struct crash_module *module = &r->modules[m];

		if (pc < module->start || pc >= module->end)
			continue;
		put(l, " ");
		put(l, module->path[0] ? module->path : "[anonymous]");
		put(l, "+0x");
		put_number(l, pc - module->start + module->offset, 16);
	}
	put(l, "\n");
}

static void on_request(int sig, siginfo_t *info, void *context)
{
	int saved = errno;
	struct line l = {.len = 0};

	(void)sig;
	(void)info;
	if (atomic_flag_test_and_set(&dumping))
		return;
	dump.n_frames = 0;
	dump.n_modules = 0;
	crash_read_modules(&dump);
	crash_unwind(&dump, crash_context_pc(context), 1, run_boundary);
	put(&l, "stack of process ");
	put_number(&l, (uint64_t)getpid(), 10);
	put(&l, ", innermost first:\n");
	flush(&l);
	for (uint32_t i = 0; i < dump.n_frames; i++) {
		put_frame(&l, &dump, i);
		flush(&l);
	}
	atomic_flag_clear(&dumping);
	errno = saved;
}

void crash_dump_on_sigusr1(void (*boundary)(void))
{
	struct sigaction action = {.sa_sigaction = on_request, .sa_flags = SA_SIGINFO | SA_RESTART};

	run_boundary = boundary;
	sigfillset(&action.sa_mask);
	sigdelset(&action.sa_mask, SIGSEGV);
	sigdelset(&action.sa_mask, SIGBUS);
	sigaction(SIGUSR1, &action, NULL);
}
