#include "runners/frames.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "runners/frames_elf.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAMING_NS (INT64_C(3) * 1000000000)

/* What the process that finds names writes and the parent reads. */
struct names {
	char note[160];
	struct once_frame frames[ONCE_FRAMES_MAX];
};

/* A file that was loaded from a copy named by its digest. */
struct original {
	char path[ONCE_PATH_MAX];
	char name[ONCE_NAME_MAX];     /* for people; empty: the path's last part */
	char digest[SHA256_HEX_SIZE]; /* now; empty: cannot be read */
};

_Static_assert(sizeof(((struct names *)0)->note) == sizeof(((struct once_result *)0)->trace_note),
	       "a note is copied whole");

struct naming {
	const struct crash_record *crash; /* a private, checked copy */
	struct original originals[ONCE_MODULES_MAX];
	size_t n_originals;
	size_t n;            /* frames to name */
	struct names *names; /* shared */
};

/* ---- the record ------------------------------------------------------------------------------ */

/* A copy that nobody writes to any more, within its bounds whatever the child wrote. */
static struct crash_record *take_record(const struct crash_record *theirs)
{
	struct crash_record *r = malloc(sizeof(*r));

	if (!r)
		return NULL;
	memcpy(r, theirs, sizeof(*r));
	r->n_frames = MIN(r->n_frames, (uint32_t)CRASH_FRAMES_MAX);
	r->n_modules = MIN(r->n_modules, (uint32_t)CRASH_MODULES_MAX);
	for (uint32_t i = 0; i < r->n_modules; i++)
		r->modules[i].path[sizeof(r->modules[i].path) - 1] = '\0';
	return r;
}

static uint64_t lookup_pc(const struct crash_frame *f)
{
	return f->exact ? f->pc : f->pc - 1;
}

static const struct crash_module *module_of(const struct crash_record *r,
					    const struct crash_frame *f)
{
	uint64_t pc = lookup_pc(f);

	for (uint32_t i = 0; i < r->n_modules; i++)
		if (pc >= r->modules[i].start && pc < r->modules[i].end)
			return &r->modules[i];
	return NULL;
}

/* Where in its file the code is. */
static unsigned long long file_offset(const struct crash_module *m, const struct crash_frame *f)
{
	return f->pc - m->start + m->offset;
}

struct search {
	uint64_t pc;
	bool found;
};

static int look_at_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = arg;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && s->pc - (info->dlpi_addr + p->p_vaddr) < p->p_memsz)
			s->found = true;
	}
	return s->found;
}

/* Is it code that this process has as well, at the same place? Then it is not the plugin's. */
static bool is_hosts(const struct crash_frame *f)
{
	struct search s = {.pc = lookup_pc(f)};

	dl_iterate_phdr(look_at_object, &s);
	return s.found;
}

/* The outermost frames are the host's: how many there are up to the plugin's outermost one. All of
 * them when the plugin is not among them. */
