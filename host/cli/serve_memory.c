/* Memory that the worker does not need any more, given back. */
#include "cli/serve_private.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SECOND     INT64_C(1000000000)
#define TIDY_NS    (3 * SECOND)
#define TIDY_BYTES (4u << 20)

/* The parts of a program or library that are as in the file: code, constants, what the dynamic
 * linker reads. What is asked for again comes back from the page cache. */
static int forget_file_pages(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t page = *(uintptr_t *)arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + h->p_vaddr, end = start + h->p_filesz;

		start = (start + page - 1) & ~(page - 1);
		end &= ~(page - 1);
		if (h->p_type == PT_LOAD && !(h->p_flags & PF_W) && start < end)
			madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

/* Half of what is mapped by then served to start: relocations, migrations, ELF and DWARF. */
void serve_forget_start(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	malloc_trim(0);
	dl_iterate_phdr(forget_file_pages, &page);
}

/* What a crowd or a large call left free in the heap goes back to the system once the worker idles:
 * under load it would only be faulted in again. */
static void on_tidy(struct loop_timer *t)
{
	struct serve *s = CONTAINER_OF(t, struct serve, tidy);
	struct timespec used;
	int64_t cpu_ns;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	cpu_ns = used.tv_sec * SECOND + used.tv_nsec;
	if (cpu_ns - s->tidy_cpu_ns < TIDY_NS / 50 && cpu_ns - s->tidied_cpu_ns > TIDY_NS / 300 &&
	    mallinfo2().fordblks > TIDY_BYTES) {
		malloc_trim(1 << 20);
		s->tidied_cpu_ns = cpu_ns;
	}
	s->tidy_cpu_ns = cpu_ns;
	loop_timer_set(s->loop, t, loop_now_ns() + TIDY_NS);
}

void serve_start_tidying(struct serve *s)
{
	s->tidy.fire = on_tidy;
	loop_timer_set(s->loop, &s->tidy, loop_now_ns() + TIDY_NS);
}
