#include "runners/poison.h"

static void quarantine(struct poison *p, int64_t now_ns)
{
	int64_t span = POISON_FIRST_NS;

	/* Long quiet since the last time: begin anew. */
	if (p->times > 0 && now_ns - p->until_ns > POISON_LONGEST_NS)
		p->times = 0;
	for (unsigned i = 0; i < p->times && span < POISON_LONGEST_NS; i++)
		span *= 2;
	if (span > POISON_LONGEST_NS)
		span = POISON_LONGEST_NS;
	p->times++;
	p->since_ns = now_ns;
	p->until_ns = now_ns + span;
	p->n_crashes = 0;
	p->failed_starts = 0;
}

bool poison_crashed(struct poison *p, int64_t now_ns)
{
	int64_t first;

	p->crashes[p->n_crashes++ % POISON_CRASHES] = now_ns;
	if (p->n_crashes < POISON_CRASHES)
		return false;
	first = p->crashes[p->n_crashes % POISON_CRASHES];
	if (now_ns - first > POISON_WINDOW_NS)
		return false;
	quarantine(p, now_ns);
	return true;
}

bool poison_start_failed(struct poison *p, int64_t now_ns)
{
	if (++p->failed_starts < POISON_STARTS)
		return false;
	quarantine(p, now_ns);
	return true;
}

void poison_started(struct poison *p)
{
	p->failed_starts = 0;
}

bool poison_active(const struct poison *p, int64_t now_ns)
{
	return now_ns < p->until_ns;
}

void poison_clear(struct poison *p)
{
	*p = (struct poison){.n_crashes = 0};
}
