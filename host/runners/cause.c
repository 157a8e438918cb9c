#include "runners/cause.h"

#include <string.h>

void cause_signal(int sig, struct buf *out)
{
	const char *text = sigdescr_np(sig), *name = sigabbrev_np(sig);

	if (text && name)
		buf_printf(out, "%s (SIG%s)", text, name);
	else
		buf_printf(out, "signal %d", sig);
}

void cause_out_of_memory(uint64_t limit, int sig, int code, struct buf *out)
{
	buf_puts(out, "out of memory");
	if (limit >= 1048576)
		buf_printf(out, " (the limit is %.1f MiB)", (double)limit / 1048576);
	else if (limit)
		buf_printf(out, " (the limit is %llu bytes)", (unsigned long long)limit);
	buf_puts(out, ", ended by ");
	if (sig)
		cause_signal(sig, out);
	else
		buf_printf(out, "exit(%d)", code);
}
