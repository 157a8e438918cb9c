#include "task/timeline.h"

#include "task/html.h"

#include <stdarg.h>
#include <stdio.h>

struct timeline_mark timeline_start(const struct timeline *t)
{
	if (!t)
		return (struct timeline_mark){0, 0};
	return (struct timeline_mark){clock_monotonic_ns(), t->wall_only ? 0 : clock_cpu_ns()};
}

/* Most names have nothing to be put in. */
static void set_name(struct timeline_phase *p, const char *fmt, va_list ap)
{
	size_t n = strcspn(fmt, "%");

	if (n < sizeof(p->name) && fmt[n] == '\0')
		memcpy(p->name, fmt, n + 1);
	else
		vsnprintf(p->name, sizeof(p->name), fmt, ap);
}

struct timeline_mark
timeline_end(struct timeline *t, struct timeline_mark mark, const char *fmt, ...)
{
	struct timeline_mark now;
	struct timeline_phase *p;
	va_list ap;

	if (!t)
		return mark;
	now = timeline_start(t);
	if (t->n == TIMELINE_MAX)
		return now;
	p = &t->phases[t->n++];
	p->wall_ns = now.wall_ns - mark.wall_ns;
	p->cpu_ns = now.cpu_ns - mark.cpu_ns;
	va_start(ap, fmt);
	set_name(p, fmt, ap);
	va_end(ap);
	return now;
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
		if (t->wall_only)
			buf_puts(out, "<td>-</td>");
		else
			put_seconds(out, p->cpu_ns);
		buf_puts(out, "</tr>");
	}
	buf_puts(out, "</tbody></table><p><strong>Note:</strong></p><ol>"
		      "<li>Steps shorter than a millisecond are measured, but mostly noise.</li>"
		      "<li>Wall time is what passed; process time is what the processor spent.</li>"
		      "</ol>");
}
