#include "task/timeline.h"

#include "task/html.h"

#include <stdarg.h>
#include <stdio.h>

struct timeline_mark timeline_start(void)
{
	return (struct timeline_mark){clock_monotonic_ns(), clock_cpu_ns()};
}

void timeline_end(struct timeline *t, struct timeline_mark mark, const char *fmt, ...)
{
	struct timeline_phase *p;
	va_list ap;

	if (!t || t->n == TIMELINE_MAX)
		return;
	p = &t->phases[t->n++];
	p->wall_ns = clock_monotonic_ns() - mark.wall_ns;
	p->cpu_ns = clock_cpu_ns() - mark.cpu_ns;
	va_start(ap, fmt);
	vsnprintf(p->name, sizeof(p->name), fmt, ap);
	va_end(ap);
}

static void put_seconds(struct buf *out, int64_t ns)
{
	buf_printf(out, "<td>%.6f</td>", (double)ns / 1e9);
}

void timeline_html(const struct timeline *t, struct buf *out)
{
	if (!t || t->n == 0)
		return;
	buf_puts(out, "<table><thead><tr><th>Name</th><th>Wall Time(s)</th><th>Process Time(s)</th>"
		      "</tr></thead><tbody>");
	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_phase *p = &t->phases[i];

		buf_puts(out, "<tr><td>");
		html_escape(str_of(p->name), out);
		buf_puts(out, "</td>");
		put_seconds(out, p->wall_ns);
		put_seconds(out, p->cpu_ns);
		buf_puts(out, "</tr>");
	}
	buf_puts(out, "</tbody></table><p><strong>Note:</strong></p><ol>"
		      "<li>Steps shorter than a millisecond are measured, but mostly noise.</li>"
		      "<li>Wall time is what passed; process time is what the processor spent.</li>"
		      "</ol>");
}