static size_t plugin_frames(const struct crash_record *r)
{
	for (size_t n = r->n_frames; n > 0; n--) {
		const struct crash_frame *f = &r->frames[n - 1];
		const struct crash_module *m = module_of(r, f);

		if (m && m->path[0] == '/' && !is_hosts(f))
			return n;
	}
	return r->n_frames;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* What the mapped file is a copy of; NULL when it is none. */
static const struct original *original_of(const struct naming *w, const struct crash_module *m)
{
	for (size_t i = 0; i < w->n_originals; i++) {
		char start[17];

		snprintf(start, sizeof(start), "%.16s", w->originals[i].digest);
		if (start[0] && strstr(m->path, start))
			return &w->originals[i];
	}
	return NULL;
}

/* "/memfd:arith.so (deleted)" is arith.so to people. */
static void
module_name(const struct naming *w, const struct crash_module *m, char *out, size_t size)
{
	static const char deleted[] = " (deleted)", memfd[] = "memfd:";
	const struct original *original = original_of(w, m);
	const char *name = path_base(original ? original->path : m->path);
	size_t n;

	if (original && original->name[0])
		name = original->name;
	if (strncmp(name, memfd, strlen(memfd)) == 0)
		name += strlen(memfd);
	n = strlen(name);
	if (str_ends((struct str){name, n}, deleted))
		n -= strlen(deleted);
	snprintf(out, size, "%.*s", n ? (int)n : 16, n ? name : "[generated code]");
}

/* Before names are known: file and offset, which addr2line takes. */
static void write_plain(const struct naming *w, size_t i)
{
	const struct crash_frame *f = &w->crash->frames[i];
	const struct crash_module *m = module_of(w->crash, f);
	struct once_frame *out = &w->names->frames[i];
	char name[200];

	if (!m) {
		snprintf(out->text, sizeof(out->text), "0x%llx (no code there)",
			 (unsigned long long)f->pc);
		return;
	}
	module_name(w, m, name, sizeof(name));
	snprintf(out->text, sizeof(out->text), "%s +0x%llx", name, file_offset(m, f));
}

static void write_named(const struct naming *w, size_t i, const struct symbol *s)
{
	const struct crash_frame *f = &w->crash->frames[i];
	const struct crash_module *m = module_of(w->crash, f);
	struct buf text = BUF_INIT;
	char name[200];

	module_name(w, m, name, sizeof(name));
	buf_puts(&text, name);
	if (s->build_id[0])
		buf_printf(&text, " [build-id %s]", s->build_id);
	if (s->function[0])
		buf_printf(&text, " %s+0x%llx", s->function, (unsigned long long)s->offset);
	else
		buf_printf(&text, " +0x%llx%s", file_offset(m, f),
			   s->stripped ? " (stripped)" : "");
	if (s->file[0])
		buf_printf(&text, " (%s:%d)", s->file, s->line);
	if (!text.failed)
		snprintf(w->names->frames[i].text, sizeof(w->names->frames[i].text), "%s",
			 text.data);
	buf_done(&text);
}

/* Adds a module to "stripped: no names in a.so, b.so"; once. */
static void note_stripped(const struct naming *w, const struct crash_module *m)
{
	char *note = w->names->note;
	size_t size = sizeof(w->names->note);
	char name[200];
	size_t n;

	module_name(w, m, name, sizeof(name));
	if (strstr(note, name))
		return;
	n = strlen(note);
	snprintf(note + n, size - n, "%s%s", n ? ", " : "stripped: no names in ", name);
}

/* ---- the process that finds names ------------------------------------------------------------ */

static void find_originals(struct naming *w)
{
	for (size_t i = 0; i < w->n_originals; i++) {
		struct original *o = &w->originals[i];
		_cleanup_(closep) int fd = open(o->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		uint8_t digest[SHA256_SIZE];

		if (fd >= 0 && sha256_fd(fd, digest, NULL) == 0)
			hex_encode(digest, sizeof(digest), o->digest);
	}
}

static int open_mapped(const struct naming *w, const struct crash_module *m)
{
	const struct original *original = original_of(w, m);

	return open(original ? original->path : m->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static bool wanted(const struct naming *w, const struct crash_module *m)
{
	for (size_t i = 0; i < w->n; i++)
		if (module_of(w->crash, &w->crash->frames[i]) == m)
			return true;
	return false;
}

static void find_names(struct naming *w)
{
	struct symbols *s = symbols_new();

	find_originals(w);
	for (size_t i = 0; i < w->n; i++)
		write_plain(w, i);
	for (uint32_t i = 0; s && i < w->crash->n_modules; i++) {
		const struct crash_module *m = &w->crash->modules[i];
		int fd = m->path[0] == '/' && wanted(w, m) ? open_mapped(w, m) : -1;

		if (fd >= 0)
			symbols_add(s, m, fd);
	}
	for (size_t i = 0; s && i < w->n; i++) {
		const struct crash_frame *f = &w->crash->frames[i];
		struct symbol found;

		if (!module_of(w->crash, f) || !symbols_find(s, f, &found))
			continue;
		write_named(w, i, &found);
		if (found.stripped && !is_hosts(f))
			note_stripped(w, module_of(w->crash, f));
	}
	symbols_free(s);
}

static _Noreturn void naming_main(struct naming *w)
{
	const struct rlimit none = {0, 0};

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
	find_names(w);
	_exit(0);
}

/* ---- the parent ------------------------------------------------------------------------------ */

/* True when it ended by itself within the time, and well. */
static bool await_names(pid_t pid)
{
	const struct timespec pause = {.tv_nsec = 200 * 1000};
	int64_t end = clock_monotonic_ns() + NAMING_NS;
	int status = 0;
	pid_t r;

	while ((r = waitpid(pid, &status, WNOHANG)) == 0 && clock_monotonic_ns() < end)
		nanosleep(&pause, NULL);
	if (r == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	return r == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool name_elsewhere(struct naming *w)
{
	pid_t pid;

	for (size_t i = 0; i < w->n; i++)
		write_plain(w, i);
	pid = fork();
	if (pid == 0)
		naming_main(w);
	return pid > 0 && await_names(pid);
}

/* Copies the frames; deep recursion becomes one line. */
static void take_frames(const struct naming *w, struct once_result *ret)
{
	size_t n = 0;

	for (size_t i = 0, next; i < w->n; i = next) {
		struct once_frame *f = &w->names->frames[i], *to = &ret->frames[n++];
		size_t len;

		for (next = i + 1; next < w->n; next++)
			if (strncmp(w->names->frames[next].text, f->text, sizeof(f->text)) != 0)
				break;
		memcpy(to, f, sizeof(*to));
		to->text[sizeof(to->text) - 1] = '\0'; /* in the copy, which is ours alone */
		len = strlen(to->text);
		if (next > i + 1)
			snprintf(to->text + len, sizeof(to->text) - len, ", %zu times in a row",
				 next - i);
	}
	ret->n_frames = n;
}

static void take_originals(const struct once_child *child, struct naming *w)
{
	uint32_t n = atomic_load(&child->n_modules); /* once: the child's offspring may write it */

	w->n_originals = MIN(n, (uint32_t)ONCE_MODULES_MAX);
	for (size_t i = 0; i < w->n_originals; i++) {
		memcpy(w->originals[i].path, child->modules[i], ONCE_PATH_MAX);
		w->originals[i].path[ONCE_PATH_MAX - 1] = '\0';
		memcpy(w->originals[i].name, child->module_names[i], ONCE_NAME_MAX);
		w->originals[i].name[ONCE_NAME_MAX - 1] = '\0';
	}
}

static void name_record(const struct crash_record *crash,
			const struct once_child *child,
			struct once_result *ret)
{
	struct naming w = {.crash = crash, .n = plugin_frames(crash)};
	bool complete;

	w.names = mmap(NULL, sizeof(*w.names), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (w.names == MAP_FAILED) {
		snprintf(ret->trace_note, sizeof(ret->trace_note), "no frames: out of memory");
		return;
	}
	take_originals(child, &w);
	complete = name_elsewhere(&w);
	take_frames(&w, ret);
	if (complete)
		memcpy(ret->trace_note, w.names->note, sizeof(ret->trace_note));
	else
		snprintf(ret->trace_note, sizeof(ret->trace_note),
			 "names are incomplete: reading the files failed");
	ret->trace_note[sizeof(ret->trace_note) - 1] = '\0';
	munmap(w.names, sizeof(*w.names));
}

void frames_name(const struct crash_record *crash,
		 const struct once_child *child,
		 struct once_result *ret)
{
	_cleanup_(freep) struct crash_record *copy = take_record(crash);

	if (copy && copy->n_frames > 0)
		ret->frames = calloc(copy->n_frames, sizeof(*ret->frames));
	if (copy && ret->frames)
		name_record(copy, child, ret);
	else
		snprintf(ret->trace_note, sizeof(ret->trace_note), "no frames: %s",
			 copy && copy->n_frames == 0 ? "the stack could not be read"
						     : "out of memory");
}
