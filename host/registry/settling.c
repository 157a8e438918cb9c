#include "registry/settling.h"

#include "base/clock.h"

#define SECOND   INT64_C(1000000000)
#define OLD_NS   (2 * SECOND)
#define APART_NS (SECOND / 10)

struct seen {
	struct file_identity identity;
	int64_t at_ns;
};

void settling_look(struct settling *s)
{
	map_done(&s->before, free);
	s->before = s->now;
	s->now = (struct map)MAP_INIT;
}

void settling_done(struct settling *s)
{
	map_done(&s->before, free);
	map_done(&s->now, free);
	*s = (struct settling){.now = MAP_INIT};
}

bool settling_young(const struct file_identity *id)
{
	return MAX(id->mtime_ns, id->ctime_ns) > clock_realtime_ns() - OLD_NS;
}

int settling_check(struct settling *s,
		   const char *path,
		   const struct file_identity *id,
		   bool *ret_settled,
		   struct error *err)
{
	const struct seen *before = map_get(&s->before, str_of(path));
	bool settled = false;
	struct seen *now;
	void *old = NULL;

	*ret_settled = true;
	if (!settling_young(id))
		return 0;
	now = malloc(sizeof(*now));
	if (!now)
		return err_nomem(err, path);
	*now = (struct seen){*id, clock_monotonic_ns()};
	if (before && file_identity_eq(&before->identity, id)) {
		settled = now->at_ns - before->at_ns >= APART_NS;
		now->at_ns = before->at_ns;
	}
	if (map_put(&s->now, str_of(path), now, &old) < 0) {
		free(now);
		return err_nomem(err, path);
	}
	free(old);
	*ret_settled = settled;
	return 0;
}
